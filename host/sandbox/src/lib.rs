//! Runs components: engine, linker from grants, limits, instances, bridges. The only user
//! of wasmtime.

pub mod artifact;
pub mod compile;
pub mod engine;
mod ticker;
