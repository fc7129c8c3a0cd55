//! Programs of the device, run to their end.

pub use crate::bindings::bailiwick::plugin::exec::{Ended, Error, Outcome, Request};
use crate::host::exec;

/// Runs one to its end.
///
/// # Errors
/// See [`Error`].
pub fn run(request: &Request) -> Result<Outcome, Error> {
    exec::run(request)
}
