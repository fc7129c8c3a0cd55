//! What a file says that was used between one sample and the next.
//!
//! Any collector can tell it: a collection with a text field `application`, a number whose
//! name begins with `cpu` and a number `memory`, in units of [`Cpu`] and [`KIB`]. The rest of
//! a file is looked at by `about` alone.

use std::collections::{BTreeMap, HashMap};

use bailiwick_core::digest::Sha256;
use bailiwick_report::{
    columnar::{ColumnarError, File},
    rows::{Row, Value},
    schema::{Collection, Field, Kind, Schema},
    wire::Limits,
};

use super::about::About;

/// Most bytes of a file once decompressed, and of the rows of one sample.
const LIMITS: Limits = Limits {
    body: 16 * 1024 * 1024,
    rows: 8 * 1024 * 1024,
};
/// Most rows of a file that are looked at, all samples together: an hour of 1,000 processes
/// every four seconds. It stops a small file of rows that never change from holding up what
/// else is to be stored.
const MOST_ROWS: usize = 1_000_000;
/// A sample stands for the time since the one before, but for no longer than this: the
/// device may have slept, or its clock have been put forward.
const LONGEST_MS: u64 = 15 * 60 * 1000;
/// Longest name of an application that is kept, in characters.
const NAME: usize = 100;

/// What an application used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) cpu_us: u64,
    /// Memory times how long it was held.
    pub(super) memory_kib_ms: u64,
}

impl Load {
    pub(super) fn add(&mut self, other: &Self) {
        self.cpu_us = self.cpu_us.saturating_add(other.cpu_us);
        self.memory_kib_ms = self.memory_kib_ms.saturating_add(other.memory_kib_ms);
    }
}

/// What was used from one sample to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) applications: BTreeMap<String, Load>,
}

impl Slice {
    pub(super) fn ms(&self) -> i64 {
        self.to_ms - self.from_ms
    }
}

/// What a file says of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slices {
    /// `number#generation`.
    pub(super) session: String,
    pub(super) slices: Vec<Slice>,
    /// The session itself, as far as the plugin may tell of it.
    pub(super) about: About,
    /// From where the session's next file goes on.
    pub(super) end: End,
}

/// What the last sample of a file said, as far as the next file needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at: u64,
    /// Processor time of each row.
    times: HashMap<u64, u64>,
}

impl End {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let pairs = self.times.iter().flat_map(|(key, us)| [*key, *us]);
        pairs.flat_map(u64::to_le_bytes).collect()
    }

    pub(super) fn from_bytes(at: u64, bytes: &[u8]) -> Self {
        let (pairs, _) = bytes.as_chunks::<16>();
        let pairs = pairs.iter().map(|pair| {
            let number = u128::from_le_bytes(*pair);
            (number as u64, (number >> 64) as u64)
        });
        Self {
            at,
            times: pairs.collect(),
        }
    }
}

/// Why a file says nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Flaw {
    #[error("{0}")]
    Columnar(#[from] ColumnarError),
    #[error("the samples have more than {MOST_ROWS} rows together, as many as are read")]
    TooManyRows,
    #[error("the samples are of the year 10000 or later")]
    Time,
}

impl Slices {
    /// What a file says; `before` tells where the session's file before it ended. None if
    /// it is of no session, or tells of no application.
    pub(super) fn read(
        bytes: &[u8],
        before: impl FnOnce(&str) -> Option<End>,
    ) -> Result<Option<Self>, Flaw> {
        let file = File::parse(bytes, LIMITS)?;
        let session = file.subject().session.clone();
        let Some(columns) = Columns::of(file.schema()).filter(|_| !session.is_empty()) else {
            // Damage is told all the same.
            drop(file.samples()?);
            return Ok(None);
        };
        let mut reading = Reading::of(columns, file.times(), before(&session));
        let mut about = About::default();
        let mut rows = 0;
        for sample in file.samples()? {
            let (at, snapshot) = sample?;
            rows += snapshot.row_count();
            if rows > MOST_ROWS {
                return Err(Flaw::TooManyRows);
            }
            reading.sample(at, snapshot.rows(reading.columns.collection))?;
            about = About::of(&snapshot, about);
        }
        Ok(Some(Self {
            session,
            slices: reading.slices,
            about,
            end: End {
                at: reading.before.unwrap_or(0),
                times: reading.times,
            },
        }))
    }
}

/// How a field tells of the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cpu {
    /// The share of a core since the sample before, of which so many parts are one core.
    Share(u64),
    /// The time since the row began, of which so many are a microsecond, or the other way
    /// round.
    Time { times: u64, parts: u64 },
}

const CPU: [(&str, Cpu); 7] = [
    ("percent", Cpu::Share(100)),
    ("per-mille", Cpu::Share(1_000)),
    ("percent-100", Cpu::Share(10_000)),
    (
        "s",
        Cpu::Time {
            times: 1_000_000,
            parts: 1,
        },
    ),
    (
        "ms",
        Cpu::Time {
            times: 1_000,
            parts: 1,
        },
    ),
    ("us", Cpu::Time { times: 1, parts: 1 }),
    (
        "ns",
        Cpu::Time {
            times: 1,
            parts: 1_000,
        },
    ),
];

/// Units of memory, and how many bytes each is.
const KIB: [(&str, u64); 3] = [("bytes", 1), ("KiB", 1_024), ("kib", 1_024)];

