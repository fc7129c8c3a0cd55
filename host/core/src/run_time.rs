//! How long the agent has run, over all its runs: time that no clock which somebody sets
//! has a part in.

use std::time::Duration;

use crate::time::{Monotonic, Timestamp};

/// Milliseconds that the agent has run since its store was made.
///
/// What waits to be sent ages by it. A clock on the wall can be set by years, and would
/// drop at once what waits; signed time stands still while no repository is reached, and then
/// moves by months before anything is sent. Time in which the agent did not run, or the
/// machine slept, does not count, for nothing could be sent in it. So something may wait
/// longer than its cap says on a calendar, never shorter.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct RunTime(u64);

impl RunTime {
    /// Of a store that was just made.
    pub const ZERO: Self = Self(0);

    /// `ms` milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// In milliseconds.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// How long the agent has run since `earlier`; zero if that is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This and `duration` more.
    pub fn after(self, duration: Duration) -> Self {
        Self(Timestamp::from_ms(self.0).after(duration).as_ms())
    }
}

/// Counts one run, from what was counted before it. What was not kept of the run before is
/// missing: it ages nothing.
#[derive(Clone, Copy, Debug)]
pub struct RunClock {
    before: RunTime,
    began: Monotonic,
}

impl RunClock {
    /// A run that began at `began`, after `before`.
    pub const fn new(before: RunTime, began: Monotonic) -> Self {
        Self { before, began }
    }

    /// How long the agent has run at `now`.
    pub fn at(&self, now: Monotonic) -> RunTime {
        self.before.after(now.since(self.began))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What can happen while something waits.
    #[derive(Clone, Debug)]
    enum Happening {
        /// The agent runs for so many seconds.
        Runs(u64),
        /// It ends, having kept its count so many seconds ago, and starts again on a machine
        /// whose clock since boot shows anything.
        Restarts { unkept: u64, boot: u64 },
    }

    fn happening() -> impl Strategy<Value = Happening> {
        let restarts = (0..4_000_u64, 0..10_000_000_u64);
        prop_oneof![
            (0..1_000_000_u64).prop_map(Happening::Runs),
            restarts.prop_map(|(unkept, boot)| Happening::Restarts { unkept, boot }),
        ]
    }

    const fn seconds(seconds: u64) -> Monotonic {
        Monotonic::from_ns(seconds * 1_000_000_000)
    }

    proptest! {
        /// Nothing is ever older than the agent has run since it was made, so nothing is
        /// dropped before its time; and it ages by each second of the run that lasts.
        #[test]
        fn what_waits_is_never_older_than_the_agent_ran(
            happenings in prop::collection::vec(happening(), 0..60),
        ) {
            let made = RunTime::from_ms(77);
            let (mut clock, mut now) = (RunClock::new(made, seconds(0)), 0);
            let (mut ran, mut this_run) = (0, 0);
            for happening in happenings {
                let before = clock.at(seconds(now));
                match happening {
                    Happening::Runs(passed) => {
                        now += passed;
                        ran += passed;
                        this_run += passed;
                        prop_assert!(clock.at(seconds(now)) >= before, "it went back");
                    }
                    Happening::Restarts { unkept, boot } => {
                        let kept = now.saturating_sub(unkept);
                        clock = RunClock::new(clock.at(seconds(kept)), seconds(boot));
                        (now, this_run) = (boot, 0);
                    }
                }
                let age = clock.at(seconds(now)).since(made);
                prop_assert!(age <= Duration::from_secs(ran), "{age:?} of {ran} s");
                prop_assert!(age >= Duration::from_secs(this_run), "{age:?}");
            }
        }
    }

    #[test]
    fn a_count_that_is_behind_makes_nothing_older() {
        let (early, late) = (RunTime::from_ms(5), RunTime::from_ms(9));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.since(early), Duration::from_millis(4));
        assert_eq!(
            RunTime::from_ms(u64::MAX).after(Duration::MAX).as_ms(),
            u64::MAX
        );
    }
}
