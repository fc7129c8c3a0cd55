//! The device's clock at another speed.

use std::{sync::Arc, time::Duration};

use bailiwick_core::{
    ports::Clock,
    time::{Monotonic, Timestamp},
};

/// How much of a limit one real millisecond is: a limit is reached after two.
const REACHED_AFTER: Duration = Duration::from_millis(2);

/// `clock` with its times multiplied.
pub(super) struct Speed {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) start: Monotonic,
    pub(super) time: u64,
    pub(super) cpu: u64,
}

impl Speed {
    /// By how much time must be multiplied to reach `limit_ns` within a few milliseconds.
    pub(super) fn to_reach(limit_ns: u64) -> u64 {
        let soon = u64::try_from(REACHED_AFTER.as_nanos()).unwrap_or(u64::MAX);
        (limit_ns / soon).max(1)
    }
}

impl Clock for Speed {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn monotonic(&self) -> Monotonic {
        let elapsed = self.clock.monotonic().since(self.start);
        let ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        Monotonic::from_ns(ns.saturating_mul(self.time))
    }

    fn thread_cpu_ns(&self) -> u64 {
        self.clock.thread_cpu_ns().saturating_mul(self.cpu)
    }
}
