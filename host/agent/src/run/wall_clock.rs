//! Looks at the clock on the wall, and tells that it was set.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_core::{
    ports::Clock,
    time::Timestamp,
    wall_clock::{self, Look, Telling},
};
use serde::{Deserialize, Serialize};

use super::host::Host;
use crate::events::Event;

/// From one look to the next: who wonders at a time sees soon why it is so.
const LOOK: Duration = Duration::from_secs(10);

/// That the clock was set, for `bailiwick status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ClockSet {
    /// How often since the agent started.
    pub(crate) times: u64,
    /// What it would have shown, the last time.
    pub(crate) from: Timestamp,
    /// What it showed instead.
    pub(crate) to: Timestamp,
}

/// What is known of the clock.
pub(crate) struct WallClock(Mutex<wall_clock::WallClock>);

impl WallClock {
    pub(crate) fn new(clock: &dyn Clock) -> Self {
        Self(Mutex::new(wall_clock::WallClock::new(look(clock))))
    }

    /// The last time that it was set; `None` if it was not since the agent started.
    pub(crate) fn set(&self) -> Option<ClockSet> {
        self.lock().set().map(|(times, jump)| ClockSet {
            times,
            from: jump.from,
            to: jump.to,
        })
    }

    /// It is whole between two calls, whoever panicked.
    fn lock(&self) -> MutexGuard<'_, wall_clock::WallClock> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(clock: &dyn Clock) -> Look {
    Look {
        wall: clock.now(),
        since_boot: clock.since_boot(),
    }
}

/// Looks for ever.
pub(super) async fn watch(host: &Host) {
    loop {
        tokio::time::sleep(LOOK).await;
        let found = host.wall_clock.lock().look(look(&*host.clock));
        if let Some(Telling::Event(jump)) = found {
            let (from, to) = (jump.from, jump.to);
            host.tell(Event::ClockSet { from, to }).await;
        }
    }
}
