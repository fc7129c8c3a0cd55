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

    /// Midnight UTC at the beginning of a day of the Gregorian calendar; `None` for days
    /// that there are not, or that are before 1970.
    pub fn start_of_day(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let lengths = [
            31,
            if leap { 29 } else { 28 },
            31,
            30,
            31,
            30,
            31,
            31,
            30,
            31,
            30,
            31,
        ];
        let month = usize::from(month.checked_sub(1)?);
        if year < 1970 || !(1..=*lengths.get(month)?).contains(&u64::from(day)) {
            return None;
        }
        let before = u64::from(year) - 1;
        let leap_days =
            before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
        let days = (u64::from(year) - 1970) * 365
            + leap_days
            + lengths[..month].iter().sum::<u64>()
            + u64::from(day)
            - 1;
        Some(Self(days * 86_400_000))
    }

    /// Year, month and day of the Gregorian calendar, in UTC.
    pub const fn date(self) -> (u64, u64, u64) {
        const DAYS_IN_400_YEARS: u64 = 146_097;
        // Years begin in March here, so that the leap day is the last; day 0 is 0000-03-01.
        let days = self.0 / 86_400_000 + 719_468;
        let (era, day) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        (era * 400 + year + next, month, day)
    }

    /// The end of its day in UTC: the first millisecond of the next.
    pub const fn end_of_day(self) -> Self {
        let begun = self.0 - self.0 % 86_400_000;
        Self(begun.saturating_add(86_400_000))
    }

    /// The millisecond before: the last moment of what ends at this one.
    pub const fn last_before(self) -> Self {
        Self(self.0.saturating_sub(1))
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
    fn days_begin_where_the_calendar_says() {
        // Checked with `date -u -d <day> +%s`.
        for (year, month, day, seconds) in [
            (1970, 1, 1, 0),
            (2000, 2, 29, 951_782_400),
            (2024, 3, 1, 1_709_251_200),
            (2027, 12, 31, 1_830_211_200),
            (2100, 3, 1, 4_107_542_400),
        ] {
            assert_eq!(
                Timestamp::start_of_day(year, month, day),
                Some(Timestamp::from_ms(seconds * 1_000)),
                "{year}-{month}-{day}"
            );
            let late = Timestamp::from_ms((seconds + 86_399) * 1_000);
            let date = (u64::from(year), u64::from(month), u64::from(day));
            assert_eq!(late.date(), date);
            let end = Timestamp::from_ms((seconds + 86_400) * 1_000);
            for of_the_day in [Timestamp::from_ms(seconds * 1_000), late, end.last_before()] {
                assert_eq!(of_the_day.end_of_day(), end);
            }
        }
        for (year, month, day) in [
            (1969, 12, 31),
            (2023, 2, 29),
            (2100, 2, 29),
            (2024, 13, 1),
            (2024, 4, 31),
            (2024, 1, 0),
            (2024, 0, 1),
        ] {
            assert_eq!(Timestamp::start_of_day(year, month, day), None);
        }
    }

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
