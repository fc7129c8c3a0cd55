//! When a certificate is renewed.

use std::time::Duration;

use crate::time::Timestamp;

/// Longest time until the clock is looked at again: it can jump.
const LONGEST_LOOK: Duration = Duration::from_secs(60 * 60);
/// Shortest pause between two attempts.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 60 * 60);

/// From when until when a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Its first moment.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
}

impl Validity {
    fn life(self) -> u64 {
        self.until.as_ms().saturating_sub(self.from.as_ms())
    }
}

/// What to do about a certificate now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing; look again after this.
    Wait(Duration),
    /// Renew it.
    Renew,
    /// It has ended: only a new token helps.
    Expired,
}

/// What to do about a certificate at `now`: it is renewed once two thirds of its life are
/// over, earlier by up to a tenth of the life, so that devices that were enrolled together
/// do not come together. `draw` is a random number, the same for the whole life of the
/// certificate.
pub fn decide(validity: Validity, draw: u64, now: Timestamp) -> Decision {
    if now >= validity.until {
        return Decision::Expired;
    }
    let life = u128::from(validity.life());
    let spread = life / 10 * u128::from(draw % 1_001) / 1_000;
    // No more than the life, which is a u64.
    let age_when_due = u64::try_from(life * 2 / 3 - spread).unwrap_or(u64::MAX);
    let due = validity.from.as_ms().saturating_add(age_when_due);
    match due.checked_sub(now.as_ms()) {
        None | Some(0) => Decision::Renew,
        Some(left) => Decision::Wait(Duration::from_millis(left).min(LONGEST_LOOK)),
    }
}

/// How long to wait after so many attempts that failed, one at least: a hundredth of the
/// life, doubled with each, so that several attempts fit into the third that is left.
pub fn pause(validity: Validity, failures: u32) -> Duration {
    let doubled = 1_u32
        .checked_shl(failures.saturating_sub(1).min(4))
        .unwrap_or(1);
    let hundredth = Duration::from_millis(validity.life() / 100);
    (hundredth * doubled).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIFE_MS: u64 = 90 * 86_400_000;

    fn validity(life_ms: u64) -> Validity {
        Validity {
            from: Timestamp::from_ms(1_000),
            until: Timestamp::from_ms(1_000 + life_ms),
        }
    }

    fn at(age_ms: u64, draw: u64) -> Decision {
        decide(validity(LIFE_MS), draw, Timestamp::from_ms(1_000 + age_ms))
    }

    #[test]
    fn it_is_renewed_at_two_thirds_of_its_life_or_up_to_a_tenth_earlier() {
        let two_thirds = LIFE_MS * 2 / 3;
        assert_eq!(at(0, 0), Decision::Wait(LONGEST_LOOK));
        assert_eq!(
            at(two_thirds - 5, 0),
            Decision::Wait(Duration::from_millis(5))
        );
        assert_eq!(at(two_thirds, 0), Decision::Renew);
        assert_eq!(at(two_thirds - LIFE_MS / 10, 1_000), Decision::Renew);
        assert!(matches!(
            at(two_thirds - LIFE_MS / 10 - 1, 1_000),
            Decision::Wait(_)
        ));
        assert_eq!(at(LIFE_MS - 1, 0), Decision::Renew);
        assert_eq!(at(LIFE_MS, 0), Decision::Expired);
    }

    #[test]
    fn a_clock_before_its_beginning_waits_and_looks_again() {
        let early = decide(validity(LIFE_MS), 0, Timestamp::EPOCH);
        assert_eq!(early, Decision::Wait(LONGEST_LOOK));
    }

    #[test]
    fn several_attempts_fit_into_what_is_left() {
        let validity = validity(LIFE_MS);
        let mut waited = Duration::ZERO;
        for failures in 1..=10 {
            waited += pause(validity, failures);
        }
        assert!(waited < Duration::from_millis(LIFE_MS / 3), "{waited:?}");
        assert_eq!(pause(validity, 200), LONGEST_PAUSE);
        let short = self::validity(3_000);
        assert_eq!(pause(short, 1), SHORTEST_PAUSE);
    }

    proptest! {
        #[test]
        fn any_times_are_decided(from: u64, until: u64, draw: u64, now: u64, failures: u32) {
            let validity = Validity {
                from: Timestamp::from_ms(from),
                until: Timestamp::from_ms(until),
            };
            let decision = decide(validity, draw, Timestamp::from_ms(now));
            prop_assert_eq!(decision == Decision::Expired, now >= until);
            prop_assert!(pause(validity, failures) <= LONGEST_PAUSE);
        }
    }
}
