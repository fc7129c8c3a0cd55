//! What every part of the running agent shares.

use std::sync::Arc;

use bailiwick_core::{
    ids::{DeviceId, PluginName},
    limits::Limits,
    ports::{Clock, Sessions},
    run_time::{RunClock, RunTime},
    time::Timestamp,
};
use bailiwick_delivery::KeptTargets;
use bailiwick_device::DeviceProcesses;
use bailiwick_sandbox::{Component, artifact::Artifacts, compile::Child, engine::Engine, probe};
use bailiwick_store::{
    Audience, Caps, Dropped, NewEvent, Outgoing, Put, Store, StoreError, Suspension,
};
use bailiwick_transport::{Files, Requests};
use tokio::sync::{Notify, OnceCell, watch};

use super::{
    budget::OwnBudget, ceiling::OwnersCeiling, metrics::Metering, output::Output, pause::Pause,
    sessions::OpenList, standing::Standing, wall_clock::WallClock,
};
use crate::{
    actions::Authority, decisions::Decisions, enrolment::Identity, events::Event,
    second_line::SecondLine,
};

/// The parts that outlive every plugin.
pub(crate) struct Host {
    pub(crate) device: DeviceId,
    /// If the device is enrolled.
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Whether its time on the wall was set.
    pub(crate) wall_clock: WallClock,
    /// Counts how long the agent has run.
    pub(crate) run_clock: RunClock,
    /// What was decided about plugins' calls and is not in the log yet.
    pub(crate) decisions: Arc<Decisions>,
    pub(crate) store: Store,
    pub(crate) engine: Engine,
    pub(crate) artifacts: Artifacts,
    /// What was verified and is kept.
    pub(crate) targets: KeptTargets,
    pub(crate) compiler: Child,
    /// What this process gave up, and who does it instead.
    pub(crate) second_line: SecondLine,
    pub(crate) ports: bailiwick_sandbox::Ports,
    /// Of whom `ports` has a view, too.
    pub(crate) processes: Arc<DeviceProcesses>,
    /// What plugins ask of servers; `ports` has it, too.
    pub(crate) requests: Arc<Requests>,
    pub(crate) sessions: Arc<dyn Sessions>,
    /// The sessions that are open, for plugins.
    pub(crate) open_sessions: Arc<OpenList>,
    pub(crate) ceiling: OwnersCeiling,
    /// What the agent itself may use.
    pub(crate) budget: OwnBudget,
    /// Rung when a lane of the outbox has something new; in the order of `Lane::ALL`.
    pub(crate) uploads: [Notify; 3],
    /// Where files about sessions go, if the settings name a place.
    pub(crate) files: watch::Sender<Option<Files>>,
    /// What goes wrong with sending.
    pub(crate) standing: Standing,
    /// Who is told what plugins use, if the settings name somebody.
    pub(crate) metering: watch::Sender<Option<Metering>>,
    /// Whether the owner asked for quiet.
    pub(crate) pause: Pause,
    /// Whose actions are done.
    pub(crate) authority: Authority,
    /// Rung when an event waits to be sent.
    pub(crate) events: Notify,
    /// Rung when somebody says that updates may be there.
    pub(crate) hints: Notify,
    /// What attacks every limit before a plugin starts; compiled when it is first needed.
    pub(crate) probe: OnceCell<Component>,
    /// Version of this program.
    pub(crate) version: semver::Version,
    pub(crate) output: Output,
}

/// The limits that are proven, as a policy names them.
const LIMITS: [&str; 7] = [
    "memory",
    "deadline",
    "cpu",
    "output",
    "host-calls",
    "log-lines",
    "state",
];

impl Host {
    /// Shows that each of `limits` holds on this host, and names them.
    ///
    /// # Errors
    /// One does not hold, or the probe can't be made: the plugin must not start.
    pub(crate) async fn prove(&self, limits: &Limits) -> anyhow::Result<Vec<String>> {
        let probe = self
            .probe
            .get_or_try_init(|| async {
                let artifact = self.compiler.compile_probe("limits").await?;
                anyhow::Ok(Component::from_artifact(&self.engine, &artifact)?)
            })
            .await?;
        probe::prove(probe, limits, &self.clock).await?;
        Ok(LIMITS.map(str::to_owned).to_vec())
    }

