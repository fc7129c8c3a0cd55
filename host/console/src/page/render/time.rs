//! Times. The page runs no script that could know a reader's time zone, so they are UTC.

use bailiwick_core::time::Timestamp;
use jiff::{Timestamp as Civil, tz::TimeZone};
use maud::{Markup, html};

/// A time and how long ago that was.
pub(crate) fn when(ms: i64, now: Timestamp) -> Markup {
    html! { (moment(ms)) span.ago.quiet { " (" (ago(ms, now)) ")" } }
}

/// How long ago; the time itself is in the element.
pub(crate) fn since(ms: i64, now: Timestamp) -> Markup {
    match text(ms, "%Y-%m-%dT%H:%M:%SZ") {
        Some(machine) => html! {
            time datetime=(machine) title=(full(ms)) { (ago(ms, now)) }
        },
        None => html! { (full(ms)) },
    }
}

/// A time.
pub(crate) fn moment(ms: i64) -> Markup {
    match text(ms, "%Y-%m-%dT%H:%M:%SZ") {
        Some(machine) => html! { time datetime=(machine) { (full(ms)) } },
        None => html! { (full(ms)) },
    }
}

/// A day; the time itself is in the element.
pub(crate) fn day(ms: i64) -> Markup {
    match (text(ms, "%Y-%m-%dT%H:%M:%SZ"), text(ms, "%-d %b %Y")) {
        (Some(machine), Some(day)) => html! { time datetime=(machine) title=(full(ms)) { (day) } },
        _ => html! { (full(ms)) },
    }
}

/// `24 Nov 2026, 19:22 UTC`; what no calendar has stays a number.
pub(crate) fn full(ms: i64) -> String {
    text(ms, "%-d %b %Y, %H:%M UTC").unwrap_or_else(|| format!("{ms} ms"))
}

/// A mark on an axis of `length_ms`: the time of the day, or the day where it has several.
pub(crate) fn mark(ms: i64, length_ms: i64) -> String {
    let format = match length_ms {
        ..=172_800_000 => "%H:%M",
        _ => "%-d %b",
    };
    text(ms, format).unwrap_or_default()
}

fn text(ms: i64, format: &str) -> Option<String> {
    let time = Civil::from_millisecond(ms).ok()?;
    Some(time.to_zoned(TimeZone::UTC).strftime(format).to_string())
}

/// `3 min ago`, in the largest unit that fits.
pub(crate) fn ago(ms: i64, now: Timestamp) -> String {
    let now = i64::try_from(now.as_ms()).unwrap_or(i64::MAX);
    let past = now.saturating_sub(ms);
    if past < -60_000 {
        return "in the future, by this console's clock".to_owned();
    }
    let seconds = past.max(0) / 1000;
    match seconds {
        0..60 => "just now".to_owned(),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        86_400..172_800 => "1 day ago".to_owned(),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// From one time to another; what both have in common is said once.
pub(crate) fn between(from_ms: i64, to_ms: i64) -> String {
    let day = |ms| text(ms, "%-d %b %Y");
    match (day(from_ms), day(to_ms), text(from_ms, "%-d %b %Y, %H:%M")) {
        (Some(one), Some(other), Some(from)) if one == other => {
            let to = text(to_ms, "%H:%M UTC").unwrap_or_default();
            format!("{from} to {to}")
        }
        _ => format!("{} to {}", full(from_ms), full(to_ms)),
    }
}

/// How long something lasts, in the two largest units that fit.
pub(crate) fn lasting(ms: i64) -> String {
    let seconds = ms.max(0).unsigned_abs() / 1_000;
    let (value, unit, rest, smaller) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..600 => (seconds / 60, "min", seconds % 60, "s"),
        600..3_600 => (seconds / 60, "min", 0, "s"),
        3_600..86_400 => (seconds / 3_600, "h", seconds / 60 % 60, "min"),
        86_400..172_800 => (1, "day", seconds / 3_600 % 24, "h"),
        _ => (seconds / 86_400, "days", seconds / 3_600 % 24, "h"),
    };
    match rest {
        0 => format!("{value} {unit}"),
        rest => format!("{value} {unit} {rest} {smaller}"),
    }
}

/// The same of what may be shorter than a second.
pub(crate) fn lasting_us(us: u64) -> String {
    match us {
        0 => "0 s".to_owned(),
        1..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", us / 1_000),
        1_000_000..10_000_000 if !us.is_multiple_of(1_000_000) => {
            format!("{}.{} s", us / 1_000_000, us / 100_000 % 10)
        }
        _ => lasting(i64::try_from(us / 1_000).unwrap_or(i64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_a_person_would() {
        let now = Timestamp::from_ms(1_795_000_000_000);
        let ago = |ms: i64| ago(1_795_000_000_000 - ms, now);
        assert_eq!(ago(-10_000), "just now");
        assert_eq!(ago(59_999), "just now");
        assert_eq!(ago(60_000), "1 min ago");
        assert_eq!(ago(7_199_000), "1 h ago");
        assert_eq!(ago(86_400_000), "1 day ago");
        assert_eq!(ago(3 * 86_400_000), "3 days ago");
        assert!(ago(-3_600_000).starts_with("in the future"));
        for (ms, told) in [
            (0, "0 s"),
            (-5, "0 s"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (3_661_000, "1 h 1 min"),
            (90_000_000, "1 day 1 h"),
            (20 * 86_400_000, "20 days"),
        ] {
            assert_eq!(lasting(ms), told);
        }
        for (us, told) in [
            (7, "7 µs"),
            (12_999, "12 ms"),
            (1_440_000, "1.4 s"),
            (5_000_000, "5 s"),
            (60_000_000, "1 min"),
        ] {
            assert_eq!(lasting_us(us), told);
        }
        assert_eq!(lasting(3_059_000), "50 min");
        let end = 1_795_000_000_000;
        assert_eq!(
            between(end - 3_600_000, end),
            "18 Nov 2026, 10:06 to 11:06 UTC"
        );
        assert_eq!(
            between(end - 86_400_000, end),
            "17 Nov 2026, 11:06 UTC to 18 Nov 2026, 11:06 UTC"
        );
        assert!(lasting_us(u64::MAX).ends_with(" h"));
        assert_eq!(full(1_795_000_000_000), "18 Nov 2026, 11:06 UTC");
        assert_eq!(full(i64::MAX), format!("{} ms", i64::MAX));
    }
}
