//! One value, and how numbers are rounded.

use crate::schema::{Field, Kind};

/// One value of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value<'a> {
    /// UTF-8, at most [`super::MAX_TEXT`] bytes.
    Text(&'a str),
    /// True or false.
    Boolean(bool),
    /// 0 to 2^64 − 1.
    Unsigned(u64),
    /// −2^63 to 2^63 − 1.
    Signed(i64),
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Timestamp(u64),
}

impl Value<'_> {
    /// The kind of field that it fits.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Boolean(_) => Kind::Boolean,
            Self::Unsigned(_) => Kind::Unsigned,
            Self::Signed(_) => Kind::Signed,
            Self::Timestamp(_) => Kind::Timestamp,
        }
    }

    /// The value as `field` sends it: numbers rounded to the nearest multiple of its
    /// quantum, halves away from zero. Where that multiple does not fit in 64 bits it is
    /// the next one towards zero.
    pub fn quantised(self, field: &Field) -> Self {
        let quantum = field.quantum();
        match self {
            _ if quantum <= 1 => self,
            Self::Text(_) | Self::Boolean(_) => self,
            Self::Unsigned(number) => Self::Unsigned(nearest(number, quantum, u64::MAX)),
            Self::Timestamp(time) => Self::Timestamp(nearest(time, quantum, u64::MAX)),
            Self::Signed(number) if number < 0 => {
                let most = i64::MIN.unsigned_abs();
                let size = nearest(number.unsigned_abs(), quantum, most);
                Self::Signed(0i64.wrapping_sub_unsigned(size))
            }
            Self::Signed(number) => {
                let most = i64::MAX as u64;
                Self::Signed(nearest(number.unsigned_abs(), quantum, most) as i64)
            }
        }
    }
}

fn nearest(number: u64, quantum: u64, most: u64) -> u64 {
    let past = number % quantum;
    let below = number - past;
    if past < quantum - past {
        return below;
    }
    below
        .checked_add(quantum)
        .filter(|above| *above <= most)
        .unwrap_or(below)
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Unsigned(number)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Signed(number)
    }
}
