//! Magic packets, which wake sleeping neighbours.

pub use crate::bindings::bailiwick::plugin::wake::{Carrier, Directed, Error};
use crate::host::wake;

/// Sends `payload` once on the link called `link`. That it was sent does not mean that
/// anybody woke.
///
/// # Errors
/// See [`Error`].
pub fn send(link: &str, by: &Carrier, payload: &[u8]) -> Result<(), Error> {
    wake::send(link, by, payload)
}