    /// How long the agent has run, by which what waits to be sent ages.
    pub(crate) fn has_run(&self) -> RunTime {
        self.run_clock.at(self.clock.monotonic())
    }

    /// Prints an event and keeps it in the device's own record. A record that can't be
    /// written must not stop the work that it is about: that is printed too.
    pub(crate) async fn tell(&self, event: Event) {
        self.tell_all(&[event]).await;
    }

    /// The same of several events, in one commit.
    pub(crate) async fn tell_all(&self, events: &[Event]) {
        let told: Vec<NewEvent> = events.iter().map(|event| self.print(event)).collect();
        self.record(told).await;
    }

    /// The same of events that happened before.
    pub(crate) async fn tell_of(&self, events: &[(Timestamp, Event)]) {
        let told = events.iter().map(|(at, event)| self.print_at(*at, event));
        self.record(told.collect()).await;
    }

    async fn record(&self, told: Vec<NewEvent>) {
        let for_console = told.iter().any(|event| event.audience == Audience::Console);
        let kept = self.store.record_events(told).await;
        self.kept(kept, for_console);
    }

    /// Tells events, and keeps with them, under `name`, what they tell of.
    pub(crate) async fn tell_and_keep(&self, events: &[Event], name: &'static str, value: Vec<u8>) {
        let told: Vec<NewEvent> = events.iter().map(|event| self.print(event)).collect();
        let for_console = told.iter().any(|event| event.audience == Audience::Console);
        let kept = self.store.record_events_and_value(told, name, value).await;
        self.kept(kept, for_console);
    }

    /// Tells that a plugin is suspended, and keeps it with that.
    pub(crate) async fn tell_suspended(
        &self,
        event: &Event,
        plugin: &PluginName,
        suspension: Suspension,
    ) {
        let told = vec![self.print(event)];
        let for_console = told.iter().any(|event| event.audience == Audience::Console);
        let kept = self.store.suspend(plugin, suspension, told).await;
        self.kept(kept, for_console);
    }

    fn print(&self, event: &Event) -> NewEvent {
        self.print_at(self.clock.now(), event)
    }

    fn print_at(&self, at: Timestamp, event: &Event) -> NewEvent {
        self.output.print(event);
        NewEvent {
            line: event.to_line(self.device, at),
            audience: event.audience(),
        }
    }

    fn kept(&self, kept: Result<usize, StoreError>, for_console: bool) {
        match kept {
            Err(error) => self
                .output
                .warn(&format!("the event is not in the record: {error}")),
            Ok(_) if for_console => self.events.notify_one(),
            Ok(_) => {}
        }
    }

    /// Keeps something to be sent and rings for whoever sends. It is on disk when this
    /// returns `true`; `false` says that the outbox had no room for it, which was told.
    ///
    /// # Errors
    /// The database failed: it was not kept.
    pub(crate) async fn put(&self, outgoing: Outgoing) -> Result<bool, StoreError> {
        let now = self.has_run();
        let outbox = self.store.outbox();
        let put = outbox.put(vec![outgoing], Caps::DEFAULT, now).await?;
        let kept = put.tickets.iter().all(Option::is_some);
        self.has_put(put).await;
        Ok(kept)
    }

    /// Does what follows when something was put into the outbox: tells what had to make
    /// room and rings for whoever sends.
    pub(crate) async fn has_put(&self, put: Put) {
        self.tell_dropped(put.dropped).await;
        for ticket in put.tickets.iter().flatten() {
            self.uploads[ticket.lane.index()].notify_one();
        }
    }

    /// Tells each thing that a cap of the outbox dropped.
    pub(crate) async fn tell_dropped(&self, dropped: Vec<Dropped>) {
        let events: Vec<Event> = dropped
            .into_iter()
            .map(|dropped| Event::Dropped {
                key: dropped.key,
                what: dropped.what.to_string(),
                bytes: dropped.bytes,
                reason: dropped.reason.words().to_owned(),
            })
            .collect();
        if !events.is_empty() {
            self.tell_all(&events).await;
        }
    }
}
