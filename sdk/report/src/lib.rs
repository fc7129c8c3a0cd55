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
//! What is sampled often goes into files of many samples instead ([`columnar`]).
//!
//! Everything here is a function of its arguments: no I/O, no clock, no randomness. The
//! crate compiles for `wasm32-unknown-unknown`, without the feature `zstd`.
//!
//! ```
//! use std::sync::Arc;
//! use bailiwick_report::{
//!     receiver::{Receiver, Verdict},
//!     rows::{Encoder, Snapshot},
//!     schema::{Collection, Field, Kind, Privacy, Schema},
//!     sender::Sender,
//!     wire::{Limits, Origin, Report},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In the plugin:
//! let name = Field::new("name", Kind::Text, "", 0, Privacy::None)?;
//! let size = Field::new("size", Kind::Unsigned, "bytes", 4096, Privacy::None)?;
//! let schema = Arc::new(Schema::new(vec![Collection::new("disk", 1, vec![name, size])?])?);
//! let mut encoder = Encoder::new(&schema);
//! encoder.row(0, &[Some("sda".into()), Some(500_000_000_u64.into())])?;
//! let buffer = encoder.finish();
//!
//! // In the agent, which stores bytes and sender together:
//! let snapshot = Snapshot::decode(schema, &buffer)?;
//! let origin = Origin::new([7; 16], "disks", "0.1.0")?;
//! let prepared = Sender::new(0x5eed).next(&origin, 1_763_897_000_000, snapshot.clone());
//!
//! // In the console:
//! let report = Report::parse(&prepared.bytes, Limits::default())?;
//! match Receiver::default().accept(&report)? {
//!     Verdict::Accepted(accepted) => assert_eq!(accepted.stream.snapshot(), &snapshot),
//!     other => panic!("{other:?}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Features: `zstd` compresses reports and reads compressed ones; `json` renders
//! snapshots as JSON. Neither is on by default.

#[cfg(test)]
mod arbitrary;
pub mod columnar;
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