/// Where a file has what is looked at.
#[derive(Clone, Copy, Debug)]
struct Columns {
    collection: usize,
    application: usize,
    cpu: (usize, Cpu),
    memory: (usize, u64),
}

impl Columns {
    fn of(schema: &Schema) -> Option<Self> {
        let shapes = schema.collections().iter().enumerate();
        shapes
            .filter_map(|(collection, shape)| Self::within(collection, shape))
            .next()
    }

    fn within(collection: usize, shape: &Collection) -> Option<Self> {
        let fields = || shape.fields().iter().enumerate();
        let number = |field: &Field| matches!(field.kind(), Kind::Unsigned | Kind::Signed);
        let (application, _) = fields()
            .find(|(_, field)| field.name() == "application" && field.kind() == Kind::Text)?;
        let cpu = fields()
            .filter(|(_, field)| field.name().starts_with("cpu") && number(field))
            .find_map(|(place, field)| {
                let unit = CPU.iter().find(|(unit, _)| *unit == field.unit());
                unit.map(|(_, cpu)| (place, *cpu))
            })?;
        let memory = fields()
            .filter(|(_, field)| field.name() == "memory" && number(field))
            .find_map(|(place, field)| {
                let unit = KIB.iter().find(|(unit, _)| *unit == field.unit());
                unit.map(|(_, bytes)| (place, *bytes))
            })?;
        Some(Self {
            collection,
            application,
            cpu,
            memory,
        })
    }
}

/// What was read so far.
struct Reading {
    columns: Columns,
    /// When the sample before was taken.
    before: Option<u64>,
    /// Processor time of the rows of the sample before.
    times: HashMap<u64, u64>,
    slices: Vec<Slice>,
}

impl Reading {
    /// Shares tell of the time before the first sample too, which is as long as the one
    /// after it. Processor times do if they go on from the file before.
    fn of(columns: Columns, times: &[u64], end: Option<End>) -> Self {
        let first = times.first().copied().unwrap_or(0);
        let usual = times
            .get(1)
            .map_or(0, |second| second.saturating_sub(first));
        let mut reading = Self {
            columns,
            before: None,
            times: HashMap::new(),
            slices: Vec::new(),
        };
        match (columns.cpu.1, end) {
            (Cpu::Share(_), _) if usual > 0 => reading.before = first.checked_sub(usual),
            // What began and ended in a longer pause is not known.
            (Cpu::Time { .. }, Some(end))
                if end.at < first && first - end.at <= usual.saturating_mul(2) =>
            {
                reading.before = Some(end.at);
                reading.times = end.times;
            }
            _ => {}
        }
        reading
    }

    fn sample<'a>(&mut self, at: u64, rows: impl Iterator<Item = Row<'a>>) -> Result<(), Flaw> {
        // Year 10000.
        const END: u64 = 253_402_300_800_000;
        if at >= END {
            return Err(Flaw::Time);
        }
        let passed = self.before.map_or(0, |before| at.saturating_sub(before));
        let passed = passed.min(LONGEST_MS);
        let mut applications: BTreeMap<String, Load> = BTreeMap::new();
        let mut times = HashMap::new();
        for row in rows {
            let name = application(&row, self.columns.application);
            let load = Load {
                cpu_us: self.cpu(&row, passed, &mut times),
                memory_kib_ms: self.memory(&row).saturating_mul(passed),
            };
            applications.entry(name).or_default().add(&load);
        }
        self.times = times;
        self.before = Some(at);
        // A clock that was put back leaves no time to draw.
        if passed > 0 {
            let to_ms = i64::try_from(at).unwrap_or(i64::MAX);
            self.slices.push(Slice {
                from_ms: to_ms - i64::try_from(passed).unwrap_or(0),
                to_ms,
                applications,
            });
        }
        Ok(())
    }

    fn cpu(&self, row: &Row<'_>, passed: u64, times: &mut HashMap<u64, u64>) -> u64 {
        let (field, cpu) = self.columns.cpu;
        let value = number(row, field);
        match cpu {
            Cpu::Share(whole) => value.saturating_mul(passed).saturating_mul(1_000) / whole,
            Cpu::Time { times: many, parts } => {
                let key = key(row);
                let us = value.saturating_mul(many) / parts;
                // Who was not there before began since.
                let before = self.times.get(&key).copied().unwrap_or(0);
                times.insert(key, us);
                us.saturating_sub(before)
            }
        }
    }

    /// In KiB.
    fn memory(&self, row: &Row<'_>) -> u64 {
        let (field, bytes) = self.columns.memory;
        number(row, field).saturating_mul(bytes) / 1_024
    }
}

/// By what a row is known again, also after this program was updated.
fn key(row: &Row<'_>) -> u64 {
    let key = format!("{:?}", row.key().collect::<Vec<_>>());
    let digest = Sha256::of(key.as_bytes());
    let first = digest.as_bytes().first_chunk();
    first.map_or(0, |first| u64::from_le_bytes(*first))
}

fn number(row: &Row<'_>, field: usize) -> u64 {
    match row.get(field) {
        Some(Value::Unsigned(number)) => number,
        Some(Value::Signed(number)) => u64::try_from(number).unwrap_or(0),
        _ => 0,
    }
}

fn application(row: &Row<'_>, field: usize) -> String {
    match row.get(field) {
        Some(Value::Text(text)) if !text.is_empty() => text.chars().take(NAME).collect(),
        _ => "unnamed".to_owned(),
    }
}

#[cfg(test)]
mod tests;
