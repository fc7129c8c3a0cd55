//! Rows, the buffer in which a guest hands them over, and the snapshot they make up.
//!
//! A guest writes with [`Encoder`]; the host reads with [`Snapshot::decode`]. The layout is
//! that of `collect` in `wit/collector.wit`, version 1.

mod buffer;
mod encoder;
mod snapshot;
mod store;
mod value;

pub use buffer::RowsError;
pub use encoder::{EncodeError, Encoder};
pub use snapshot::Snapshot;
pub use store::Row;
pub use value::Value;

pub(crate) use store::{Rows, compare_keys, read_value, write_value};

/// Most rows in one collection.
pub const MAX_ROWS: usize = 1_000_000;
/// Longest text value, in bytes.
pub const MAX_TEXT: usize = 64 * 1024;
/// Longest buffer, and most bytes of rows in a snapshot, whatever a policy grants. It
/// keeps a mistaken policy or a hostile report from taking the memory of its reader.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The first bytes of a buffer.
pub(crate) const MAGIC: &str = "BWR1";

#[cfg(test)]
mod tests;
