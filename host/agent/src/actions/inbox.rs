//! Envelopes: from a broker or the console, judged, and passed on or refused.

use std::{sync::Arc, time::Duration};

use bailiwick_core::{
    action::{Accepted, ActionId, Envelope, Judged, Outcome, Refusal, Standing, judge},
    ids::PluginName,
    release::World,
    time::Timestamp,
};
use bailiwick_store::ActionRecord;
use bailiwick_transport::{SendError, actions::verifies, full_jitter};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::{desk::Desk, telling};
use crate::{
    events::Event,
    random,
    run::{Destination, Host, Shown, describe},
};

/// Until the console is asked again after a failure; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// For a plugin to say what it is.
const PATIENCE: Duration = Duration::from_secs(10);
/// What was refused is told so often at once,
const BURST: u32 = 10;
/// and then once in this time: who can send can't drown what else is told.
const BETWEEN: Duration = Duration::from_secs(10);

/// Takes envelopes for ever. What was cut by the end before is told first.
///
/// # Errors
/// The store failed at the start, or the agent ends.
pub(crate) async fn run(
    host: Arc<Host>,
    shown: Arc<Shown>,
    mut destinations: watch::Receiver<Option<Destination>>,
) -> anyhow::Result<()> {
    let desk = Desk::new(Arc::clone(&host), Arc::clone(&shown), destinations.clone());
    let mut inbox = Inbox {
        desk: Arc::new(desk),
        host,
        shown,
        told_until: Instant::now(),
    };
    inbox.recover().await?;
    let mut failed = 0;
    loop {
        let to = destinations.borrow_and_update().clone();
        let next = async {
            match &to {
                Some(Destination::Mqtt(device)) => match device.action().await {
                    Some(envelope) => Ok(vec![envelope.to_vec()]),
                    // Another destination follows.
                    None => std::future::pending().await,
                },
                Some(Destination::Https { actions, .. }) => actions.next().await,
                None => std::future::pending().await,
            }
        };
        let envelopes = tokio::select! {
            envelopes = next => envelopes,
            changed = destinations.changed() => {
                changed?;
                continue;
            }
        };
        match envelopes {
            Ok(envelopes) => {
                failed = 0;
                let is_https = matches!(to, Some(Destination::Https { .. }));
                let any = !envelopes.is_empty();
                for envelope in envelopes {
                    inbox.take(&envelope).await;
                }
                if is_https && any {
                    // They come again until their outcomes are in: not at once.
                    tokio::time::sleep(FIRST_PAUSE).await;
                }
            }
            // That the console is not reached is told by whoever sends.
            Err(error) => {
                let pause = full_jitter(failed, FIRST_PAUSE, LONGEST_PAUSE, random::number()?);
                failed = failed.saturating_add(1);
                // A receiver that asks to be left alone for longer is.
                let asked = match error {
                    SendError::Retry { after, .. } => after.unwrap_or_default(),
                    _ => Duration::ZERO,
                };
                tokio::select! {
                    () = tokio::time::sleep(pause.max(asked)) => {}
                    changed = destinations.changed() => changed?,
                }
            }
        }
    }
}

struct Inbox {
    host: Arc<Host>,
    shown: Arc<Shown>,
    desk: Arc<Desk>,
    /// Refusals are told from then on without a pause.
    told_until: Instant,
}

impl Inbox {
    /// What had begun when the agent ended: nobody knows what it did.
    async fn recover(&self) -> anyhow::Result<()> {
        for (id, record) in self.host.store.actions_at_work().await? {
            self.desk.end(id, record, Outcome::Interrupted).await;
        }
        Ok(())
    }

    async fn take(&mut self, bytes: &[u8]) {
        let envelope = match Envelope::parse(bytes) {
            Ok(envelope) => envelope,
            Err(error) => return self.tell(None, error.to_string()).await,
        };
        let id = envelope.id();
        if self.desk.has(&id) {
            return;
        }
        let kept = match self.host.store.action(id).await {
            Ok(kept) => kept,
            Err(error) => return self.tell(Some(id), error.to_string()).await,
        };
        let known = self.host.authority.known();
        let judged = Judged {
            operators: &known.operators,
            device: &self.host.device,
            groups: &known.groups,
            signed: known.signed,
            now: self.host.clock.now(),
            standing: self.standing(&envelope.document().handler).await,
        };
        match judge(&envelope, &judged, |_| kept.is_some(), verifies) {
            Ok(accepted) => self.accept(envelope, accepted).await,
            Err(refusal) => self.refuse(id, refusal, kept).await,
        }
    }

