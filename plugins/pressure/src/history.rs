//! What outlives a collect, and a version.

use bailiwick_sdk::Refusal;

/// Begins a saved history: its name and layout version.
const MAGIC: &[u8; 4] = b"PRS1";

/// Collects so far and the highest pressure of each resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    collects: u64,
    /// Number of the first collect after the last start or swap.
    first_of_version: u64,
    highest: [u64; 3],
}

impl History {
    pub(crate) fn begin_collect(&mut self) {
        self.collects = self.collects.saturating_add(1);
        if self.first_of_version == 0 {
            self.first_of_version = self.collects;
        }
    }

    /// Collects since the first version started.
    pub(crate) fn collects(&self) -> u64 {
        self.collects
    }

    pub(crate) fn first_of_version(&self) -> u64 {
        self.first_of_version
    }

    /// The highest pressure of a resource that was ever seen, `now` included.
    pub(crate) fn highest(&mut self, resource: usize, now: u64) -> u64 {
        self.highest.get_mut(resource).map_or(now, |highest| {
            *highest = now.max(*highest);
            *highest
        })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in [self.collects].iter().chain(&self.highest) {
            bytes.extend(number.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`History::to_bytes`] wrote; the next collect is the first of this
    /// version.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let Some((magic, numbers)) = bytes.split_first_chunk() else {
            return Err(Refusal::Corrupt("the history is too short".to_owned()));
        };
        if magic != MAGIC {
            return Err(Refusal::Incompatible(
                "the history is of another layout".to_owned(),
            ));
        }
        let (numbers, rest) = numbers.as_chunks();
        match (numbers, rest) {
            (&[collects, cpu, memory, io], []) => Ok(Self {
                collects: u64::from_le_bytes(collects),
                first_of_version: 0,
                highest: [cpu, memory, io].map(u64::from_le_bytes),
            }),
            _ => Err(Refusal::Corrupt(
                "the history is not of its layout's length".to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_history_is_read_back() {
        let mut history = History::default();
        (0..7).for_each(|_| history.begin_collect());
        history.highest(2, 900);
        let read = History::from_bytes(&history.to_bytes()).unwrap();
        assert_eq!(
            read,
            History {
                first_of_version: 0,
                ..history
            }
        );
    }

    #[test]
    fn what_no_version_wrote_is_refused() {
        let saved = History::default().to_bytes();
        for length in 1..saved.len() {
            assert!(matches!(
                History::from_bytes(&saved[..length]),
                Err(Refusal::Corrupt(_))
            ));
        }
        assert!(matches!(
            History::from_bytes(b"PRS2...."),
            Err(Refusal::Incompatible(_))
        ));
    }
}
