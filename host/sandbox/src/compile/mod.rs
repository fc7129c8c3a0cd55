//! Compiling in a child process: the port [`core::ports::Compile`] over the program
//! `bailiwick-compile`.
//!
//! [`core::ports::Compile`]: bailiwick_core::ports::Compile

mod child;
mod ending;
pub mod exit_code;

pub use child::{Child, ChildLimits, StartCompiler, Started};
