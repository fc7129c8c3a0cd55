//! From when on something is told.

use std::{str::FromStr, time::Duration};

use bailiwick_core::time::{Span, Timestamp};

/// From when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// So long ago.
    Ago(Duration),
    /// A moment.
    At(Timestamp),
}

impl Since {
    /// The moment, if it is `now`.
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => {
                let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
                Timestamp::from_ms(now.as_ms().saturating_sub(ms))
            }
        }
    }
}

impl FromStr for Since {
    type Err = String;

    /// A span, a day (UTC), or a moment of RFC 3339.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(span) = text.parse::<Span>() {
            return Ok(Self::Ago(span.get()));
        }
        // Of RFC 3339, a day begins at midnight.
        let moment = match text.len() {
            10 => format!("{text}T00:00:00Z"),
            _ => text.to_owned(),
        };
        let at = moment.parse::<jiff::Timestamp>().ok();
        at.and_then(|at| u64::try_from(at.as_millisecond()).ok())
            .map(|ms| Self::At(Timestamp::from_ms(ms)))
            .ok_or_else(|| {
                format!(
                    "`{text}` is no time: write a span such as `2h`, a day such as `2026-11-30`, or \
                     a moment such as `2026-11-30T12:00:00Z`"
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_days_and_moments_are_read_and_nothing_else() {
        let at = |text: &str| {
            text.parse()
                .map(|since: Since| since.at(Timestamp::from_ms(9_000)))
        };
        let is = |ms| Ok(Timestamp::from_ms(ms));
        assert_eq!(at("2s"), is(7_000));
        assert_eq!(at("1h"), is(0));
        assert_eq!(at("1970-01-02"), is(86_400_000));
        assert_eq!(at("1970-01-01T01:00:00+01:00"), is(0));
        for wrong in ["", "soon", "2026-13-01", "2026-11-30 12:00", "1969-12-31"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
