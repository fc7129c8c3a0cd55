//! The console's side: what a device has, report after report.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    SavedError, SnapshotHash,
    diff::{ApplyError, Diff},
    rows::Snapshot,
    saved,
    varint::put,
    wire::{Report, WireError},
};

const MAGIC: &[u8; 4] = b"BWRS";

/// How many past epochs are remembered, to recognise a report that comes again late.
const RETIRED: usize = 8;

/// What the reports of one plugin on one device have told so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    epoch: u64,
    counter: u64,
    taken_at: u64,
    retired: VecDeque<u64>,
    snapshot: Snapshot,
    hash: SnapshotHash,
}

/// Why a diff is of no use here. Answer the device: it starts a new epoch with a full
/// report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NeedFull {
    /// Nothing is known of this plugin on this device.
    #[error("a full report is needed: this is the first report of the plugin on this device")]
    Unknown,
    /// The device began a new epoch, whose full report has not come.
    #[error(
        "a full report is needed: epoch {found:016x} began without one; the known epoch is {known:016x}"
    )]
    Epoch {
        /// The last known one.
        known: u64,
        /// The report's.
        found: u64,
    },
    /// Reports are missing in between.
    #[error("a full report is needed: report {expected} was expected and {found} came")]
    Gap {
        /// The next counter.
        expected: u64,
        /// The report's.
        found: u64,
    },
    /// The device went back to an earlier state, as after a restored backup.
    #[error("a full report is needed: the device counts from an earlier state again")]
    Rewound,
    /// The diff is against other rows.
    #[error("a full report is needed: the diff is against {found}; known is {known}")]
    Base {
        /// What is here.
        known: SnapshotHash,
        /// What the diff is against.
        found: SnapshotHash,
    },
    /// The diff does not fit the rows.
    #[error("a full report is needed: {0}")]
    Apply(#[from] ApplyError),
    /// The diff makes other rows than the device has.
    #[error("a full report is needed: the diff makes {found}; the device has {expected}")]
    Result {
        /// What the device has.
        expected: SnapshotHash,
        /// What came out.
        found: SnapshotHash,
    },
}

/// What to do with a report.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Store the new state, then acknowledge.
    Accepted(Box<Accepted>),
    /// It came before: acknowledge again, store nothing.
    Duplicate,
    /// Acknowledge, and ask for a full report.
    NeedFull(NeedFull),
}

/// A report that was taken in.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The state after it.
    pub stream: Stream,
    /// What it changed; `None` for a full report.
    pub diff: Option<Diff>,
}

impl Stream {
    /// What the device has, as far as is known.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The present run of reports.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The counter of the last report.
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// When the rows were read, in milliseconds since 1970-01-01T00:00:00Z by the device's
    /// clock.
    pub fn taken_at(&self) -> u64 {
        self.taken_at
    }

    /// Judges a report against what is known of its plugin and device, which the caller
    /// looks up by the envelope's origin. Nothing changes in `known`.
    ///
    /// # Errors
    /// The report's body can't be read. It won't be readable the next time either.
    pub fn accept(known: Option<&Self>, report: &Report<'_>) -> Result<Verdict, WireError> {
        let envelope = report.envelope();
        if let Some(known) = known {
            let old = envelope.epoch == known.epoch && envelope.counter <= known.counter
                || known.retired.contains(&envelope.epoch);
            if old {
                // The same report again was read at or before the last one. What was read
                // later and yet counts lower comes from a device that was set back.
                let again = envelope.taken_at <= known.taken_at;
                let verdict = Verdict::NeedFull(NeedFull::Rewound);
                return Ok(if again { Verdict::Duplicate } else { verdict });
            }
        }
        match envelope.base {
            None => {
                let snapshot = report.snapshot()?;
                Ok(accepted(known, report, snapshot, None))
            }
            Some(base) => Self::accept_diff(known, report, base),
        }
    }

