//! From snapshots to a file.

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use super::{
    COMPRESSED, END, MAGIC, MAX_SAMPLES, MAX_SESSION, PURPOSE, Subject, VERSION,
    body::{Column, Columns, units},
};
use crate::{
    hash,
    rows::{Row, Rows, Snapshot, Value, compare_keys},
    schema::{Collection, Schema},
    varint::{put, put_text, zigzag},
    wire::compression,
};

/// Level of zstd. On the trace of 296 processes level 19 saves 2 % and takes four times the
/// time.
const LEVEL: i32 = 9;

/// Writes one file, sample after sample.
///
/// It holds the last snapshot, the encoded columns and each text once: about what the file
/// has before compression.
#[derive(Clone, Debug)]
pub struct Writer {
    subject: Subject,
    last: Snapshot,
    times: Vec<u64>,
    collections: Vec<Encoded>,
}

#[derive(Clone, Debug)]
struct Encoded {
    columns: Columns,
    /// Text → its index, per field.
    known: Vec<HashMap<Box<str>, u64>>,
}

impl Writer {
    /// An empty file. Of the subject's texts what is longer than 128 bytes is cut.
    pub fn new(schema: Arc<Schema>, subject: Subject) -> Self {
        let encoded = |shape: &Collection| Encoded {
            columns: Columns::of(shape),
            known: vec![HashMap::new(); shape.fields().len()],
        };
        let cut = |text: String| {
            let end = text.floor_char_boundary(MAX_SESSION);
            text[..end].to_owned()
        };
        Self {
            subject: Subject {
                plugin: cut(subject.plugin),
                version: cut(subject.version),
                session: cut(subject.session),
            },
            collections: schema.collections().iter().map(encoded).collect(),
            last: Snapshot::empty(schema),
            times: Vec::new(),
        }
    }

    /// Takes the next sample, of the schema that the file was begun with, read at `taken_at`
    /// milliseconds since 1970-01-01T00:00:00Z. False, and nothing is taken, if the file is
    /// full or the schema is another: finish this file and begin the next.
    #[must_use = "a sample that was not taken belongs into the next file"]
    pub fn add(&mut self, taken_at: u64, snapshot: Snapshot) -> bool {
        let same =
            Arc::ptr_eq(self.schema(), snapshot.schema()) || **self.schema() == **snapshot.schema();
        if !same || self.times.len() >= MAX_SAMPLES {
            return false;
        }
        let schema = Arc::clone(self.schema());
        for (index, encoded) in self.collections.iter_mut().enumerate() {
            let shape = &schema.collections()[index];
            encoded.sample(shape, self.last.store(index), snapshot.store(index));
        }
        self.times.push(taken_at);
        self.last = snapshot;
        true
    }

    /// What the rows look like.
    pub fn schema(&self) -> &Arc<Schema> {
        self.last.schema()
    }

    /// Samples so far.
    pub fn samples(&self) -> usize {
        self.times.len()
    }

    /// When the first and the last sample were read.
    pub fn span(&self) -> Option<(u64, u64)> {
        Some((*self.times.first()?, *self.times.last()?))
    }

    /// Bytes that the columns take now, before compression.
    pub fn size(&self) -> usize {
        let columns = self.collections.iter();
        columns.map(|encoded| encoded.columns.size()).sum()
    }

    /// The file.
    pub fn finish(self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.size() + 1_024);
        put_text(&mut body, &self.subject.plugin);
        put_text(&mut body, &self.subject.version);
        put_text(&mut body, &self.subject.session);
        self.schema().write(&mut body);
        put(&mut body, self.times.len() as u64);
        let mut before = None;
        for time in &self.times {
            match before {
                None => put(&mut body, *time),
                Some(before) => put(&mut body, zigzag(time.wrapping_sub(before) as i64)),
            }
            before = Some(*time);
        }
        let shapes = self.schema().collections();
        for (shape, encoded) in shapes.iter().zip(&self.collections) {
            encoded.columns.write(shape, &mut body);
        }
        let checksum = hash::short(PURPOSE, &[&body]);
        body.extend_from_slice(&checksum);
        let (rest, compressed) = compression::close(body, LEVEL);
        let mut file = MAGIC.as_bytes().to_vec();
        file.push(VERSION);
        file.push(if compressed { COMPRESSED } else { 0 });
        file.extend_from_slice(&rest);
        file
    }
}

