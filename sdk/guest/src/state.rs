//! A small store of the plugin's own, kept across calls, restarts and versions.

pub use crate::bindings::bailiwick::plugin::state::Error;
use crate::host::state;

/// The value kept under `key`.
///
/// # Errors
/// See [`Error`].
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    state::get(key)
}

/// Keeps `value` under `key`. It is on disk once the call during which this happens has
/// ended without a trap.
///
/// # Errors
/// See [`Error`].
pub fn set(key: &str, value: &[u8]) -> Result<(), Error> {
    state::set(key, value)
}

/// Forgets `key`.
///
/// # Errors
/// See [`Error`]; forgetting what is not there is none.
pub fn delete(key: &str) -> Result<(), Error> {
    state::delete(key)
}

/// Every key, in order of bytes.
///
/// # Errors
/// See [`Error`].
pub fn keys() -> Result<Vec<String>, Error> {
    state::keys()
}
