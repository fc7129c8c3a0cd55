//! Runs components: engine, linker from grants, limits, instances, bridges. The only user
//! of wasmtime.

mod action;
pub mod artifact;
mod bindings;
mod bridge;
pub mod compile;
mod component;
mod context;
pub mod engine;
mod error;
mod exports;
mod instance;
mod limits;
mod linker;
pub mod probe;
mod schema;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;
mod ticker;
mod trap;
mod usage;

pub use action::Failure;
pub use bridge::progress::ProgressSink;
pub use component::{Component, WeakComponent};
pub use context::Ports;
pub use error::{CallError, StartError};
pub use instance::Instance;
pub use limits::CpuBudget;
pub use trap::Trap;
pub use usage::Usage;
