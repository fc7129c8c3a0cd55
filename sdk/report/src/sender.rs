//! The device's side: which report comes next.

use crate::{
    SavedError, SnapshotHash,
    diff::Diff,
    rows::Snapshot,
    saved,
    varint::put,
    wire::{self, Envelope, Origin},
};

const MAGIC: &[u8; 4] = b"BWSS";

/// What the last report of one plugin said, and where it stood in the sequence.
///
/// Full first, then diffs; full again after [`Sender::restart`], when the schema changed,
/// and when a diff would be longer. Keep [`Sender::to_bytes`] on disk together with the
/// report: a report that is stored and a sender that is not would leave a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    epoch: u64,
    /// Of the next report.
    counter: u64,
    last: Option<(Snapshot, SnapshotHash)>,
}

/// What a report holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// All rows.
    Full {
        /// How many.
        rows: usize,
    },
    /// The difference to the last report, in rows.
    Diff {
        /// New ones.
        added: usize,
        /// Ones of which fields changed.
        changed: usize,
        /// Ones that are gone.
        removed: usize,
    },
}

impl Content {
    /// Whether the receiver has the same rows before and after.
    pub fn is_unchanged(&self) -> bool {
        *self
            == Self::Diff {
                added: 0,
                changed: 0,
                removed: 0,
            }
    }
}

/// A report, and the sender as it is once the report is stored.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The report, ready to store and send.
    pub bytes: Vec<u8>,
    /// The part of it that comes before the rows.
    pub envelope: Envelope,
    /// What it holds.
    pub content: Content,
    /// Takes the old one's place as soon as `bytes` are stored; dropped if they are not.
    pub sender: Sender,
}

impl Sender {
    /// A sender without history. `epoch` is random, so that no two runs of reports share
    /// one.
    pub fn new(epoch: u64) -> Self {
        Self {
            epoch,
            counter: 0,
            last: None,
        }
    }

    /// Begins a new run of reports, the first one full: when the receiver asks for a full
    /// report. `epoch` is random.
    pub fn restart(&mut self, epoch: u64) {
        *self = Self::new(epoch);
    }

    /// The present run of reports.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The counter of the next report.
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// What the last report said.
    pub fn last(&self) -> Option<&Snapshot> {
        self.last.as_ref().map(|(snapshot, _)| snapshot)
    }

    /// The report that tells the receiver of `snapshot`, read at `taken_at` milliseconds
    /// since 1970-01-01T00:00:00Z. Nothing changes in `self`.
    ///
    /// A diff without changes is a report too: it says that the device was looked at.
    pub fn next(&self, origin: &Origin, taken_at: u64, snapshot: Snapshot) -> Prepared {
        let result = snapshot.hash();
        let mut envelope = Envelope {
            origin: origin.clone(),
            taken_at,
            epoch: self.epoch,
            counter: self.counter,
            schema: snapshot.schema().hash(),
            base: None,
            result,
        };
        let (bytes, content) = self.encode(&mut envelope, &snapshot);
        let sender = Self {
            epoch: self.epoch,
            counter: self.counter.saturating_add(1),
            last: Some((snapshot, result)),
        };
        Prepared {
            bytes,
            envelope,
            content,
            sender,
        }
    }

    fn encode(&self, envelope: &mut Envelope, snapshot: &Snapshot) -> (Vec<u8>, Content) {
        let full = Content::Full {
            rows: snapshot.row_count(),
        };
        let last = self.last.as_ref();
        let diff = last.and_then(|(last, hash)| Some((Diff::between(last, snapshot).ok()?, hash)));
        let Some((diff, base)) = diff else {
            return (wire::encode_full(envelope, snapshot), full);
        };
        let (added, changed, removed) = diff.counts();
        envelope.base = Some(*base);
        let bytes = wire::encode_diff(envelope, &diff);
        // Only where much changed can the whole be shorter, and worth encoding twice.
        if added + changed + removed > snapshot.row_count() / 2 {
            let whole = Envelope {
                base: None,
                ..envelope.clone()
            };
            let shorter = wire::encode_full(&whole, snapshot);
            if shorter.len() < bytes.len() {
                *envelope = whole;
                return (shorter, full);
            }
        }
        (
            bytes,
            Content::Diff {
                added,
                changed,
                removed,
            },
        )
    }

    /// For keeping on disk.
    pub fn to_bytes(&self) -> Vec<u8> {
        saved::seal(MAGIC, |out| {
            out.extend_from_slice(&self.epoch.to_le_bytes());
            put(out, self.counter);
            if let Some((snapshot, _)) = &self.last {
                saved::write_snapshot(snapshot, out);
            }
        })
    }

    /// From disk.
    ///
    /// # Errors
    /// The bytes are damaged, something else, or of a later program. After any of these a
    /// sender with a new epoch is right: it begins with a full report.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SavedError> {
        let mut input = saved::open(MAGIC, bytes)?;
        let epoch = u64::from_le_bytes(input.array()?);
        let counter = input.varint()?;
        let last = if input.is_empty() {
            None
        } else {
            let snapshot = saved::read_snapshot(&mut input)?;
            let hash = snapshot.hash();
            Some((snapshot, hash))
        };
        Ok(Self {
            epoch,
            counter,
            last,
        })
    }
}

#[cfg(test)]
mod tests;
