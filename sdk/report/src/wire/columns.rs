//! Rows as columns: one field of all rows after the other.
//!
//! ```text
//! columns  = column*                   ; per field in order; none if there are no rows
//! column   = presence, values          ; a key field has no presence
//! presence = 0x00                      ; no row has a value, and no values follow
//!          | 0x01                      ; every row has one
//!          | 0x02, one bit per row     ; bit 0 of the first byte is row 0
//! values   = text:     run of texts, 0xff after each; of a key field: run of varint prefix
//!                      per value, run of suffixes, 0xff after each
//!          | boolean:  one bit per value
//!          | numbers:  run of varints: zigzag of the difference to the one before, which
//!                      is 0 for the first, modulo 2^64
//! run      = varint length, bytes
//! ```
//!
//! No UTF-8 has the byte 0xff. `prefix` is how many bytes a text has in common with the one
//! before: rows are sorted by key, so texts of keys share much. For others plain texts
//! compress better: on the fixture of 916 packages by a sixth.

mod read;
mod write;

pub(super) use read::{Budget, read};
pub(super) use write::write;

/// Ends a text.
const END: u8 = 0xff;

const NONE: u8 = 0;
const ALL: u8 = 1;
const SOME: u8 = 2;