impl Encoded {
    /// Appends what makes `new` of `old`: both are sorted by key, so one walk through both
    /// finds it.
    fn sample(&mut self, shape: &Collection, old: &Rows, new: &Rows) {
        let (mut gone, mut given) = (0, 0);
        let (mut kept_before, mut same_before) = (0, 0);
        // Written after the new rows, as they are read.
        let mut changed = Vec::new();
        let mut before: Vec<u64> = vec![0; shape.fields().len()];
        let (mut one, mut other) = (0, 0);
        while one < old.len() || other < new.len() {
            let order = if one == old.len() {
                Ordering::Greater
            } else if other == new.len() {
                Ordering::Less
            } else {
                compare_keys(shape, old.row(one), new.row(other))
            };
            match order {
                Ordering::Less => {
                    put(&mut self.columns.gone, kept_before);
                    kept_before = 0;
                    gone += 1;
                    one += 1;
                }
                Ordering::Greater => {
                    self.new_row(shape, Row::new(shape, new.row(other)), &mut before);
                    given += 1;
                    other += 1;
                }
                Ordering::Equal => {
                    if old.row(one) == new.row(other) {
                        same_before += 1;
                    } else {
                        put(&mut self.columns.gaps, same_before);
                        same_before = 0;
                        changed.push((one, other));
                    }
                    kept_before += 1;
                    one += 1;
                    other += 1;
                }
            }
        }
        for (one, other) in &changed {
            let row = |bytes| Row::new(shape, bytes);
            self.changed_row(shape, row(old.row(*one)), row(new.row(*other)));
        }
        for count in [gone, given, changed.len() as u64] {
            put(&mut self.columns.counts, count);
        }
    }

    fn new_row(&mut self, shape: &Collection, row: Row<'_>, before: &mut [u64]) {
        let mut given = 0;
        for (index, value) in row.values().enumerate() {
            let Some(value) = value else { continue };
            if index >= shape.key_fields() {
                given |= 1_u64 << (index - shape.key_fields());
            }
            self.put(shape, index, value, before[index]);
            if let Some(units) = units(value, &shape.fields()[index]) {
                before[index] = units;
            }
        }
        put(&mut self.columns.given, given);
    }

    fn changed_row(&mut self, shape: &Collection, old: Row<'_>, new: Row<'_>) {
        let (mut set, mut cleared) = (0, 0);
        for (index, (old, new)) in old.values().zip(new.values()).enumerate() {
            if old == new {
                continue;
            }
            // Key fields are equal.
            let bit = 1_u64 << (index - shape.key_fields());
            match new {
                None => cleared |= bit,
                Some(value) => {
                    set |= bit;
                    let field = &shape.fields()[index];
                    let before = old.and_then(|old| units(old, field)).unwrap_or_default();
                    self.put(shape, index, value, before);
                }
            }
        }
        put(&mut self.columns.set, set);
        put(&mut self.columns.cleared, cleared);
    }

    fn put(&mut self, shape: &Collection, index: usize, value: Value<'_>, before: u64) {
        let column = &mut self.columns.fields[index];
        match value {
            Value::Text(text) => put_known(column, &mut self.known[index], text),
            Value::Boolean(value) => put(&mut column.numbers, u64::from(value)),
            number => {
                let units = units(number, &shape.fields()[index]).unwrap_or_default();
                let difference = units.wrapping_sub(before) as i64;
                put(&mut column.numbers, zigzag(difference));
            }
        }
    }
}

fn put_known(column: &mut Column, known: &mut HashMap<Box<str>, u64>, text: &str) {
    if let Some(index) = known.get(text) {
        return put(&mut column.numbers, *index);
    }
    let next = known.len() as u64;
    put(&mut column.numbers, next);
    column.texts.extend_from_slice(text.as_bytes());
    column.texts.push(END);
    known.insert(text.into(), next);
}
