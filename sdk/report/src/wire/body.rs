//! The rows of a report.

use std::sync::Arc;

use super::{WireError, columns};
use crate::{
    Flaw,
    diff::{CollectionDiff, Diff},
    input::Input,
    rows::{MAX_ROWS, Rows, RowsError, Snapshot},
    schema::{Collection, Schema},
    varint::put,
};

pub(super) fn write_full(snapshot: &Snapshot) -> Vec<u8> {
    let mut out = Vec::new();
    snapshot.schema().write(&mut out);
    for (index, shape) in snapshot.schema().collections().iter().enumerate() {
        let rows = snapshot.store(index);
        put(&mut out, rows.len() as u64);
        columns::write(shape, shape.fields().len(), rows, &mut out);
    }
    out
}

pub(super) fn write_diff(diff: &Diff) -> Vec<u8> {
    let mut out = Vec::new();
    let parts = diff.schema().collections().iter().zip(diff.collections());
    for (index, (shape, part)) in parts.enumerate().filter(|(_, (_, part))| !part.is_empty()) {
        put(&mut out, index as u64);
        put(&mut out, part.added.len() as u64);
        put(&mut out, part.changed.len() as u64);
        put(&mut out, part.removed.len() as u64);
        columns::write(shape, shape.fields().len(), &part.added, &mut out);
        columns::write(shape, shape.fields().len(), &part.changed, &mut out);
        out.extend_from_slice(&part.cleared);
        columns::write(shape, shape.key_fields(), &part.removed, &mut out);
    }
    out
}

/// Reads the body of a full report; its rows take at most `most` bytes.
pub(super) fn read_full(body: &[u8], most: usize) -> Result<Snapshot, WireError> {
    let mut input = Input::new(body);
    let schema = Schema::read(&mut input).map_err(|flaw| WireError::Schema {
        offset: input.offset(),
        flaw,
    })?;
    let mut reader = Reader {
        input,
        budget: columns::Budget::new(most),
    };
    let mut collections = Vec::new();
    for shape in schema.collections() {
        let rows = reader
            .count(shape)
            .map_err(|flaw| reader.error(shape, flaw))?;
        collections.push(reader.rows(shape, shape.fields().len(), rows)?);
    }
    reader.end()?;
    Ok(Snapshot::from_rows(Arc::new(schema), collections))
}

/// Reads the body of a differential report; its rows take at most `most` bytes.
pub(super) fn read_diff(body: &[u8], schema: &Arc<Schema>, most: usize) -> Result<Diff, WireError> {
    let mut reader = Reader {
        input: Input::new(body),
        budget: columns::Budget::new(most),
    };
    let mut collections = vec![CollectionDiff::default(); schema.collections().len()];
    let mut previous = None;
    while !reader.input.is_empty() {
        let index = reader
            .index(schema, previous)
            .map_err(|flaw| reader.nowhere(flaw))?;
        collections[index] = reader.changes(&schema.collections()[index])?;
        previous = Some(index);
    }
    Ok(Diff::from_parts(schema.clone(), collections))
}

struct Reader<'a> {
    input: Input<'a>,
    budget: columns::Budget,
}

impl Reader<'_> {
    fn nowhere(&self, flaw: Flaw) -> WireError {
        let offset = self.input.offset();
        WireError::Rows(Box::new(RowsError {
            collection: None,
            row: None,
            field: None,
            offset,
            flaw,
        }))
    }

    fn error(&self, shape: &Collection, flaw: Flaw) -> WireError {
        let (collection, offset) = (Some(shape.name().to_owned()), self.input.offset());
        WireError::Rows(Box::new(RowsError {
            collection,
            row: None,
            field: None,
            offset,
            flaw,
        }))
    }

    fn end(&self) -> Result<(), WireError> {
        self.input.end().map_err(|flaw| self.nowhere(flaw))
    }

    fn index(&mut self, schema: &Schema, previous: Option<usize>) -> Result<usize, Flaw> {
        let index = self.input.varint()?;
        let collections = schema.collections().len();
        let known = usize::try_from(index)
            .ok()
            .filter(|index| *index < collections);
        let known = known.ok_or(Flaw::NoSuchCollection { index, collections })?;
        match previous {
            Some(previous) if known <= previous => Err(Flaw::CollectionOrder {
                index: known,
                previous,
            }),
            _ => Ok(known),
        }
    }

    fn count(&mut self, shape: &Collection) -> Result<usize, Flaw> {
        let count = self.input.varint()?;
        if count > MAX_ROWS as u64 {
            return Err(Flaw::TooManyRows(count));
        }
        if count > 1 && shape.key_fields() == 0 {
            return Err(Flaw::SecondRow);
        }
        Ok(count as usize)
    }

    fn rows(&mut self, shape: &Collection, fields: usize, count: usize) -> Result<Rows, WireError> {
        let read = columns::read(shape, fields, count, &mut self.input, &mut self.budget);
        read.map_err(|fault| {
            WireError::Rows(Box::new(RowsError {
                collection: Some(shape.name().to_owned()),
                row: fault.row,
                field: fault
                    .field
                    .map(|field| shape.fields()[field].name().to_owned()),
                offset: self.input.offset(),
                flaw: fault.flaw,
            }))
        })
    }

    fn changes(&mut self, shape: &Collection) -> Result<CollectionDiff, WireError> {
        let mut counts = [0; 3];
        for count in &mut counts {
            *count = self.count(shape).map_err(|flaw| self.error(shape, flaw))?;
        }
        let [added, changed, removed] = counts;
        let fields = shape.fields().len();
        let added = self.rows(shape, fields, added)?;
        let changed = self.rows(shape, fields, changed)?;
        let cleared = self
            .cleared(shape, &changed)
            .map_err(|flaw| self.error(shape, flaw))?;
        let removed = self.rows(shape, shape.key_fields(), removed)?;
        Ok(CollectionDiff {
            added,
            changed,
            cleared,
            removed,
        })
    }

    /// The bits of the fields that changes clear: no key field, and none that they set.
    fn cleared(&mut self, shape: &Collection, changed: &Rows) -> Result<Vec<u8>, Flaw> {
        let width = shape.presence_bytes();
        let cleared = self.input.take(width * changed.len())?;
        for (bits, row) in cleared.chunks_exact(width).zip(changed.iter()) {
            let bit = |index: usize| bits[index / 8] >> (index % 8) & 1 == 1;
            if (shape.fields().len()..width * 8).any(bit) {
                return Err(Flaw::UnusedBits);
            }
            let overlaps = bits
                .iter()
                .zip(row)
                .any(|(cleared, present)| cleared & present != 0);
            if overlaps {
                return Err(Flaw::Cleared);
            }
        }
        Ok(cleared.to_vec())
    }
}
