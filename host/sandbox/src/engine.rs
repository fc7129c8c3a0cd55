//! The engine: settings that runtime and compiler share, and the ticker behind deadlines.

use std::sync::Arc;

use crate::ticker::{Flight, Ticker};

/// Native stack that a guest can use, in bytes. A guest that recurses deeper traps.
const GUEST_STACK: usize = 512 * 1024;

/// Native stack of one call: the guest's share and as much for the host calls below it.
const CALL_STACK: usize = 2 * GUEST_STACK;

/// The settings under which components are compiled and run. `bailiwick-compile` uses the
/// same function: wasmtime refuses an artifact that was compiled under others.
///
/// - Epochs on: deadlines and CPU budgets interrupt a guest that never calls the host.
/// - Component-model async off: no capability needs it, and it is the main cost of a call.
/// - Threads, shared memory, 64-bit memories and garbage collection off: the accounting of
///   memory does not see what they allocate.
/// - Memories allocated on demand, with the reservation that spares bounds checks: it is
///   address space, not memory.
pub fn config() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .wasm_component_model(true)
        .wasm_memory64(false)
        .shared_memory(false)
        .gc_support(false)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(CALL_STACK)
        .memory_may_move(true);
    config
}

/// What runs components: one per process, cheap to clone.
#[derive(Clone)]
pub struct Engine {
    wasmtime: wasmtime::Engine,
    ticker: Arc<Ticker>,
}

/// The engine could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// This machine lacks something that the settings of [`config`] need.
    #[error("the WebAssembly engine can't be started on this machine: {0}")]
    Unsupported(String),
    /// No thread for the ticker, without which no deadline would hold.
    #[error("the thread that interrupts plugins can't be started: {0}")]
    Ticker(#[from] std::io::Error),
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

/// An engine with the settings of [`config`] and its ticker.
///
/// # Errors
///
/// If wasmtime does not support this machine, or no thread can be started.
pub fn engine() -> Result<Engine, EngineError> {
    started(&config())
}

/// An engine whose guests may use so many bytes of native stack.
///
/// # Errors
///
/// As of [`engine`].
#[cfg(test)]
pub(crate) fn with_stack(bytes: usize) -> Result<Engine, EngineError> {
    let mut config = config();
    config.max_wasm_stack(bytes).async_stack_size(2 * bytes);
    started(&config)
}

fn started(config: &wasmtime::Config) -> Result<Engine, EngineError> {
    let wasmtime = wasmtime::Engine::new(config)
        .map_err(|error| EngineError::Unsupported(format!("{error:#}")))?;
    let ticker = Ticker::start(wasmtime.clone())?;
    Ok(Engine {
        wasmtime,
        ticker: Arc::new(ticker),
    })
}

impl Engine {
    /// wasmtime's own.
    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.wasmtime
    }

    /// Makes the ticker run, and wake this flight's call, until the flight is dropped.
    pub(crate) fn fly(&self) -> Flight<'_> {
        self.ticker.fly()
    }
}
