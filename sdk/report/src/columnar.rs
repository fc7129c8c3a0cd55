//! Files of successive samples of one plugin, version 1: small, and read by anybody.
//!
//! A [`Writer`] takes one snapshot after the other and keeps what differs; it holds the last
//! snapshot and the columns so far, never all of them. [`File::parse`] reads the bytes back,
//! [`File::samples`] gives the snapshots again. Any schema will do. Nothing in a file names
//! the device: whoever stores it knows from whom it came.
//!
//! ```text
//! file       = "BWC" 0x01
//!              byte flags             ; bit 0: the rest is a zstd frame
//!              body, checksum
//! body       = text plugin, text version
//!              text session           ; `number#generation`, empty if of no session
//!              schema                 ; canonical form, as in a full report
//!              varint samples         ; at most 4,096
//!              varint time            ; of the first sample, in milliseconds since
//!                                     ; 1970-01-01T00:00:00Z; absent if there is none
//!              signed*                ; from each time to the next
//!              columns*               ; of each collection of the schema, in order
//! columns    = counts, gone, gaps, set, cleared, given, field*
//! field      = run of numbers         ; of a text: index into its texts so far, or as many as
//!                                     ; there are, which adds the next
//!              run of texts           ; of a text field only, 0xff after each
//! checksum   = first 8 bytes of the SHA-256 of "bailiwick columnar 1\n" and body
//! run        = varint length, bytes
//! text       = varint length, UTF-8
//! signed     = varint of (n << 1) ^ (n >> 63)
//! ```
//!
//! Every run goes on from sample to sample. What a sample takes from them makes its rows from
//! those of the sample before, which has none for the first:
//!
//! 1. `counts`: three varints: rows that are gone, that are new, that changed.
//! 2. `gone`: for each such row how many rows stay before it, counted from the last that went.
//! 3. New rows, in the order of their keys, each with a varint `given`: bit n says that the
//!    n-th field behind the key has a value. Key fields always have one.
//! 4. Changed rows among those that stayed: `gaps` has how many rows stay the same before it;
//!    `set` and `cleared` have one bit per field behind the key.
//!
//! A boolean is 0 or 1. A number is the signed difference, in units of the field's quantum and
//! modulo 2^64, to the field's value before: of a changed row to its own, or 0 if it had none; of a
//! new row to that of the new row before it in this sample that has one, or 0. Texts are
//! written once per file and field.

mod body;
mod read;
mod write;

pub use read::{ColumnarError, File, Samples};
pub use write::Writer;

/// Most samples of one file.
pub const MAX_SAMPLES: usize = 4_096;
/// Longest session id, in bytes.
pub const MAX_SESSION: usize = 128;

const MAGIC: &str = "BWC";
const VERSION: u8 = 1;
const COMPRESSED: u8 = 1;
const PURPOSE: &str = "bailiwick columnar 1\n";
/// Ends a text.
const END: u8 = 0xff;

/// Whose samples a file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Which plugin collected them.
    pub plugin: String,
    /// Which version of it.
    pub version: String,
    /// Of which session, as `number#generation`; empty if of none.
    pub session: String,
}

#[cfg(test)]
mod tests;
