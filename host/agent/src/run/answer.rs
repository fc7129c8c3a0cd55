//! Answers to the commands.

use bailiwick_core::{
    settings::{Listed, Settings},
    time::Timestamp,
};
use tokio::sync::oneshot;

use super::{
    actor::Order,
    coordinator::{Coordinator, Followed},
    describe::{Description, Doing},
    host::Host,
    plugin::{Plugin, describe},
    sessions::Answers,
};
use crate::socket::{
    Peer, PluginLine, PluginState, Request, Response, SettingLine, StatusReport, UpdateReport,
};

/// What the loop knows besides its plugins.
pub(crate) struct Known {
    started: Timestamp,
    set_aside: u64,
    update: UpdateReport,
    settings: Vec<SettingLine>,
    sessions: Answers,
}

impl Known {
    pub(crate) fn new(
        settings: &Settings,
        now: Timestamp,
        set_aside: u64,
        sessions: Answers,
    ) -> Self {
        let update = UpdateReport {
            endpoint: settings.update_url.clone(),
            ..Default::default()
        };
        let mut this = Self {
            started: now,
            set_aside,
            update,
            settings: Vec::new(),
            sessions,
        };
        this.settings(settings, &[]);
        this
    }

    /// Settings were read: what is in use, and what waits for the next start.
    pub(crate) fn settings(&mut self, used: &Settings, waiting: &[Listed]) {
        self.update.endpoint.clone_from(&used.update_url);
        self.settings = used
            .list()
            .iter()
            .map(|used| SettingLine {
                name: used.name.to_string(),
                value: used.value.clone(),
                source: used.origin.to_string(),
                at_next_start: waiting
                    .iter()
                    .find(|waiting| waiting.name == used.name)
                    .map(|waiting| format!("{} ({})", waiting.value, waiting.origin)),
            })
            .collect();
    }

    /// A refresh ended.
    pub(crate) fn refreshed(&mut self, result: &Result<Followed, String>, now: Timestamp) {
        match result {
            Ok(followed) => {
                self.update.refreshed = Some(now);
                self.update.timestamp_version = Some(followed.timestamp);
                self.update.serial = Some(followed.serial);
                self.update.failure.clear();
            }
            Err(reason) => self.update.failure.clone_from(reason),
        }
    }

    /// When the repository is read next.
    pub(crate) fn next_refresh(&mut self, at: Timestamp) {
        self.update.next = Some(at);
    }

    pub(crate) async fn answer(
        &self,
        request: Request,
        host: &Host,
        coordinator: &Coordinator,
    ) -> Response {
        match request {
            Request::Status {} => self.status(host, coordinator).await,
            Request::Plugins {} => Response::Plugins {
                plugins: plugins(host, coordinator).await,
            },
            Request::UpdateStatus {} | Request::UpdateRefresh {} => {
                Response::Update(self.update.clone())
            }
            Request::Inventory {} => inventory(coordinator).await,
            Request::Settings {} => Response::Settings {
                settings: self.settings.clone(),
            },
            Request::Sessions {} => Response::Sessions(self.sessions.report(Peer::Owner).await),
        }
    }

    async fn status(&self, host: &Host, coordinator: &Coordinator) -> Response {
        let outbox = match host.store.outbox().figures().await {
            Ok(outbox) => outbox,
            Err(error) => {
                return Response::Refused {
                    reason: error.to_string(),
                };
            }
        };
        let plugins = plugins(host, coordinator).await;
        let stopped = plugins
            .iter()
            .filter(|plugin| plugin.state == PluginState::Suspended)
            .count();
        let (sessions, session_source) = self.sessions.figures();
        Response::Status(StatusReport {
            device: host.device.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.started,
            running: plugins.len() - stopped,
            stopped,
            outbox,
            sessions,
            session_source,
            update: self.update.clone(),
            databases_set_aside: self.set_aside,
        })
    }
}

async fn plugins(host: &Host, coordinator: &Coordinator) -> Vec<PluginLine> {
    let mut lines = Vec::new();
    for (plugin, orders) in coordinator.running() {
        if let Some(description) = describe(&orders).await {
            lines.push(line(plugin, description, host.clock.now()));
        }
    }
    lines
}

fn line(plugin: &Plugin, description: Description, now: Timestamp) -> PluginLine {
    let launch = description.launch;
    PluginLine {
        plugin: launch.policy.plugin.clone(),
        vendor: launch.release.vendor.clone(),
        version: launch.release.version.to_string(),
        generation: launch.generation.id,
        state: match description.doing {
            Doing::Running | Doing::Resting if plugin.rollout.on_probation() => {
                PluginState::Probation
            }
            Doing::Running => PluginState::Running,
            Doing::Resting => PluginState::Resting,
            Doing::BackOff => PluginState::BackOff,
            Doing::Suspended => PluginState::Suspended,
        },
        next: description.next_in.map(|next| now.after(next)),
        timing: description.punctuality.into(),
        grants: launch.grants(),
        remark: if description.remark.is_empty() {
            plugin.remark.clone()
        } else {
            description.remark
        },
    }
}

async fn inventory(coordinator: &Coordinator) -> Response {
    let refused = |reason: &str| Response::Refused {
        reason: reason.to_owned(),
    };
    let Some(orders) = coordinator.orders("inventory") else {
        return refused("the plugin `inventory` does not run here: assign it in the repository");
    };
    let (reply, answer) = oneshot::channel();
    if orders.send(Order::Collect(reply)).await.is_err() {
        return refused("the plugin `inventory` was stopped meanwhile");
    }
    match answer.await {
        Ok(Ok(rows)) => Response::Inventory { rows },
        Ok(Err(reason)) => Response::Refused { reason },
        Err(_) => refused("the plugin `inventory` was stopped meanwhile"),
    }
}
