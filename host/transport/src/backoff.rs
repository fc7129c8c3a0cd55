//! How long to wait before the next attempt.

use std::time::Duration;

/// Full jitter: a wait between zero and `base` × 2^`attempt`, at most `longest`, chosen
/// evenly by `random` (any 64 random bits). `attempt` counts failures before this one.
///
/// Devices that failed together, as after an outage, come back spread over the whole
/// span. Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
pub fn full_jitter(attempt: u32, base: Duration, longest: Duration, random: u64) -> Duration {
    let base_ns = base.as_nanos();
    let longest_ns = longest.as_nanos().min(u128::from(u64::MAX));
    let ceiling = match 1_u128.checked_shl(attempt) {
        Some(factor) => base_ns.saturating_mul(factor).min(longest_ns),
        None => longest_ns,
    };
    // ceiling < 2^64 and random < 2^64: the product fits, and the quotient is < ceiling.
    let ns = (ceiling * u128::from(random)) >> 64;
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(300);

    #[test]
    fn the_span_doubles_up_to_the_longest() {
        let seconds = |attempt| full_jitter(attempt, BASE, LONGEST, u64::MAX).as_secs_f64();
        for (attempt, expected) in [(0, 1.0), (1, 2.0), (2, 4.0), (8, 256.0), (9, 300.0)] {
            assert!((seconds(attempt) - expected).abs() < 1e-6, "{attempt}");
        }
        for attempt in [63, 64, 127, 128, u32::MAX] {
            assert!((seconds(attempt) - 300.0).abs() < 1e-6, "{attempt}");
        }
    }

    #[test]
    fn the_wait_follows_the_random_number() {
        assert_eq!(full_jitter(3, BASE, LONGEST, 0), Duration::ZERO);
        let half = full_jitter(3, BASE, LONGEST, u64::MAX / 2);
        assert!((half.as_secs_f64() - 4.0).abs() < 1e-6);
    }

    proptest::proptest! {
        #[test]
        fn never_longer_than_the_longest(attempt: u32, base: u64, longest: u64, random: u64) {
            let longest = Duration::from_nanos(longest);
            let wait = full_jitter(attempt, Duration::from_nanos(base), longest, random);
            proptest::prop_assert!(wait <= longest);
        }
    }
}
