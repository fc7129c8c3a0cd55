//! The compiler of components.

use super::BoxFuture;

/// Compiles a component in a child process.
pub trait Compile: Send + Sync {
    /// The compiled artifact of `component` (the bytes of a WebAssembly component).
    fn compile<'a>(&'a self, component: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, CompileError>>;
}

/// Why a component was not compiled.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The child could not be started.
    #[error("the compiler `{program}` can't be started: {reason}")]
    NotStarted {
        /// Path of the program.
        program: String,
        /// What the operating system said.
        reason: String,
    },
    /// It used more time or memory than it may.
    #[error("the compiler was stopped: {0}")]
    Stopped(String),
    /// It is no component that this host accepts.
    #[error("the component does not compile: {0}")]
    Refused(String),
}
