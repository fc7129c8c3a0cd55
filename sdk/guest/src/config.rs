//! Settings that the policy's author wrote for this plugin.

use core::str::FromStr;

use crate::host::config;

/// The value of `key`, or none if the policy does not set it.
pub fn get(key: &str) -> Option<String> {
    config::get(key)
}

/// The value of `key` read as a `T`; `otherwise` if the policy does not set it.
///
/// # Errors
/// The text, if it is not a `T`: a setting that the policy's author mistyped must be seen,
/// not replaced.
pub fn get_or<T: FromStr>(key: &str, otherwise: T) -> Result<T, String> {
    match get(key) {
        None => Ok(otherwise),
        Some(text) => text.parse().map_err(|_| text),
    }
}