    async fn standing(&self, plugin: &PluginName) -> Standing {
        let running = self.shown.list();
        let running = running.iter().find(|running| running.name == *plugin);
        let Some(orders) = running.and_then(|running| running.orders()) else {
            return match self.shown.has(plugin) {
                true => Standing::Stopped,
                false => Standing::Unassigned,
            };
        };
        match timeout(PATIENCE, describe(&orders)).await {
            Ok(Some(told)) if told.launch.release.world == World::ActionHandler => {
                Standing::Handler
            }
            Ok(Some(_)) => Standing::Collector,
            // It is at work for longer, or was stopped meanwhile.
            Ok(None) | Err(_) => Standing::Stopped,
        }
    }

    async fn accept(&mut self, envelope: Envelope, accepted: Accepted) {
        let document = envelope.document();
        let id = document.id;
        let operators = self.host.authority.known().operators;
        let accepted_event = Event::ActionAccepted {
            action: id,
            plugin: document.handler.clone(),
            order: match &accepted {
                Accepted::Run(_) => "run",
                Accepted::Cancel { .. } => "cancel",
                Accepted::Rate { .. } => "rate",
            }
            .to_owned(),
            operator: operators.of(&document.key).map_or_else(
                || document.key.to_string(),
                |operator| operator.name.clone(),
            ),
        };
        let record = ActionRecord {
            handler: document.handler.clone(),
            expires: document.expires,
            ended: None,
        };
        match accepted {
            Accepted::Run(request) => match self.desk.queue(request, envelope) {
                Ok(()) => self.host.tell(accepted_event).await,
                Err(reason) => self.not_done(id, reason).await,
            },
            Accepted::Cancel { action, handler } => {
                if self.desk.begin(id, record.clone()).await {
                    self.host.tell(accepted_event).await;
                    let outcome = self.desk.cancel(&action, &handler);
                    self.desk.end(id, record, outcome).await;
                }
            }
            Accepted::Rate {
                plugin,
                every,
                lasts,
            } => {
                if self.desk.begin(id, record.clone()).await {
                    self.host.tell(accepted_event).await;
                    let outcome = self.desk.rate(&plugin, every, lasts).await;
                    self.desk.end(id, record, outcome).await;
                }
            }
        }
    }

    /// What ran here is answered with how it ended, whatever else speaks against it now.
    async fn refuse(&mut self, id: ActionId, refusal: Refusal, kept: Option<ActionRecord>) {
        if !refusal.is_of_an_operator() {
            // Its id may be another one's: nothing is told under it.
            return self.tell(Some(id), refusal.to_string()).await;
        }
        match kept.and_then(|record| record.ended) {
            Some(ended) => self.answer(id, ended.outcome, ended.at).await,
            None => self.not_done(id, refusal.to_string()).await,
        }
    }

    /// Tells the device's own record, and whoever asked.
    async fn not_done(&mut self, id: ActionId, reason: String) {
        self.tell(Some(id), reason.clone()).await;
        let at = self.host.clock.now();
        self.answer(id, Outcome::Refused { reason }, at).await;
    }

    async fn answer(&self, id: ActionId, outcome: Outcome, at: Timestamp) {
        if let Err(error) = telling::ended(&self.host, id, outcome, at, None).await {
            self.host.output.warn(&format!("action {id}: {error}"));
        }
    }

    async fn tell(&mut self, action: Option<ActionId>, reason: String) {
        let now = Instant::now();
        if self.told_until > now + BETWEEN * BURST {
            return;
        }
        self.told_until = self.told_until.max(now) + BETWEEN;
        self.host
            .tell(Event::ActionRefused { action, reason })
            .await;
    }
}
