//! What every part of the running agent shares.

use std::sync::Arc;

use bailiwick_core::{ids::DeviceId, limits::Limits, ports::Clock};
use bailiwick_sandbox::{Component, artifact::Artifacts, compile::Child, engine::Engine, probe};
use tokio::sync::{Notify, OnceCell};

use super::{ceiling::OwnersCeiling, output::Output};
use crate::{
    events::Event,
    store::{Audience, Dropped, NewEvent, Store},
};

/// The parts that outlive every plugin.
pub(crate) struct Host {
    pub(crate) device: DeviceId,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Store,
    pub(crate) engine: Engine,
    pub(crate) artifacts: Artifacts,
    pub(crate) compiler: Child,
    pub(crate) ports: bailiwick_sandbox::Ports,
    pub(crate) ceiling: OwnersCeiling,
    /// Rung when the outbox has something new.
    pub(crate) uploads: Notify,
    /// Rung when an event waits to be sent.
    pub(crate) events: Notify,
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

    /// Prints an event and keeps it in the device's own record. A record that can't be
    /// written must not stop the work that it is about: that is printed too.
    pub(crate) async fn tell(&self, event: Event) {
        self.output.print(&event);
        let audience = event.audience();
        let line = event.to_line(self.device, self.clock.now());
        let event = NewEvent { line, audience };
        if let Err(error) = self.store.record_events(vec![event]).await {
            self.output
                .warn(&format!("the event is not in the record: {error}"));
        } else if audience == Audience::Console {
            self.events.notify_one();
        }
    }

    /// Tells each report that a cap of the outbox dropped.
    pub(crate) async fn tell_dropped(&self, dropped: Vec<Dropped>) {
        for dropped in dropped {
            self.tell(Event::Dropped {
                key: dropped.idempotency_key,
                reason: format!("{:?}", dropped.reason).to_lowercase(),
            })
            .await;
        }
    }
}
