//! The only user of the operating system: files, links, processes, sessions, system facts,
//! clocks.
//!
//! Each module implements one port of `bailiwick_core::ports`. What only Linux can tell
//! says so behind its port: elsewhere the answer is an empty value where the contract has
//! one, or "unavailable".

mod blocking;
mod clock;
pub mod confine;
mod exec;
mod files;
mod links;
mod message;
mod own_use;
mod power;
mod privileged;
mod process_control;
mod processes;
mod sessions;
mod supply;
mod system;
mod wake;
mod watch;

pub use clock::SystemClock;
pub use exec::{DeviceExec, serve_child};
pub use files::DeviceFiles;
pub use links::DeviceLinks;
pub use message::DeviceMessage;
pub use own_use::OwnUse;
pub use power::DevicePower;
pub use privileged::{AtWork, Privileged, SignedActions, SignedPolicies};
pub use process_control::DeviceProcessControl;
pub use processes::{DeviceProcesses, ProcessSource, TaskIterator};
pub use sessions::DeviceSessions;
pub use supply::{POWER_SUPPLIES, supply};
pub use system::DeviceSystem;
pub use wake::DeviceWake;
pub use watch::DeviceWatch;
