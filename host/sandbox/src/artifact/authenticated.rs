//! Bytes that may be run, and the one place where that happens.

use std::ops::Range;

use wasmtime::component::Component;

use crate::engine::Engine;

/// An artifact that this process may load: it came from the compiler a moment ago, or from
/// a file whose MAC was right. There is no other way to make one, and no way to change one.
#[derive(Clone, PartialEq, Eq)]
pub struct Artifact {
    memory: Vec<u8>,
    /// Where in `memory` the compiler's bytes are; a file has a header before them.
    compiled: Range<usize>,
}

/// An artifact that is genuine and still does not load.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Another version of wasmtime or other settings: program and compiler do not belong
    /// together.
    #[error("the compiled component does not fit this host, reinstall bailiwick-compile: {0}")]
    Incompatible(String),
}

impl Artifact {
    /// What `bailiwick-compile` wrote just now.
    pub(crate) fn from_compiler(memory: Vec<u8>) -> Self {
        let compiled = 0..memory.len();
        Self { memory, compiled }
    }

    /// The part of `file` from `start`. For [`super::format::open`] alone, after it has
    /// verified the MAC.
    pub(super) fn from_verified(file: Vec<u8>, start: usize) -> Self {
        let compiled = start.min(file.len())..file.len();
        Self {
            memory: file,
            compiled,
        }
    }

    /// What the compiler made.
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.compiled.clone()]
    }

    /// Maps the code, ready to be instantiated.
    ///
    /// # Errors
    ///
    /// If the artifact was made for another engine.
    #[expect(
        unsafe_code,
        reason = "wasmtime can't check that native code is what its compiler made; the type does"
    )]
    pub(crate) fn component(&self, engine: &Engine) -> Result<Component, LoadError> {
        // `deserialize` demands bytes that wasmtime's own compiler made and nobody changed.
        // SAFETY: `from_compiler` has the compiler's output and `from_verified` bytes under a
        // MAC of this host's own key; both are private to this process and never change.
        unsafe { Component::deserialize(engine.wasmtime(), self.bytes()) }
            .map_err(|error| LoadError::Incompatible(format!("{error:#}")))
    }
}

impl std::fmt::Debug for Artifact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Artifact({} bytes)", self.compiled.len())
    }
}
