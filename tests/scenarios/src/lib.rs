//! Whole stories with the real programs: a repository, a console, an agent and plugins,
//! each in a folder of its own and on loopback alone.
//!
//! A story that does not go as it should ends with a panic that says what was seen: this
//! is a crate of tests.

#![cfg(unix)]

mod broker;
mod built;
#[cfg(target_os = "linux")]
mod bus;
mod desk;
mod enrolment;
mod front;
mod nginx;
mod operator;
mod program;
#[cfg(target_os = "linux")]
mod sessions;

pub use broker::free_port;
#[cfg(target_os = "linux")]
pub use bus::{Answer, Asked, Bus, Heard};
pub use desk::{Desk, says};
pub use front::{Front, Manner};
pub use nginx::nginx;
pub use operator::Operator;
pub use program::Program;
