//! Runs components: engine, linker from grants, limits, instances, bridges. The only user
//! of wasmtime.

pub mod artifact;
pub mod compile;
pub mod engine;
mod bindings;
mod bridge;
mod component;
mod context;
mod error;
mod instance;
mod limits;
mod linker;
mod schema;
mod text;
mod ticker;
mod trap;
mod usage;

pub use component::Component;
pub use context::Ports;
pub use error::{CallError, StartError};
pub use instance::Instance;
pub use trap::Trap;
pub use usage::Usage;
