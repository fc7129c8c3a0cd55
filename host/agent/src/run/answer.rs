//! Answers to the commands.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_core::{
    settings::{Listed, Settings},
    time::Timestamp,
};
use tokio::sync::oneshot;

use super::{
    actor::Order,
    coordinator::Followed,
    describe::{Description, Doing},
    host::Host,
    owner,
    plugin::describe,
    sessions::Answers,
    shown::{Running, Shown},
};
use crate::{
    figures::Bounds,
    look::LogQuery,
    processes::ProcessesReport,
    socket::{
        Peer, PluginLine, PluginState, Request, Response, SettingLine, StatusReport, UpdateReport,
    },
};

/// What the agent answers from. The loop notes here what it does, and nobody who asks waits
/// for it.
pub(crate) struct Known {
    started: Timestamp,
    set_aside: u64,
    sessions: Answers,
    shown: Arc<Shown>,
    noted: Mutex<Noted>,
}

/// What the loop noted.
#[derive(Default)]
struct Noted {
    update: UpdateReport,
    settings: Vec<SettingLine>,
}

impl Known {
    pub(crate) fn new(
        settings: &Settings,
        now: Timestamp,
        set_aside: u64,
        sessions: Answers,
        shown: Arc<Shown>,
    ) -> Self {
        let this = Self {
            started: now,
            set_aside,
            sessions,
            shown,
            noted: Mutex::default(),
        };
        this.settings(settings, &[]);
        this
    }

    /// Settings were read: what is in use, and what waits for the next start.
    pub(crate) fn settings(&self, used: &Settings, waiting: &[Listed]) {
        let lines = used.list().iter().map(|used| SettingLine {
            name: used.name.to_string(),
            value: used.value.clone(),
            source: used.origin.to_string(),
            at_next_start: waiting
                .iter()
                .find(|waiting| waiting.name == used.name)
                .map(|waiting| format!("{} ({})", waiting.value, waiting.origin)),
        });
        let mut noted = self.noted();
        noted.update.endpoint.clone_from(&used.update_url);
        noted.settings = lines.collect();
    }

    /// A refresh ended.
    pub(crate) fn refreshed(&self, result: &Result<Followed, String>, now: Timestamp) {
        let update = &mut self.noted().update;
        match result {
            Ok(followed) => {
                update.refreshed = Some(now);
                update.timestamp_version = Some(followed.timestamp);
                update.serial = Some(followed.serial);
                update.failure.clear();
            }
            Err(reason) => update.failure.clone_from(reason),
        }
    }

    /// When the repository is read next.
    pub(crate) fn next_refresh(&self, at: Timestamp) {
        self.noted().update.next = Some(at);
    }

    /// It is whole between two calls, whoever panicked.
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to the device's owner. A refresh, if one was asked for, is done.
    pub(crate) async fn answer(&self, request: Request, host: &Host) -> Response {
        match request {
            Request::Status {} => self.status(host).await,
            Request::Plugins {} => Response::Plugins {
                plugins: self.plugins(host).await,
            },
            Request::UpdateStatus {} | Request::UpdateRefresh {} => {
                Response::Update(self.noted().update.clone())
            }
            Request::Inventory {} => self.inventory().await,
            Request::Settings {} => Response::Settings {
                settings: self.noted().settings.clone(),
            },
            Request::Sessions {} => self.sessions(Peer::Owner).await,
            Request::Outbox(query) => owner::outbox(host, query).await,
            Request::Log(query) => owner::log(host, query).await,
            Request::Verify(query) => owner::verify(host, query).await,
            Request::LogPart(query) => owner::log_part(host, query).await,
            Request::Pause { for_ms } => {
                owner::pause(host, for_ms.map(Duration::from_millis)).await
            }
            Request::Resume {} => owner::resume(host).await,
        }
    }

    /// The sessions that `peer` may see.
    pub(crate) async fn sessions(&self, peer: Peer) -> Response {
        Response::Sessions(self.sessions.report(peer).await)
    }

    /// What of the log concerns the user `uid`.
    pub(crate) async fn log_of(&self, uid: u32, query: LogQuery, host: &Host) -> Response {
        let user = Some(self.sessions.user(uid));
        owner::log(host, LogQuery { user, ..query }).await
    }

    async fn status(&self, host: &Host) -> Response {
        let outbox = match host.store.outbox().figures().await {
            Ok(outbox) => outbox,
            Err(error) => {
                return Response::Refused {
                    reason: error.to_string(),
                };
            }
        };
        let plugins = self.plugins(host).await;
        let stopped = plugins
            .iter()
            .filter(|plugin| plugin.state == PluginState::Suspended)
            .count();
        let (sessions, session_source) = self.sessions.figures();
        host.look_at_budget().await;
        Response::Status(Box::new(StatusReport {
            device: host.device.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.started,
            running: plugins.len() - stopped,
            stopped,
            outbox,
            sending: host.standing.list(),
            paused: host.pause.now(),
            clock_set: host.wall_clock.set(),
            second_line: host.second_line.report(),
            sessions,
            session_source,
            processes: ProcessesReport::new(host.processes.source()),
            budget: host.budget.report(),
            update: self.noted().update.clone(),
            databases_set_aside: self.set_aside,
        }))
    }

    async fn plugins(&self, host: &Host) -> Vec<PluginLine> {
        let mut lines = Vec::new();
        for running in self.shown.list() {
            let Some(orders) = running.orders() else {
                continue;
            };
            if let Some(description) = describe(&orders).await {
                lines.push(line(&running, description, host.clock.now()));
            }
        }
        lines
    }

    async fn inventory(&self) -> Response {
        let refused = |reason: &str| Response::Refused {
            reason: reason.to_owned(),
        };
        let running = self.shown.list();
        let inventory = running.iter().find(|one| one.name.as_str() == "inventory");
        let Some(orders) = inventory.and_then(Running::orders) else {
            return refused(
                "the plugin `inventory` does not run here: assign it in the repository",
            );
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
}

fn line(running: &Running, description: Description, now: Timestamp) -> PluginLine {
    let launch = description.launch;
    PluginLine {
        plugin: launch.policy.plugin.clone(),
        vendor: launch.release.vendor.clone(),
        version: launch.release.version.to_string(),
        generation: launch.generation.id,
        state: match description.doing {
            Doing::Running | Doing::Resting if running.on_probation => PluginState::Probation,
            Doing::Running => PluginState::Running,
            Doing::Resting => PluginState::Resting,
            Doing::BackOff => PluginState::BackOff,
            Doing::Suspended => PluginState::Suspended,
        },
        next: description.next_in.map(|next| now.after(next)),
        timing: description.punctuality.into(),
        figures: description.figures,
        since: description.since,
        limits: Bounds::from(&launch.policy.limits),
        grants: launch.grants(),
        remark: if description.remark.is_empty() {
            running.remark.clone()
        } else {
            description.remark
        },
    }
}
