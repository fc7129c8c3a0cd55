//! Reports as bytes, version 1.
//!
//! ```text
//! report   = "BWP" 0x01
//!            byte flags              ; bit 0: a diff; bit 1: the body is a zstd frame
//!            16 bytes device
//!            text plugin, text version
//!            varint taken-at         ; milliseconds since 1970-01-01T00:00:00Z
//!            8 bytes epoch           ; little-endian
//!            varint counter
//!            8 bytes schema hash
//!            8 bytes base hash       ; of a diff only
//!            8 bytes result hash
//!            body                    ; to the end
//! full     = schema, (varint rows, columns)*     ; one per collection
//! diff     = (varint index, varint added, varint changed, varint removed,
//!             columns of the added, columns of the changed, cleared bits,
//!             key columns of the removed)*       ; collections that changed, ascending
//! text     = varint length, UTF-8
//! ```
//!
//! `schema` is its canonical form: collections, each with name, number of key fields and
//! fields, each with name, kind, unit, quantum, privacy class. `columns` hold one field of
//! all rows after the other: texts share a prefix with the one before, numbers are
//! differences. Rows are sorted by key.
//!
//! A diff has its schema by hash only: who lost the schema asks for a full report. The
//! result hash lets a receiver prove that it has what the sender has.
//!
//! Bodies are compressed with zstd where that makes them shorter: full ones at level 19,
//! without dictionary. A diff of a few fields is 100 to 200 bytes, half of them ids and
//! hashes, which no dictionary knows.

mod body;
mod columns;
pub(crate) mod compression;
mod envelope;

use std::{borrow::Cow, sync::Arc};

pub use envelope::{Envelope, Origin, OriginError};

use crate::{
    Flaw, SnapshotHash,
    diff::Diff,
    input::Input,
    rows::{MAX_BYTES, RowsError, Snapshot},
    schema::Schema,
};

/// What a reader of reports accepts.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of a body once decompressed. Default 64 MiB. Stops a report of a few
    /// bytes from decompressing to gigabytes.
    pub body: usize,
    /// Most bytes of rows, prefixes written out. Default [`MAX_BYTES`]. Stops rows that
    /// repeat one long text by reference.
    pub rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: MAX_BYTES,
            rows: MAX_BYTES,
        }
    }
}

/// A report that can't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Not a report.
    #[error("these bytes are no report: they don't begin with `BWP`")]
    Magic,
    /// A report of a later version.
    #[error("the report has version {0}; this program reads version 1: update it")]
    Version(u8),
    /// An envelope that breaks the layout.
    #[error("the report's envelope, byte {offset}: {flaw}")]
    Envelope {
        /// Bytes from the start of the report.
        offset: usize,
        /// What is wrong.
        flaw: Flaw,
    },
    /// A plugin name or version outside the grammar.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The body is compressed, and this program was built without the feature `zstd`.
    #[error("the report is compressed; build this program with the feature `zstd`")]
    NoCompression,
    /// The body is no whole zstd frame.
    #[error("the report's body does not decompress: {0}")]
    Compression(std::io::Error),
    /// The body is larger than [`Limits::body`].
    #[error("the report's body takes more than {0} bytes")]
    BodyTooLarge(usize),
    /// The schema in the body breaks the layout or a rule.
    #[error("the report's schema, byte {offset} of the body: {flaw}")]
    Schema {
        /// Bytes from the start of the decompressed body.
        offset: usize,
        /// What is wrong.
        flaw: Flaw,
    },
    /// The rows break the layout. Offsets are those of the decompressed body.
    #[error(transparent)]
    Rows(Box<RowsError>),
    /// The schema is not the one that the envelope names.
    #[error("the report's schema is not the one that its envelope names")]
    SchemaHash,
    /// The rows are not those that the envelope names.
    #[error("the report's rows have the hash {found}; its envelope says {expected}")]
    SnapshotHash {
        /// The envelope's.
        expected: SnapshotHash,
        /// That of the rows.
        found: SnapshotHash,
    },
    /// A diff was read as a full report, or the other way round.
    #[error("the report is {0}")]
    OtherContent(&'static str),
}

impl Envelope {
    /// Reads the envelope of an encoded report, and nothing of its body: enough to see whose
    /// it is.
    ///
    /// # Errors
    /// No report, a later version, a faulty envelope.
    pub fn parse(report: &[u8]) -> Result<Self, WireError> {
        let (envelope, _) = envelope::read(&mut Input::new(report))?;
        Ok(envelope)
    }
}

/// A report whose envelope has been read, and whose body has been decompressed.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    envelope: Envelope,
    body: Cow<'a, [u8]>,
    limits: Limits,
}

impl<'a> Report<'a> {
    /// Reads the envelope and decompresses the body.
    ///
    /// # Errors
    /// No report, a later version, a faulty envelope, a body beyond the limit.
    pub fn parse(bytes: &'a [u8], limits: Limits) -> Result<Self, WireError> {
        let mut input = Input::new(bytes);
        let (envelope, compressed) = envelope::read(&mut input)?;
        let body = compression::open(input.rest(), compressed, limits.body)?;
        Ok(Self {
            envelope,
            body,
            limits,
        })
    }

    /// Who sent it, when, and where it stands in the sequence.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The snapshot of a full report; its hash is the envelope's.
    ///
    /// # Errors
    /// A diff, or a body that breaks the layout or is not what the envelope says.
    pub fn snapshot(&self) -> Result<Snapshot, WireError> {
        if !self.envelope.is_full() {
            return Err(WireError::OtherContent("a diff; apply it to its base"));
        }
        let snapshot = body::read_full(&self.body, self.limits.rows)?;
        if snapshot.schema().hash() != self.envelope.schema {
            return Err(WireError::SchemaHash);
        }
        let (expected, found) = (self.envelope.result, snapshot.hash());
        if expected != found {
            return Err(WireError::SnapshotHash { expected, found });
        }
        Ok(snapshot)
    }

    /// The diff of a differential report, read with the schema of its base.
    ///
    /// # Errors
    /// A full report, another schema, or a body that breaks the layout.
    pub fn diff(&self, schema: &Arc<Schema>) -> Result<Diff, WireError> {
        if self.envelope.is_full() {
            return Err(WireError::OtherContent("full; take its snapshot"));
        }
        if schema.hash() != self.envelope.schema {
            return Err(WireError::SchemaHash);
        }
        body::read_diff(&self.body, schema, self.limits.rows)
    }
}

/// A full report as bytes.
pub(crate) fn encode_full(envelope: &Envelope, snapshot: &Snapshot) -> Vec<u8> {
    encode(envelope, body::write_full(snapshot))
}

/// A differential report as bytes.
pub(crate) fn encode_diff(envelope: &Envelope, diff: &Diff) -> Vec<u8> {
    encode(envelope, body::write_diff(diff))
}

fn encode(envelope: &Envelope, body: Vec<u8>) -> Vec<u8> {
    let (body, compressed) = compression::close(body, compression::STRONGEST);
    let mut bytes = Vec::with_capacity(256 + body.len());
    envelope::write(envelope, compressed, &mut bytes);
    bytes.extend_from_slice(&body);
    bytes
}

#[cfg(test)]
mod tests;