    fn accept_diff(
        known: Option<&Self>,
        report: &Report<'_>,
        base: SnapshotHash,
    ) -> Result<Verdict, WireError> {
        let envelope = report.envelope();
        let Some(last) = known else {
            return Ok(Verdict::NeedFull(NeedFull::Unknown));
        };
        if let Some(reason) = last.refusal(envelope.epoch, envelope.counter, base) {
            return Ok(Verdict::NeedFull(reason));
        }
        let diff = report.diff(last.snapshot.schema())?;
        let snapshot = match diff.apply(&last.snapshot) {
            Ok(snapshot) => snapshot,
            Err(error) => return Ok(Verdict::NeedFull(error.into())),
        };
        let (expected, found) = (envelope.result, snapshot.hash());
        if expected != found {
            return Ok(Verdict::NeedFull(NeedFull::Result { expected, found }));
        }
        Ok(accepted(known, report, snapshot, Some(diff)))
    }

    /// Why a diff does not follow this state.
    fn refusal(&self, epoch: u64, counter: u64, base: SnapshotHash) -> Option<NeedFull> {
        if epoch != self.epoch {
            return Some(NeedFull::Epoch {
                known: self.epoch,
                found: epoch,
            });
        }
        let expected = self.counter.saturating_add(1);
        if counter != expected {
            return Some(NeedFull::Gap {
                expected,
                found: counter,
            });
        }
        (base != self.hash).then_some(NeedFull::Base {
            known: self.hash,
            found: base,
        })
    }

    /// For keeping in a database.
    pub fn to_bytes(&self) -> Vec<u8> {
        saved::seal(MAGIC, |out| {
            out.extend_from_slice(&self.epoch.to_le_bytes());
            put(out, self.counter);
            put(out, self.taken_at);
            put(out, self.retired.len() as u64);
            self.retired
                .iter()
                .for_each(|epoch| out.extend_from_slice(&epoch.to_le_bytes()));
            saved::write_snapshot(&self.snapshot, out);
        })
    }

    /// From a database.
    ///
    /// # Errors
    /// The bytes are damaged, something else, or of a later program.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SavedError> {
        let mut input = saved::open(MAGIC, bytes)?;
        let epoch = u64::from_le_bytes(input.array()?);
        let counter = input.varint()?;
        let taken_at = input.varint()?;
        let retired = (0..input.varint()?)
            .map(|_| Ok(u64::from_le_bytes(input.array()?)))
            .collect::<Result<_, SavedError>>()?;
        let snapshot = saved::read_snapshot(&mut input)?;
        let hash = snapshot.hash();
        Ok(Self {
            epoch,
            counter,
            taken_at,
            retired,
            snapshot,
            hash,
        })
    }
}

fn accepted(
    known: Option<&Stream>,
    report: &Report<'_>,
    snapshot: Snapshot,
    diff: Option<Diff>,
) -> Verdict {
    let envelope = report.envelope();
    let mut retired = known.map(|known| known.retired.clone()).unwrap_or_default();
    if let Some(known) = known.filter(|known| known.epoch != envelope.epoch) {
        retired.push_back(known.epoch);
        retired.drain(..retired.len().saturating_sub(RETIRED));
    }
    let stream = Stream {
        epoch: envelope.epoch,
        counter: envelope.counter,
        taken_at: envelope.taken_at,
        retired,
        snapshot,
        hash: envelope.result,
    };
    Verdict::Accepted(Box::new(Accepted { stream, diff }))
}

/// The streams of all plugins of all devices, in memory. A console with a database keeps
/// [`Stream`]s there and calls [`Stream::accept`] itself.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    streams: BTreeMap<([u8; 16], String), Stream>,
}

impl Receiver {
    /// What is known of a plugin on a device.
    pub fn stream(&self, device: [u8; 16], plugin: &str) -> Option<&Stream> {
        self.streams.get(&(device, plugin.to_owned()))
    }

    /// Judges a report and, if it is accepted, remembers what it says.
    ///
    /// # Errors
    /// The report's body can't be read.
    pub fn accept(&mut self, report: &Report<'_>) -> Result<Verdict, WireError> {
        let origin = &report.envelope().origin;
        let key = (*origin.device(), origin.plugin().to_owned());
        let verdict = Stream::accept(self.streams.get(&key), report)?;
        if let Verdict::Accepted(accepted) = &verdict {
            self.streams.insert(key, accepted.stream.clone());
        }
        Ok(verdict)
    }
}

#[cfg(test)]
mod tests;
