//! Sizes, with their text form.

use std::{fmt, str::FromStr};

/// A number of bytes. `KB` is 1,000 and `KiB` 1,024.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteCount(u64);

impl ByteCount {
    /// `bytes` bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// `kib` × 1,024 bytes.
    pub const fn kib(kib: u64) -> Self {
        Self(kib * 1024)
    }

    /// `mib` × 1,048,576 bytes.
    pub const fn mib(mib: u64) -> Self {
        Self(mib * 1024 * 1024)
    }

    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A size that could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a size: write a whole number and a unit, as in `64 KiB` or `10 MB`")]
pub struct ByteCountError(String);

const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

impl FromStr for ByteCount {
    type Err = ByteCountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ByteCountError(text.to_owned());
        let (unit, factor) = UNITS
            .into_iter()
            .find(|(unit, _)| text.ends_with(unit))
            .ok_or_else(error)?;
        let number: u64 = text[..text.len() - unit.len()]
            .trim_end()
            .parse()
            .map_err(|_| error())?;
        number.checked_mul(factor).map(Self).ok_or_else(error)
    }
}

impl fmt::Display for ByteCount {
    /// The largest unit that divides the size without rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS
            .into_iter()
            .filter(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor))
            .max_by_key(|(_, factor)| *factor)
            .unwrap_or(("B", 1));
        write!(f, "{} {unit}", self.0 / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for bytes in [0, 1, 999, 1_000, 1_024, 65_536, 1_000_000, 1 << 30] {
            let size = ByteCount::new(bytes);
            assert_eq!(size.to_string().parse(), Ok(size));
        }
        // Also so many KiB.
        assert_eq!(ByteCount::new(80_000_000).to_string(), "80 MB");
    }

    #[test]
    fn refuses_what_has_no_unit_or_overflows() {
        for text in [
            "",
            "10",
            "KiB",
            "1.5 MiB",
            "-1 B",
            "99999999999 GiB",
            "1 kb",
        ] {
            assert!(text.parse::<ByteCount>().is_err(), "{text}");
        }
    }
}
