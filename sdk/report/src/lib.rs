//! Reports for any schema: rows, diff, encoding, decoding.
//!
//! A plugin says what its rows look like ([`schema`]) and hands over all of them in one
//! buffer ([`rows`]). Agent and console share the rest:
//!
//! ```text
//! buffer ─▶ rows::Snapshot ─▶ sender::Sender ─▶ bytes ─▶ receiver::Stream ─▶ rows::Snapshot
//!                                │ diff, wire                 │ wire, diff
//! ```
//!
//! Everything here is a function of its arguments: no I/O, no clock, no randomness. The
//! crate compiles for `wasm32-unknown-unknown`, without the feature `zstd`.
//!
//! Features: `zstd` compresses reports and reads compressed ones; `json` renders
//! snapshots as JSON. Neither is on by default.

#[cfg(test)]
mod arbitrary;
pub mod diff;
mod hash;
mod input;
pub mod receiver;
pub mod render;
pub mod rows;
mod saved;
pub mod schema;
pub mod sender;
mod varint;
pub mod wire;

pub use hash::{SchemaHash, SnapshotHash};
pub use input::Flaw;
pub use saved::SavedError;
