//! That the clock was set, in words.

use std::time::Duration;

use bailiwick_core::time::Timestamp;

use super::time;
use crate::run::ClockSet;

/// That the clock showed `to` where it would have shown `from`: one line, and what to do.
pub(crate) fn clock_set(from: Timestamp, to: Timestamp) -> String {
    let by = roughly(Duration::from_millis(from.as_ms().abs_diff(to.as_ms())));
    let (direction, so) = match to < from {
        true => (
            "back",
            "the times of reports follow it, and signatures made since may seem to come from the \
             future",
        ),
        false => (
            "ahead",
            "the times of reports follow it, and signatures and certificates may seem to have \
             expired",
        ),
    };
    format!(
        "the clock was set {direction} by {by} (from {} to {}): {so}. What waits to be sent is \
         kept. If the new time is wrong, correct it",
        time(from),
        time(to)
    )
}

/// The line of `bailiwick status`.
pub(super) fn status(set: &ClockSet) -> String {
    let words = clock_set(set.from, set.to);
    match set.times {
        1 => format!("Clock:   {words}\n"),
        times => format!("Clock:   {words} ({times} times since the agent started)\n"),
    }
}

/// To the unit in which a person says it.
fn roughly(span: Duration) -> String {
    let seconds = span.as_secs() + u64::from(span.subsec_millis() >= 500);
    let rounded = |unit: u64| (seconds + unit / 2) / unit;
    match seconds {
        172_800.. => format!("{} days", rounded(86_400)),
        7_200.. => format!("{} hours", rounded(3_600)),
        120.. => format!("{} minutes", rounded(60)),
        _ => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_are_said_with_both_times_in_one_line() {
        let (early, late) = (1_795_000_000_000, 1_795_000_000_000 + 2 * 86_400_000 + 7);
        let at = Timestamp::from_ms;
        let set = |from, to| clock_set(at(from), at(to));
        let back = "the clock was set back by 2 days (from 2026-11-20 11:06:40 UTC to \
                    2026-11-18 11:06:40 UTC): ";
        assert!(set(late, early).starts_with(back), "{}", set(late, early));
        assert!(set(early, late).starts_with("the clock was set ahead by 2 days (from "));
        let times = |times| {
            status(&ClockSet {
                times,
                from: at(early),
                to: at(late),
            })
        };
        for line in [times(1), times(3)] {
            assert!(line.starts_with("Clock:   the clock was set ahead"));
            assert_eq!(line.find('\n'), Some(line.len() - 1));
        }
        assert!(times(3).ends_with("(3 times since the agent started)\n"));
    }

    #[test]
    fn spans_are_said_as_people_say_them() {
        for (ms, words) in [
            (61_499, "61 seconds"),
            (150_000, "3 minutes"),
            (3_600_000, "60 minutes"),
            (172_799_700, "2 days"),
            (90_000_000, "25 hours"),
        ] {
            assert_eq!(roughly(Duration::from_millis(ms)), words);
        }
    }
}
