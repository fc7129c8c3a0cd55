//! How often the changes of one session are told.
//!
//! A user may call their own session idle and busy as fast as they like. Each such change
//! told would push older events out of the device's record, until it holds nothing else.

use std::time::Duration;

use crate::{session::facts::Aspect, time::Timestamp};

/// Changes of a session that are told at once.
const AT_ONCE: u32 = 10;
/// After that many, one in this time; what changes meanwhile is told together.
const ONE_IN: Duration = Duration::from_secs(30);

/// The changes of one session.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// Told at once of late.
    told: u32,
    /// Since when `told` was last lowered.
    since: Timestamp,
    held_back: Vec<Aspect>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            told: 0,
            since: Timestamp::EPOCH,
            held_back: Vec::new(),
        }
    }
}

impl Pace {
    /// What to tell now, `aspects` having changed; none if nothing is to be told, or not yet.
    pub(super) fn tell(&mut self, aspects: Vec<Aspect>, now: Timestamp) -> Option<Vec<Aspect>> {
        for aspect in aspects {
            if !self.held_back.contains(&aspect) {
                self.held_back.push(aspect);
            }
        }
        if self.held_back.is_empty() {
            return None;
        }
        self.recover(now);
        if self.told >= AT_ONCE {
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.held_back))
    }

    pub(super) fn holds_back(&self) -> bool {
        !self.held_back.is_empty()
    }

    fn recover(&mut self, now: Timestamp) {
        let Some(passed) = now.as_ms().checked_sub(self.since.as_ms()) else {
            // The clock was set back: count from now.
            self.since = now;
            return;
        };
        let one_in = u64::try_from(ONE_IN.as_millis()).unwrap_or(u64::MAX);
        let times = passed / one_in;
        if times > 0 {
            let times = u32::try_from(times).unwrap_or(u32::MAX);
            self.told = self.told.saturating_sub(times);
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_held_back_and_its_end_is_told() {
        let mut pace = Pace::default();
        let at = |seconds: u64| Timestamp::from_ms(1_000_000 + seconds * 1_000);
        let told = (0..100).filter(|_| pace.tell(vec![Aspect::Idle], at(0)).is_some());
        assert_eq!(told.count(), 10);
        assert!(pace.holds_back());
        assert_eq!(pace.tell(vec![Aspect::State], at(29)), None);
        let together = Some(vec![Aspect::Idle, Aspect::State]);
        assert_eq!(pace.tell(vec![], at(30)), together);
        assert!(!pace.holds_back());
        assert_eq!(pace.tell(vec![], at(31)), None);
        // A clock that is set back does not silence a session for good.
        for _ in 0..10 {
            pace.tell(vec![Aspect::Idle], at(31));
        }
        pace.tell(vec![Aspect::Idle], Timestamp::EPOCH);
        assert!(pace.tell(vec![], Timestamp::from_ms(30_000)).is_some());
    }
}
