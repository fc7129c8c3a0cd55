//! A share of one core, with its text form.

use std::{fmt, str::FromStr, time::Duration};

/// Hundredths of a percent of one core: `1 %` is 100. More than one core can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CpuShare(u32);

/// Text that is no share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no share of a core: write 0.01 % to 100 %, as in `1 %` or `0.5 %`")]
pub struct CpuShareError(String);

impl CpuShare {
    /// `1 %`.
    pub const PERCENT: Self = Self(100);

    /// So many hundredths of a percent.
    pub const fn new(hundredths: u32) -> Self {
        Self(hundredths)
    }

    /// What `used` is of the time that passed, rounded up. Nothing passed is nothing used.
    pub fn of(used: Duration, passed: Duration) -> Self {
        let used = used.as_nanos().saturating_mul(10_000);
        let share = used.div_ceil(passed.as_nanos().max(1));
        Self(u32::try_from(share).unwrap_or(u32::MAX))
    }

    /// In hundredths of a percent.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether it is `numerator` ÷ `denominator` of `whole`, or less.
    pub(super) fn is_at_most(self, numerator: u32, denominator: u32, whole: Self) -> bool {
        u64::from(self.0) * u64::from(denominator) <= u64::from(whole.0) * u64::from(numerator)
    }
}

impl fmt::Display for CpuShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match rest {
            0 => write!(f, "{whole} %"),
            rest if rest % 10 == 0 => write!(f, "{whole}.{} %", rest / 10),
            rest => write!(f, "{whole}.{rest:02} %"),
        }
    }
}

impl FromStr for CpuShare {
    type Err = CpuShareError;

    /// Of at most one core: the agent has little to do on several.
    fn from_str(text: &str) -> Result<Self, CpuShareError> {
        let error = || CpuShareError(text.to_owned());
        let number = text.strip_suffix('%').ok_or_else(error)?.trim_end();
        let (whole, rest) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str, most: usize| {
            let fits = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            fits.then(|| text.parse::<u32>().ok()).flatten()
        };
        let hundredths = match rest.len() {
            1 => digits(rest, 1).map(|tenths| tenths * 10),
            _ => digits(rest, 2),
        };
        let whole = digits(whole, 3).ok_or_else(error)?;
        let share = whole * 100 + hundredths.ok_or_else(error)?;
        if (1..=10_000).contains(&share) {
            Ok(Self(share))
        } else {
            Err(error())
        }
    }
}
