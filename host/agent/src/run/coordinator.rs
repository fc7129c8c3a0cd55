//! Keeps what runs in step with what the repository assigns.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::Context as _;
use bailiwick_core::{
    assignment::{self, AssignedPlugin, Assignment},
    digest::Sha256,
    ids::{GroupName, PluginName},
    ports::Fetch,
    revocation::{self, Revocations},
    rollout::{Event as Happening, Rollout, Trial},
};
use bailiwick_delivery::{Delivery, Refreshed, SignedRole};
use tokio::sync::mpsc;

use super::{
    activate,
    actor::{CallEnded, Order},
    host::Host,
    offline::Offline,
    plugin::{Around, Plugin},
    shown::Shown,
    signed,
};
use crate::{actions, events::Event};

/// Under which name the store keeps the rollouts.
const ROLLOUTS: &str = "rollouts";

/// The versions that a refresh brought.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    pub(crate) timestamp: u64,
    pub(crate) serial: u64,
    /// Settings that the repository signs, or why the last ones stay.
    pub(crate) settings: Result<Option<String>, String>,
}

/// What runs, and what should.
pub(crate) struct Coordinator {
    host: Arc<Host>,
    delivery: Delivery,
    endpoint: Arc<dyn Fetch>,
    groups: BTreeSet<GroupName>,
    plugins: BTreeMap<PluginName, Plugin>,
    ended: mpsc::UnboundedSender<CallEnded>,
    /// As last written.
    stored: Vec<u8>,
    /// What was told of assigned versions that nobody signed, so that it is told once.
    unsigned: BTreeMap<PluginName, String>,
    /// The target of the signed settings.
    settings: Option<Sha256>,
    /// That of the operators.
    operators: Option<Sha256>,
    /// What runs, for who asks meanwhile.
    shown: Arc<Shown>,
}

impl Coordinator {
    pub(crate) fn new(
        host: Arc<Host>,
        delivery: Delivery,
        endpoint: Arc<dyn Fetch>,
        groups: BTreeSet<GroupName>,
    ) -> (Self, mpsc::UnboundedReceiver<CallEnded>) {
        let (ended, calls) = mpsc::unbounded_channel();
        let this = Self {
            host,
            delivery,
            endpoint,
            groups,
            plugins: BTreeMap::new(),
            ended,
            stored: Vec::new(),
            unsigned: BTreeMap::new(),
            settings: None,
            operators: None,
            shown: Arc::default(),
        };
        (this, calls)
    }

    /// Starts what was active when the agent ended, from the disk alone. Returns how many
    /// plugins run.
    ///
    /// # Errors
    /// What is on disk is damaged or can't be read.
    pub(crate) async fn start_offline(&mut self) -> anyhow::Result<usize> {
        let Some(stored) = self.host.store.value(ROLLOUTS).await? else {
            return Ok(0);
        };
        let rollouts: Vec<Rollout> =
            serde_json::from_slice(&stored).context("the record of what runs is damaged")?;
        let revoked = match self.delivery.offline() {
            Ok(Some(known)) => revocations(&known)?,
            Ok(None) => Revocations::default(),
            // What was revoked before was taken out of the record when that was learned.
            Err(error) => {
                let what = format!("the verified metadata ({error}); the next refresh brings it");
                self.host.tell(Event::Quarantined { what }).await;
                Revocations::default()
            }
        };
        for rollout in rollouts {
            let rollout = rollout.restored(Trial::default(), revoked.clone());
            let name = rollout.plugin().clone();
            let mut plugin = Plugin::new(rollout, self.ended.clone());
            plugin
                .happened(&mut self.around(&Offline, true), Happening::Started)
                .await;
            self.plugins.insert(name, plugin);
            self.show();
        }
        self.store().await?;
        self.host.second_line.look_again();
        Ok(self.shown.list().len())
    }

