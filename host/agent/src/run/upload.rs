//! From the store to the console: oldest first, deleted only on the receiver's receipt.

mod broker;
mod events;
mod full;
mod lane;
mod road;
mod turn;

use std::{sync::Arc, time::Duration};

use bailiwick_core::{ids::PluginName, sending::Patience};
use bailiwick_store::Lane;
use bailiwick_transport::full_jitter;
use tokio::sync::{mpsc, watch};

use super::{connections::Destination, host::Host};
use crate::{events::Event, random};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Where to, as often as the settings change.
pub(crate) type Destinations = watch::Receiver<Option<Destination>>;

/// Sends for ever. `need_full` names the plugins of which the console wants a full report.
pub(crate) async fn run(
    host: Arc<Host>,
    destinations: Destinations,
    need_full: mpsc::Sender<PluginName>,
) {
    let turns = turn::Turns::new();
    let result = tokio::try_join!(
        lane::run(
            &host,
            (Lane::Outcomes, Patience::DEFAULT),
            destinations.clone(),
            &turns,
            need_full.clone()
        ),
        lane::run(
            &host,
            (Lane::Reports, Patience::DEFAULT),
            destinations.clone(),
            &turns,
            need_full.clone()
        ),
        lane::run(
            &host,
            (Lane::Files, Patience::DEFAULT),
            destinations.clone(),
            &turns,
            need_full
        ),
        events::run(&host, destinations.clone()),
        broker::run(&host, destinations),
    );
    if let Err(error) = result {
        host.tell(Event::NotDelivered {
            reason: format!("sending ended: {error:#}"),
        })
        .await;
    }
}

/// What is known of the time until the next attempt.
#[derive(Clone, Copy, Debug, Default)]
struct Pause {
    /// The receiver asked for as much.
    at_least: Option<Duration>,
    /// Then something else is tried.
    at_most: Option<Duration>,
}

/// What is left of one round.
enum Round {
    /// Nothing waits.
    Empty,
    /// Something was sent.
    Sent,
    /// Try again later.
    Retry { pause: Pause, reason: String },
}

/// Waits until there is somewhere to send to.
async fn destination(destinations: &mut Destinations) -> anyhow::Result<Destination> {
    let found = destinations.wait_for(Option::is_some).await?;
    match &*found {
        Some(destination) => Ok(destination.clone()),
        None => anyhow::bail!("the agent is stopping"),
    }
}

/// How long to wait after attempts that failed.
struct Pace {
    /// What is sent.
    what: &'static str,
    failed: u32,
}

impl Pace {
    const fn new(what: &'static str) -> Self {
        Self { what, failed: 0 }
    }

    fn succeeded(&mut self, host: &Host) {
        if self.failed > 0 {
            host.standing.succeeded(self.what, host.clock.now());
        }
        self.failed = 0;
    }

    /// Waits before the next attempt, but not longer than until the address changes. Says
    /// `reason` once per outage, not at every attempt.
    async fn wait(
        &mut self,
        host: &Host,
        destinations: &mut Destinations,
        asked: Pause,
        reason: String,
    ) -> anyhow::Result<()> {
        let jittered = full_jitter(self.failed, FIRST_PAUSE, LONGEST_PAUSE, random::number()?);
        host.standing.failed(self.what, &reason, host.clock.now());
        if self.failed == 0 {
            let reason = format!("{}: {reason}", self.what);
            host.tell(Event::NotDelivered { reason }).await;
        }
        self.failed = self.failed.saturating_add(1);
        let pause = jittered.min(asked.at_most.unwrap_or(Duration::MAX));
        let pause = pause.max(asked.at_least.unwrap_or_default());
        // An end of the sleep and another address mean the same: try.
        match tokio::time::timeout(pause, destinations.changed()).await {
            Ok(changed) => Ok(changed?),
            Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
