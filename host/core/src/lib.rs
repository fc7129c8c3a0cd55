//! Decisions of the agent, and the types that its crates share.
//!
//! Nothing here does I/O, reads a clock or knows wasmtime or tokio: a decision is a
//! function of a state, an event and the time that the caller passes in. What the outside
//! must provide is in [`ports`]; [`charge`] is how a port tells what it cost.

pub mod action;
pub mod assignment;
pub mod audit;
pub mod budget;
pub mod bytes;
pub mod ceiling;
pub mod chain;
pub mod charge;
pub mod decision;
pub mod digest;
mod document;
pub mod enrolment;
pub mod http;
pub mod ids;
pub mod limits;
pub mod notice;
pub mod policy;
pub mod ports;
pub mod process;
pub mod punctuality;
pub mod refusal;
pub mod release;
pub mod revocation;
pub mod rollout;
pub mod run_time;
pub mod sampling;
pub mod schedule;
pub mod sending;
pub mod session;
pub mod settings;
pub mod supervision;
pub mod time;
pub mod wall_clock;

pub use document::DocumentError;

/// Version of the WIT contract `bailiwick:plugin` that this host serves.
pub const CONTRACT: semver::Version = semver::Version::new(0, 1, 0);
