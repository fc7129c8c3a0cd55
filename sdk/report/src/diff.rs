//! What changed between two snapshots of one schema.

mod apply;

use std::{cmp::Ordering, sync::Arc};

pub use apply::ApplyError;

use crate::{
    rows::{Row, Rows, Snapshot, Value, compare_keys},
    schema::{Collection, Schema},
};

/// Two snapshots of different schemas can't be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the snapshots have different schemas; send a full report")]
pub struct SchemasDiffer;

/// Per collection: rows added, rows changed field by field, rows removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    schema: Arc<Schema>,
    collections: Vec<CollectionDiff>,
}

/// The changes of one collection, each part sorted by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CollectionDiff {
    /// Whole rows.
    pub(crate) added: Rows,
    /// The key and the fields that have a new value.
    pub(crate) changed: Rows,
    /// Per row of `changed` as many bytes as presence bits take: the fields that have no
    /// value any more.
    pub(crate) cleared: Vec<u8>,
    /// Keys alone.
    pub(crate) removed: Rows,
}

impl CollectionDiff {
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// A row whose key stayed and whose other fields did not.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    row: Row<'a>,
    cleared: &'a [u8],
}

impl<'a> Change<'a> {
    /// The values that identify the row.
    pub fn key(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        self.row.key()
    }

    /// Index and new value of each field that changed; `None`: it has none any more.
    pub fn fields(&self) -> impl Iterator<Item = (usize, Option<Value<'a>>)> + use<'a> {
        let (key_fields, cleared) = (self.row.collection().key_fields(), self.cleared);
        let values = self.row.values().enumerate().skip(key_fields);
        values.filter(move |(field, value)| value.is_some() || is_set(cleared, *field))
    }
}

fn is_set(bits: &[u8], index: usize) -> bool {
    bits[index / 8] >> (index % 8) & 1 == 1
}

impl Diff {
    /// What turns `old` into `new`.
    ///
    /// # Errors
    /// The snapshots have different schemas.
    pub fn between(old: &Snapshot, new: &Snapshot) -> Result<Self, SchemasDiffer> {
        if old.schema() != new.schema() {
            return Err(SchemasDiffer);
        }
        let shapes = new.schema().collections().iter().enumerate();
        let collections =
            shapes.map(|(index, shape)| compare(shape, old.store(index), new.store(index)));
        Ok(Self {
            schema: new.schema().clone(),
            collections: collections.collect(),
        })
    }

    pub(crate) fn from_parts(schema: Arc<Schema>, collections: Vec<CollectionDiff>) -> Self {
        debug_assert_eq!(schema.collections().len(), collections.len());
        Self {
            schema,
            collections,
        }
    }

    pub(crate) fn collections(&self) -> &[CollectionDiff] {
        &self.collections
    }

    /// What the rows look like.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.collections.iter().all(CollectionDiff::is_empty)
    }

    /// Rows added, changed and removed in all collections.
    pub fn counts(&self) -> (usize, usize, usize) {
        self.collections
            .iter()
            .fold((0, 0, 0), |(added, changed, removed), collection| {
                (
                    added + collection.added.len(),
                    changed + collection.changed.len(),
                    removed + collection.removed.len(),
                )
            })
    }

    /// Rows of a collection that are new.
    ///
    /// # Panics
    /// If the schema has no such collection; so do the two below.
    pub fn added(&self, collection: usize) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.views(collection, &self.collections[collection].added)
    }

    /// Rows of a collection that are gone: only the key fields have a value.
    pub fn removed(&self, collection: usize) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.views(collection, &self.collections[collection].removed)
    }

    /// Rows of a collection of which fields changed.
    pub fn changed(&self, collection: usize) -> impl ExactSizeIterator<Item = Change<'_>> {
        let width = self.schema.collections()[collection].presence_bytes();
        let part = &self.collections[collection];
        let rows = self.views(collection, &part.changed);
        rows.zip(part.cleared.chunks_exact(width))
            .map(|(row, cleared)| Change { row, cleared })
    }

    fn views<'a>(
        &'a self,
        collection: usize,
        rows: &'a Rows,
    ) -> impl ExactSizeIterator<Item = Row<'a>> {
        let shape = &self.schema.collections()[collection];
        rows.iter().map(move |bytes| Row::new(shape, bytes))
    }
}

/// Walks two sorted lists of rows side by side.
fn compare(shape: &Collection, old: &Rows, new: &Rows) -> CollectionDiff {
    let mut diff = CollectionDiff::default();
    let (mut olds, mut news) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let ordering = match (olds.peek(), news.peek()) {
            (None, None) => return diff,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => compare_keys(shape, old, new),
        };
        let gone = if ordering.is_le() { olds.next() } else { None };
        let come = if ordering.is_ge() { news.next() } else { None };
        match (gone, come) {
            (Some(old), Some(new)) if old == new => {}
            (Some(old), Some(new)) => diff.change(shape, old, new),
            (Some(old), None) => {
                let values = Row::new(shape, old).values();
                diff.removed
                    .push_values(shape, values.take(shape.key_fields()));
            }
            (None, Some(new)) => diff.added.push(new),
            (None, None) => {}
        }
    }
}

impl CollectionDiff {
    fn change(&mut self, shape: &Collection, old: &[u8], new: &[u8]) {
        let start = self.cleared.len();
        self.cleared.resize(start + shape.presence_bytes(), 0);
        let pairs = Row::new(shape, old)
            .values()
            .zip(Row::new(shape, new).values());
        let cleared = &mut self.cleared[start..];
        let values = pairs.enumerate().map(|(index, (old, new))| {
            if old.is_some() && new.is_none() {
                cleared[index / 8] |= 1 << (index % 8);
            }
            new.filter(|_| index < shape.key_fields() || old != new)
        });
        self.changed.push_values(shape, values);
    }
}

#[cfg(test)]
mod tests;
