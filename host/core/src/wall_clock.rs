//! Whether the clock on the wall was set. How far it moved is held against a clock that
//! nobody sets.

use std::time::Duration;

use crate::time::{Monotonic, Timestamp};

/// From this on it is a jump. What is judged by the clock holds for minutes at least
/// (actions), mostly for days (metadata, certificates), so less changes no judgement; and
/// what is less is everyday business: a time service slews by at most 0.5 ms a second and
/// steps what is over some tenths of a second, a leap second is one.
pub const NOTED: Duration = Duration::from_secs(60);
/// Jumps of which each is told.
const BURST: u32 = 8;
/// From one to the next that is told after those: a clock that something sets all the time
/// fills no record. All are counted.
const BETWEEN: Duration = Duration::from_secs(60 * 60);

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The clock on the wall.
    pub wall: Timestamp,
    /// Time since the machine started, sleep included: asleep, the wall moves too.
    pub since_boot: Monotonic,
}

/// That the clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// What it would have shown.
    pub from: Timestamp,
    /// What it showed instead.
    pub to: Timestamp,
}

/// What is done about a jump besides counting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// It is told.
    Event(Jump),
    /// Too many were told.
    Nothing,
}

impl Jump {
    /// By how much.
    pub const fn by(&self) -> Duration {
        Duration::from_millis(self.from.as_ms().abs_diff(self.to.as_ms()))
    }
}

/// What is known of the clock since the first look.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    last: Look,
    jumps: u64,
    latest: Option<Jump>,
    /// When all of [`BURST`] may be told again.
    quiet_at: Monotonic,
}

impl WallClock {
    /// Begins at the first look.
    pub const fn new(first: Look) -> Self {
        Self {
            last: first,
            jumps: 0,
            latest: None,
            quiet_at: Monotonic::ZERO,
        }
    }

    /// Looks again. `None` if the clock was not set meanwhile by [`NOTED`] or more.
    pub fn look(&mut self, now: Look) -> Option<Telling> {
        let passed = now.since_boot.since(self.last.since_boot);
        let jump = Jump {
            from: self.last.wall.after(passed),
            to: now.wall,
        };
        self.last = now;
        if jump.by() < NOTED {
            return None;
        }
        self.jumps = self.jumps.saturating_add(1);
        self.latest = Some(jump);
        let quiet_at = self.quiet_at.max(now.since_boot).after(BETWEEN);
        if quiet_at.since(now.since_boot) > BETWEEN * BURST {
            return Some(Telling::Nothing);
        }
        self.quiet_at = quiet_at;
        Some(Telling::Event(jump))
    }

    /// How often it was set, and the last time; `None` if it was not.
    pub fn set(&self) -> Option<(u64, Jump)> {
        self.latest.map(|latest| (self.jumps, latest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY_MS: u64 = 86_400_000;
    const NOON: u64 = 1_795_000_000_000;

    fn look(wall_ms: u64, seconds: u64) -> Look {
        Look {
            wall: Timestamp::from_ms(wall_ms),
            since_boot: Monotonic::from_ns(seconds * 1_000_000_000),
        }
    }

    #[test]
    fn days_ahead_and_back_are_told_with_what_it_should_have_been() {
        let mut clock = WallClock::new(look(NOON, 5));
        assert_eq!(clock.look(look(NOON + 10_000, 15)), None);
        let ahead = Jump {
            from: Timestamp::from_ms(NOON + 20_000),
            to: Timestamp::from_ms(NOON + 20_000 + 2 * DAY_MS),
        };
        let told = clock.look(look(NOON + 20_000 + 2 * DAY_MS, 25));
        assert_eq!(told, Some(Telling::Event(ahead)));
        assert_eq!(ahead.by(), Duration::from_millis(2 * DAY_MS));
        let told = clock.look(look(NOON + 30_000 - 2 * DAY_MS, 35));
        let Some(Telling::Event(back)) = told else {
            panic!("{told:?}");
        };
        assert_eq!(back.by(), Duration::from_millis(4 * DAY_MS));
        assert!(back.to < back.from);
        assert_eq!(clock.set(), Some((2, back)));
        assert_eq!(clock.look(look(NOON + 40_000 - 2 * DAY_MS, 45)), None);
    }

    #[test]
    fn a_week_asleep_and_a_step_of_a_time_service_are_no_jumps() {
        let mut clock = WallClock::new(look(NOON, 0));
        assert_eq!(clock.look(look(NOON + 7 * DAY_MS, 7 * 86_400)), None);
        assert_eq!(
            clock.look(look(NOON + 7 * DAY_MS + 59_000, 7 * 86_400)),
            None
        );
        assert_eq!(clock.set(), None);
    }

    #[test]
    fn a_clock_that_is_set_all_the_time_is_told_a_few_times_and_then_hourly() {
        let mut clock = WallClock::new(look(NOON, 0));
        let mut told = 0;
        for at in 1..=24 * 360 {
            // Every ten seconds of a day it is set to noon or to the day after.
            let wall = NOON + at % 2 * DAY_MS;
            match clock.look(look(wall, at * 10)) {
                Some(Telling::Event(_)) => told += 1,
                other => assert_eq!(other, Some(Telling::Nothing)),
            }
        }
        assert!((BURST..=BURST + 24).contains(&told), "{told}");
        assert_eq!(clock.set().map(|(jumps, _)| jumps), Some(24 * 360));
    }

    proptest! {
        /// However long passes, and wherever the clocks are: only what somebody set counts.
        #[test]
        fn what_passes_on_both_clocks_is_never_a_jump(
            wall in NOON..10 * NOON,
            steps in prop::collection::vec((0..100_000_000_u64, -29_000..29_000_i64), 1..50),
        ) {
            let (mut now, mut boot) = (wall, 0);
            let mut clock = WallClock::new(look(wall, boot));
            for (seconds, step) in steps {
                boot += seconds;
                now += seconds * 1_000;
                let shown = now.saturating_add_signed(step);
                prop_assert_eq!(clock.look(look(shown, boot)), None);
            }
        }
    }
}
