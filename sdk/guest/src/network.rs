//! The machine's network links and routes.

pub use crate::bindings::bailiwick::plugin::network::{Address, Error, Link, Route};
use crate::host::network;

/// Links, in order of name.
///
/// # Errors
/// See [`Error`].
pub fn links() -> Result<Vec<Link>, Error> {
    network::links()
}

/// The main routing table, in order of destination and metric.
///
/// # Errors
/// See [`Error`].
pub fn routes() -> Result<Vec<Route>, Error> {
    network::routes()
}
