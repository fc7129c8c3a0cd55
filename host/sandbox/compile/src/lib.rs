//! What the program `bailiwick-compile` does, in three parts: what it was asked for, how
//! it gives up its own rights, and the compilation.
//!
//! Compiling is not covered by wasmtime's promise of security: a component can be made to
//! cost any amount of time and memory, and a fault in the compiler would be met here. So
//! it happens in a process of its own that holds no key, opens nothing and ends early.
//! The artifact it writes is native code: whoever starts this program vouches for the
//! program itself, not for the component.

pub mod arguments;
pub mod component;
pub mod confine;
pub mod exit;
pub mod probe;
