//! What the device's owner sees: what waits, what was sent, and what happened.
//!
//! The agent answers over its socket; where none runs, the commands read the store
//! themselves, without writing a byte.

mod decode;
mod log;
mod outbox;
mod part;
mod verified;

pub(crate) use log::{LogKind, LogQuery, LogReport};
pub(crate) use outbox::{Content, Entry, FEW, OutboxQuery, OutboxReport};
pub(crate) use part::{PartQuery, PartReport};
pub(crate) use verified::{VerifyQuery, VerifyReport};
