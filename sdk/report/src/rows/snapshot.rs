//! Everything that one `collect` returned.

use std::sync::Arc;

use super::{MAGIC, Row, Rows, RowsError, buffer};
use crate::{SnapshotHash, hash, schema::Schema, varint::put};

/// All rows of all collections: sorted by key, each key once, numbers quantised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    schema: Arc<Schema>,
    collections: Vec<Rows>,
}

impl Snapshot {
    /// A snapshot without rows.
    pub fn empty(schema: Arc<Schema>) -> Self {
        let collections = vec![Rows::default(); schema.collections().len()];
        Self {
            schema,
            collections,
        }
    }

    /// Reads a buffer of layout version 1. It takes memory in proportion to the buffer's
    /// true length, at most [`super::MAX_BYTES`].
    ///
    /// # Errors
    /// The buffer breaks the layout, or two rows of a collection have one key.
    pub fn decode(schema: Arc<Schema>, buffer: &[u8]) -> Result<Self, RowsError> {
        let collections = buffer::read(&schema, buffer)?;
        Ok(Self {
            schema,
            collections,
        })
    }

    /// `collections` are sorted and checked against the schema.
    pub(crate) fn from_rows(schema: Arc<Schema>, collections: Vec<Rows>) -> Self {
        debug_assert_eq!(schema.collections().len(), collections.len());
        Self {
            schema,
            collections,
        }
    }

    /// What its rows look like.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The rows of the collection with this index, in the order of their keys.
    ///
    /// # Panics
    /// If the schema has no such collection.
    pub fn rows(&self, collection: usize) -> impl ExactSizeIterator<Item = Row<'_>> + Clone {
        let shape = &self.schema.collections()[collection];
        self.collections[collection]
            .iter()
            .map(move |bytes| Row::new(shape, bytes))
    }

    /// Rows of all collections together.
    pub fn row_count(&self) -> usize {
        self.collections.iter().map(Rows::len).sum()
    }

    pub(crate) fn store(&self, collection: usize) -> &Rows {
        &self.collections[collection]
    }

    /// The buffer in its canonical form: sorted, quantised, empty collections left out.
    pub fn to_buffer(&self) -> Vec<u8> {
        let length: usize = self
            .collections
            .iter()
            .map(|rows| rows.bytes().len() + 16)
            .sum();
        let mut buffer = Vec::with_capacity(length);
        buffer.extend_from_slice(MAGIC.as_bytes());
        for (index, rows) in self.collections.iter().enumerate() {
            if !rows.is_empty() {
                put(&mut buffer, index as u64);
                put(&mut buffer, rows.len() as u64);
                buffer.extend_from_slice(rows.bytes());
            }
        }
        buffer
    }

    /// Tells this snapshot from any other: the first 8 bytes of the SHA-256 of the schema's
    /// hash and the canonical buffer.
    pub fn hash(&self) -> SnapshotHash {
        let schema = self.schema.hash();
        let parts: [&[u8]; 2] = [schema.as_bytes(), &self.to_buffer()];
        SnapshotHash(hash::short("bailiwick snapshot 1\n", &parts))
    }
}
