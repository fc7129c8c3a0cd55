//! Which session.

use std::{fmt, str::FromStr};

/// Longest number in bytes. logind's and the kernel's are below 12.
const LONGEST: usize = 64;

/// A session on this device. Platforms use a number again after a restart, and some before:
/// the generation rises with every session that is opened, and never goes back, so a number
/// that is used again is another session. Written `number#generation`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    number: String,
    generation: u64,
}

/// Text that is no session's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no session's id: it takes the platform's number, `#` and a generation, as in `7#12`"
)]
pub struct SessionIdError(String);

impl SessionId {
    /// The session that the platform calls `number`; characters other than ASCII letters
    /// and digits are left out of it, and what is longer than 64 is cut.
    pub fn new(number: &str, generation: u64) -> Self {
        let number = number
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(LONGEST)
            .collect();
        Self { number, generation }
    }

    /// What the platform called it when it was first seen.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Counts the sessions that were ever opened on this device, from 1.
    pub const fn generation(&self) -> u64 {
        self.generation
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}#{}", self.number, self.generation))
    }
}

impl FromStr for SessionId {
    type Err = SessionIdError;

    fn from_str(text: &str) -> Result<Self, SessionIdError> {
        let id = text.split_once('#').and_then(|(number, generation)| {
            let id = Self::new(number, generation.parse().ok()?);
            (id.to_string() == text).then_some(id)
        });
        id.ok_or_else(|| SessionIdError(text.chars().take(80).collect()))
    }
}

impl serde::Serialize for SessionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for SessionId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_what_it_writes() {
        for id in [SessionId::new("7", 12), SessionId::new("c1", u64::MAX)] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "", "7", "7#", "7#x", "7#+1", "7#01", "a/b#1", "7#-1", "7#1#2",
        ] {
            assert!(text.parse::<SessionId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_hostile_number_is_tamed() {
        let id = SessionId::new(&format!("../{}", "x".repeat(100)), 1);
        assert_eq!(id.number(), "x".repeat(64));
    }
}