    /// Reads the repository and follows it.
    ///
    /// # Errors
    /// The repository could not be read or did not verify. What runs goes on.
    pub(crate) async fn refresh(&mut self) -> anyhow::Result<Followed> {
        let endpoint = Arc::clone(&self.endpoint);
        let known = self
            .delivery
            .refresh(&*endpoint, self.host.clock.now())
            .await?;
        let assigned = text(&known.assignment).context(assignment::TARGET)?;
        let assigned = Assignment::parse(assignment::TARGET, &assigned)?;
        let revoked = revocations(&known)?;
        let version = |role: &str| known.roles.get(role).map_or(0, |role| role.version);
        let timestamp = version("timestamp");
        self.host
            .tell(Event::Refreshed {
                timestamp,
                serial: assigned.serial,
                keys: known
                    .roles
                    .get("policies")
                    .map_or_else(Vec::new, |role| role.keys.clone()),
            })
            .await;
        // First, for no action begins while it is signed and not there who may ask for it.
        self.operators(&*endpoint, known.roles.get("timestamp"))
            .await;
        self.follow(&assigned, &revoked, &*endpoint).await;
        // Now that nothing runs any more under what is signed no more.
        self.host.second_line.look_again();
        let settings = self.signed_settings(&*endpoint).await;
        self.store().await?;
        self.tidy();
        Ok(Followed {
            timestamp,
            serial: assigned.serial,
            settings,
        })
    }

    async fn signed_settings(&mut self, fetch: &dyn Fetch) -> Result<Option<String>, String> {
        let found = signed::fetch(&self.host, &mut self.delivery, fetch).await;
        let found = found.map_err(|error| format!("{error:#}"))?;
        self.settings = found.sha256;
        Ok(found.text)
    }

    /// Who may sign actions; as before where that can't be read.
    async fn operators(&mut self, fetch: &dyn Fetch, timestamp: Option<&SignedRole>) {
        let expires = timestamp.and_then(|role| role.expires.as_deref());
        match actions::refresh(&self.host, &mut self.delivery, fetch, expires).await {
            Ok(sha256) => self.operators = sha256,
            Err(error) => {
                let reason =
                    format!("the list of operators is not taken, the last one stays: {error:#}");
                self.host.tell(Event::SettingsRefused { reason }).await;
            }
        }
    }

    /// Reads the repository elsewhere from now on.
    pub(crate) fn set_endpoint(&mut self, endpoint: Arc<dyn Fetch>) {
        self.endpoint = endpoint;
    }

    /// The device belongs to these groups when the assignment is next followed.
    pub(crate) fn set_groups(&mut self, groups: BTreeSet<GroupName>) {
        self.groups = groups;
    }

    /// Every plugin goes on under the ceiling as it is now.
    ///
    /// # Errors
    /// What changed could not be written.
    pub(crate) async fn follow_ceiling(&mut self) -> anyhow::Result<()> {
        let names: Vec<_> = self.plugins.keys().cloned().collect();
        for name in names {
            if let Some(mut plugin) = self.plugins.remove(&name) {
                plugin
                    .follow_ceiling(&mut self.around(&Offline, true))
                    .await;
                self.plugins.insert(name, plugin);
                self.show();
            }
        }
        self.store().await
    }

    /// A call ended: a generation on probation comes closer to staying, or to going back.
    ///
    /// # Errors
    /// What changed could not be written.
    pub(crate) async fn call_ended(&mut self, ended: CallEnded) -> anyhow::Result<()> {
        let happening = match ended.failure {
            None => Happening::CallSucceeded {
                generation: ended.generation,
            },
            Some(reason) => Happening::CallFailed {
                generation: ended.generation,
                reason,
            },
        };
        self.tell_plugin(&ended.plugin, happening, &Offline).await;
        self.store().await
    }

    /// The console wants a full report of this plugin.
    pub(crate) async fn ask_full(&self, plugin: &PluginName) {
        if let Some(orders) = self.orders(plugin.as_str()) {
            // A plugin that ended meanwhile sends a full one when it is back.
            drop(orders.send(Order::Full).await);
        }
    }

