//! Times and durations, always passed in, never read here.

use std::{fmt, str::FromStr, time::Duration};

/// A time on the wall: milliseconds since 1970-01-01T00:00:00Z. It can be wrong and it
/// can jump: durations are measured with [`Monotonic`].
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// `ms` milliseconds after the epoch.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// This time and `duration` more.
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}

/// A moment of a clock that never goes backwards, in nanoseconds since an arbitrary
/// moment of this start of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(u64);

impl Monotonic {
    /// The clock's zero.
    pub const ZERO: Self = Self(0);

    /// `ns` nanoseconds after the clock's zero.
    pub const fn from_ns(ns: u64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the clock's zero.
    pub const fn as_ns(self) -> u64 {
        self.0
    }

    /// How long `earlier` is ago; zero if it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This moment and `duration` more.
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// A span of time as people write it in policies and settings: `250 ms`, `15 s`, `5 min`,
/// `12 h`, `30 d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

impl Span {
    /// A span of `duration`.
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// The span as the standard library's type.
    pub const fn get(self) -> Duration {
        self.0
    }
}

const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("s", 1_000),
];

/// A span that could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a span of time: write a whole number and ms, s, min, h or d, as in `15 s`")]
pub struct SpanError(String);

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let error = || SpanError(text.to_owned());
        let (unit, factor) = UNITS
            .into_iter()
            .find(|(unit, _)| text.ends_with(unit))
            .ok_or_else(error)?;
        let number: u64 = text[..text.len() - unit.len()]
            .trim_end()
            .parse()
            .map_err(|_| error())?;
        number
            .checked_mul(factor)
            .map(|ms| Self(Duration::from_millis(ms)))
            .ok_or_else(error)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let largest = [
            ("d", 86_400_000),
            ("h", 3_600_000),
            ("min", 60_000),
            ("s", 1_000),
        ];
        let (unit, factor) = largest
            .into_iter()
            .find(|(_, factor)| ms >= *factor && ms.is_multiple_of(*factor))
            .unwrap_or(("ms", 1));
        write!(f, "{} {unit}", ms / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_what_they_write() {
        for text in ["0 ms", "250 ms", "15 s", "5 min", "12 h", "30 d", "90 s"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("15s".parse::<Span>().unwrap().to_string(), "15 s");
    }

    #[test]
    fn spans_refuse_what_has_no_unit_or_a_fraction() {
        for text in [
            "",
            "15",
            "s",
            "1.5 s",
            "-1 s",
            "15 m",
            "99999999999999999 d",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
