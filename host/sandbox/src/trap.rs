//! Why a guest was stopped.

use bailiwick_core::policy::Capability;

use crate::{limits::Account, text::one_line};

/// Why an instance was stopped. It can't be entered again: a fresh one replaces it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Trap {
    /// It gave up by itself: a panic, an assertion, an explicit trap.
    #[error("it gave up by itself (it panicked, or executed `unreachable`)")]
    Unreachable,
    /// Memories, tables and host buffers together would have passed `memory`.
    #[error("it needed more than its memory limit")]
    Memory,
    /// The call lasted longer than `deadline`, host calls included.
    #[error("the call lasted longer than its deadline")]
    Deadline,
    /// The call used up `cpu` for this window.
    #[error("it used up its share of the processor")]
    Cpu,
    /// More than `host-calls` in one call.
    #[error("it made more host calls than its limit allows")]
    HostCalls,
    /// It returned or handed over more bytes than `output` allows.
    #[error("it handed over more bytes than its output limit allows")]
    Output,
    /// Its action was called off, and it went on for longer than a second.
    #[error("its action was called off, and it did not end by itself within a second")]
    Cancelled,
    /// It saved more than `state` allows.
    #[error("it saved more bytes than its state limit allows")]
    State,
    /// It recursed deeper than the native stack of a guest.
    #[error("it recursed too deep")]
    Stack,
    /// It called a capability that is denied and has no error that could say so.
    #[error("it called `{}`, whose grant has expired or is denied", .0.name())]
    Denied(Capability),
    /// Anything else that WebAssembly or the contract forbids, in wasmtime's words.
    #[error("it broke a rule: {0}")]
    Fault(String),
}

/// What wasmtime says when the lists and strings of one host call, or of what an export
/// returned, exceed the fuel that the store was given. Its type is private.
const COPIED_TOO_MUCH: &str = "fuel allocated for hostcalls has been exhausted";

impl Trap {
    /// From what a call into a guest failed with. A guest whose memory was refused may
    /// show anything afterwards; that refusal is the reason.
    pub(crate) fn classify(error: &wasmtime::Error, account: &Account) -> Self {
        if let Some(trap) = error.downcast_ref::<Self>() {
            return trap.clone();
        }
        if account.memory_refused() {
            return Self::Memory;
        }
        match error.downcast_ref::<wasmtime::Trap>() {
            Some(wasmtime::Trap::UnreachableCodeReached) => return Self::Unreachable,
            Some(wasmtime::Trap::StackOverflow) => return Self::Stack,
            Some(other) => return Self::Fault(other.to_string()),
            None => {}
        }
        if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
            return Self::Fault(format!("it ended itself with status {}", exit.0));
        }
        let text = error.root_cause().to_string();
        if text.contains(COPIED_TOO_MUCH) {
            // It would have been within its other limits, had there been memory.
            return if account.reserved_short() {
                Self::Memory
            } else {
                Self::Output
            };
        }
        Self::Fault(one_line(&text, 1024))
    }
}
