//! The settings of the running agent: read anew when a layer changes, and what follows.

use std::{path::PathBuf, sync::Arc};

use bailiwick_core::settings::{Changed, Listed, Name, Settings};
use tokio::sync::{Notify, watch};

use super::{
    ceiling::watched,
    connections::{Connections, Destination, for_plugins},
    coordinator::Coordinator,
    host::Host,
    watch::Watch,
};
use crate::{events::Event, settings::Sources};

/// What the settings are and where they come from.
pub(crate) struct Configuration {
    host: Arc<Host>,
    sources: Sources,
    signed: Option<String>,
    pub(crate) used: Settings,
    /// What counts at the next start.
    pub(crate) waiting: Vec<Listed>,
    /// What was last refused, so that it is told once.
    refused: Option<String>,
    refused_ceiling: Option<String>,
    destinations: watch::Sender<Option<Destination>>,
    changed: Arc<Notify>,
    watch: Option<Watch>,
}

/// What a change asks of the loop besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing.
    Nothing,
    /// The repository is read at once: it is another one, or other things are wanted of it.
    Refresh,
    /// The time of the next refresh is another one.
    Reschedule,
}

impl Configuration {
    /// Begins to watch the files. `changed` rings when one may have changed.
    pub(crate) fn new(
        host: Arc<Host>,
        sources: Sources,
        (used, signed): (Settings, Option<String>),
        destinations: watch::Sender<Option<Destination>>,
        changed: Arc<Notify>,
    ) -> Self {
        let mut this = Self {
            host,
            sources,
            signed,
            used,
            waiting: Vec::new(),
            refused: None,
            refused_ceiling: None,
            destinations,
            changed,
            watch: None,
        };
        this.watch();
        this
    }

    /// The repository signs these settings now, or it is known why the last ones stay.
    pub(crate) async fn signed(
        &mut self,
        signed: &Result<Option<String>, String>,
        coordinator: &mut Coordinator,
    ) -> Then {
        match signed {
            Ok(signed) if *signed == self.signed => Then::Nothing,
            Ok(signed) => {
                self.signed.clone_from(signed);
                self.read(coordinator).await
            }
            Err(reason) => {
                self.refuse(reason.clone()).await;
                Then::Nothing
            }
        }
    }

    /// Reads settings and ceiling anew and applies what changed. What can't be used changes
    /// nothing.
    pub(crate) async fn read(&mut self, coordinator: &mut Coordinator) -> Then {
        let then = match self.read_settings(coordinator).await {
            Ok(then) => then,
            Err(error) => {
                self.refuse(format!("{error:#}")).await;
                Then::Nothing
            }
        };
        self.read_ceiling(coordinator).await;
        then
    }

    async fn read_settings(&mut self, coordinator: &mut Coordinator) -> anyhow::Result<Then> {
        let read = self.sources.read(self.signed.as_deref())?;
        let reload = self.used.reload(read);
        let is_new = |name| reload.changed.iter().any(|change| change.to.name == name);
        let elsewhere = [
            Name::UpdateUrl,
            Name::ReportUrl,
            Name::MqttUrl,
            Name::MqttLoginFile,
            Name::Ack,
            Name::CaFile,
            Name::OtlpUrl,
            Name::OtlpEvery,
        ]
        .map(is_new);
        if elsewhere.contains(&true) {
            // Before anything is changed: this can fail.
            let connections = Connections::new(
                &reload.used,
                self.host.device,
                self.host.identity.as_deref(),
            )?;
            coordinator.set_endpoint(connections.endpoint);
            self.host.files.send_replace(connections.files);
            self.host.metering.send_replace(connections.metering);
            self.destinations.send_replace(connections.destination);
            let (trust, proxy) = for_plugins(&reload.used);
            self.host.requests.go_by(trust, proxy);
        }
        self.refused = None;
        self.host.budget.set(reload.used.budget);
        if is_new(Name::Groups) {
            coordinator.set_groups(reload.used.groups.clone());
            self.host.authority.set_groups(reload.used.groups.clone());
        }
        let then = if is_new(Name::Groups) || is_new(Name::UpdateUrl) || is_new(Name::CaFile) {
            Then::Refresh
        } else if is_new(Name::RefreshEvery) {
            Then::Reschedule
        } else {
            Then::Nothing
        };
        let other_file = is_new(Name::CeilingFile);
        let news = !reload.changed.is_empty() || reload.waiting != self.waiting;
        (self.used, self.waiting) = (reload.used, reload.waiting);
        if other_file {
            self.watch();
        }
        if news {
            self.host
                .tell(Event::SettingsChanged {
                    changed: reload.changed.iter().map(Changed::to_string).collect(),
                    at_next_start: self.waiting.iter().map(next_start).collect(),
                })
                .await;
        }
        Ok(then)
    }

    async fn read_ceiling(&mut self, coordinator: &mut Coordinator) {
        let file = self.used.ceiling_file.as_deref();
        match self.host.ceiling.read_again(file) {
            Ok(None) => self.refused_ceiling = None,
            Ok(Some(entries)) => {
                self.refused_ceiling = None;
                self.host.tell(Event::CeilingChanged { entries }).await;
                if let Err(error) = coordinator.follow_ceiling().await {
                    self.host
                        .output
                        .warn(&format!("the record of what runs is behind: {error:#}"));
                }
            }
            Err(error) => {
                let reason = format!("{error:#}");
                if self.refused_ceiling.replace(reason.clone()).as_ref() != Some(&reason) {
                    self.host.tell(Event::CeilingRefused { reason }).await;
                }
            }
        }
    }

    async fn refuse(&mut self, reason: String) {
        if self.refused.replace(reason.clone()).as_ref() != Some(&reason) {
            self.host.tell(Event::SettingsRefused { reason }).await;
        }
    }

    /// Watches the files that are in use.
    fn watch(&mut self) {
        let files = [Some(self.sources.file()), self.used.ceiling_file.as_deref()];
        let files = files
            .into_iter()
            .flatten()
            .filter_map(|file| std::path::absolute(file).ok())
            .flat_map(|file: PathBuf| watched(&file))
            .collect();
        match Watch::new(files, Arc::clone(&self.changed)) {
            Ok(watch) => self.watch = Some(watch),
            Err(error) => self.host.output.warn(&format!("{error:#}")),
        }
    }
}

fn next_start(listed: &Listed) -> String {
    let Listed {
        name,
        value,
        origin,
    } = listed;
    format!("{name}: `{value}` ({origin})")
}
