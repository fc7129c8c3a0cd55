//! How well a schedule was kept: the figures behind "nothing is dropped, nothing is late".

use std::time::Duration;

use crate::schedule::Tick;

/// What became of a plugin's due times since its schedule began. Every due time that has
/// passed is counted once, in [`Self::calls`] or in [`Self::missed`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Punctuality {
    /// Calls that were due and were made.
    pub calls: u64,
    /// Calls that somebody asked for, out of turn.
    pub asked: u64,
    /// Calls of both kinds that brought no report.
    pub failed: u64,
    /// Due times that passed without a call.
    pub missed: u64,
    /// From due time to call, of the last call that was due.
    pub last_late: Duration,
    /// The longest of these.
    pub longest_late: Duration,
}

impl Punctuality {
    /// A call begins.
    pub fn began(&mut self, tick: Tick) {
        self.missed = self.missed.saturating_add(tick.missed);
        if tick.asked {
            self.asked = self.asked.saturating_add(1);
            return;
        }
        self.calls = self.calls.saturating_add(1);
        self.last_late = tick.late;
        self.longest_late = self.longest_late.max(tick.late);
    }

    /// The call that began last brought no report.
    pub fn failed(&mut self) {
        self.failed = self.failed.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(asked: bool, late: u64, missed: u64) -> Tick {
        Tick {
            asked,
            late: Duration::from_millis(late),
            missed,
        }
    }

    #[test]
    fn due_times_are_counted_once_and_the_longest_delay_is_kept() {
        let mut punctuality = Punctuality::default();
        for tick in [tick(false, 3, 0), tick(true, 0, 0), tick(false, 1, 2)] {
            punctuality.began(tick);
        }
        punctuality.failed();
        let expected = Punctuality {
            calls: 2,
            asked: 1,
            failed: 1,
            missed: 2,
            last_late: Duration::from_millis(1),
            longest_late: Duration::from_millis(3),
        };
        assert_eq!(punctuality, expected);
    }
}