    /// The plugins that run, whatever is being done to them.
    pub(crate) fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown)
    }

    fn show(&self) {
        self.shown.set(self.plugins.values());
    }

    /// How one plugin is asked.
    pub(crate) fn orders(&self, plugin: &str) -> Option<mpsc::Sender<Order>> {
        self.plugins.get(plugin)?.orders.clone()
    }

    async fn follow(&mut self, assigned: &Assignment, revoked: &Revocations, fetch: &dyn Fetch) {
        let names: Vec<_> = self.plugins.keys().cloned().collect();
        for name in &names {
            self.tell_plugin(name, Happening::Revoked(revoked.clone()), fetch)
                .await;
        }
        let wanted = assigned.for_device(&self.host.device, &self.groups);
        for name in names
            .iter()
            .filter(|name| wanted.iter().all(|wanted| wanted.name != **name))
        {
            let unassigned = Happening::Unassigned {
                serial: assigned.serial,
            };
            self.tell_plugin(name, unassigned, fetch).await;
        }
        for wanted in wanted {
            self.assign(wanted, assigned.serial, revoked, fetch).await;
        }
    }

    async fn assign(
        &mut self,
        wanted: &AssignedPlugin,
        serial: u64,
        revoked: &Revocations,
        fetch: &dyn Fetch,
    ) {
        let resolved = activate::resolve(&self.host, &mut self.delivery, fetch, wanted).await;
        let resolved = match resolved {
            Ok(resolved) => resolved,
            Err(error) => return self.unresolved(wanted, format!("{error:#}")).await,
        };
        self.unsigned.remove(&wanted.name);
        if !self.plugins.contains_key(&wanted.name) {
            let rollout =
                Rollout::new(wanted.name.clone(), wanted.vendor.clone(), Trial::default())
                    .restored(Trial::default(), revoked.clone());
            let plugin = Plugin::new(rollout, self.ended.clone());
            self.plugins.insert(wanted.name.clone(), plugin);
        }
        let assigned = Happening::Assigned {
            serial,
            wanted: resolved,
        };
        self.tell_plugin(&wanted.name, assigned, fetch).await;
    }

    /// An assigned version whose manifest or policy nobody signed, or that could not be
    /// fetched: what runs goes on.
    async fn unresolved(&mut self, wanted: &AssignedPlugin, reason: String) {
        if self
            .unsigned
            .insert(wanted.name.clone(), reason.clone())
            .as_ref()
            == Some(&reason)
        {
            return;
        }
        if let Some(plugin) = self.plugins.get_mut(&wanted.name) {
            plugin.remark.clone_from(&reason);
            self.shown.set(self.plugins.values());
        }
        if let Some(plugin) = self.plugins.get(&wanted.name) {
            let running = plugin.rollout.running();
            if running.is_some_and(|running| running.wanted.version == wanted.version) {
                // Nothing new was refused: it runs, and could only not be looked up again.
                return;
            }
        }
        self.host
            .tell(Event::Refused {
                plugin: wanted.name.clone(),
                version: wanted.version.to_string(),
                reason,
            })
            .await;
    }

    async fn tell_plugin(&mut self, name: &PluginName, happening: Happening, fetch: &dyn Fetch) {
        let Some(mut plugin) = self.plugins.remove(name) else {
            return;
        };
        plugin
            .happened(&mut self.around(fetch, false), happening)
            .await;
        self.plugins.insert(name.clone(), plugin);
        self.show();
    }

    fn around<'a>(&'a mut self, fetch: &'a dyn Fetch, offline: bool) -> Around<'a> {
        Around {
            host: &self.host,
            delivery: &mut self.delivery,
            fetch,
            offline,
        }
    }

    /// Removes targets and artifacts that no generation needs, so that the stores never
    /// fill up with what once ran.
    fn tidy(&self) {
        let generations = self.plugins.values().flat_map(|plugin| {
            let rollout = &plugin.rollout;
            rollout.running().into_iter().chain(rollout.previous())
        });
        let mut keep: BTreeSet<_> = self.settings.into_iter().chain(self.operators).collect();
        for generation in generations {
            match activate::in_use(&self.delivery, &generation.wanted) {
                Ok(digests) => keep.extend(digests),
                // What can't be told apart is kept: all of it.
                Err(_) => return,
            }
        }
        let components: Vec<_> = keep.iter().copied().collect();
        if let Err(error) = self.delivery.prune(&keep) {
            self.host
                .output
                .warn(&format!("old targets stay on the disk: {error}"));
        }
        if let Err(error) = self.host.artifacts.retain(&components) {
            self.host
                .output
                .warn(&format!("old artifacts stay on the disk: {error}"));
        }
    }

    /// Keeps the rollouts, if they changed.
    async fn store(&mut self) -> anyhow::Result<()> {
        let rollouts: Vec<_> = self
            .plugins
            .values()
            .map(|plugin| &plugin.rollout)
            .collect();
        let bytes = serde_json::to_vec(&rollouts)?;
        if bytes != self.stored {
            self.host
                .store
                .set_value(ROLLOUTS, Some(bytes.clone()))
                .await?;
            self.stored = bytes;
        }
        Ok(())
    }
}

fn revocations(known: &Refreshed) -> anyhow::Result<Revocations> {
    let revoked = text(&known.revoked).context(revocation::TARGET)?;
    Ok(Revocations::parse(revocation::TARGET, &revoked)?)
}

fn text(bytes: &[u8]) -> anyhow::Result<String> {
    String::from_utf8(bytes.to_vec()).context("a signed document is not text")
}
