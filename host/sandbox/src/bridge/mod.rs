//! The host's side of each capability, one file each.
//!
//! Every function counts its call against `host-calls`, answers `denied` if the grant is
//! denied or has expired, checks the scope, and takes what it returns from the memory
//! limit until the guest has it. What is denied, and what changes something outside of the
//! plugin, is told to [`decisions`]. What a capability without an error does when it is
//! denied stands in its own file.

mod calling_off;
pub(crate) mod clock;
pub(crate) mod config;
pub(crate) mod decisions;
pub(crate) mod exec;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod message;
pub(crate) mod network;
pub(crate) mod power;
pub(crate) mod process_control;
pub(crate) mod processes;
pub(crate) mod progress;
pub(crate) mod sessions;
pub(crate) mod state;
pub(crate) mod system;
pub(crate) mod wake;
pub(crate) mod wasi;
pub(crate) mod watch;

use std::borrow::Cow;

use bailiwick_core::{
    policy::{Fields, Sensitive},
    ports::Pseudonyms,
};

/// What a plugin is given of a value of which its grants say how much that is. What they drop
/// or hash is copied nowhere.
fn redacted<'a>(
    fields: Fields,
    field: Sensitive,
    value: &'a str,
    pseudonyms: &dyn Pseudonyms,
) -> Option<Cow<'a, str>> {
    let redaction = fields.of(field);
    redaction.of(value, |value| pseudonyms.digest(field, value))
}

/// Bytes that one element of a list costs the host beside its text.
const ELEMENT: u64 = 64;

/// What a list of `count` elements with `text` bytes of text costs the host.
fn list_cost(count: usize, text: usize) -> u64 {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let text = u64::try_from(text).unwrap_or(u64::MAX);
    count.saturating_mul(ELEMENT).saturating_add(text)
}
