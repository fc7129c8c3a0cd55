//! Which files changed while the plugin was not looking.
//!
//! ```
//! use bailiwick_sdk::{fake::Device, watch};
//!
//! let device = Device::new();
//! // The first time nobody knows what was before: look at everything.
//! assert!(device.run(|| watch::changed().unwrap().incomplete));
//! device.change("/etc/hosts");
//! let changes = device.run(|| watch::changed().unwrap());
//! assert_eq!(changes.paths, ["/etc/hosts"]);
//! assert!(!changes.incomplete);
//! ```

pub use crate::bindings::bailiwick::plugin::watch::{Changes, Error};
use crate::host::watch;

/// What changed since the last time.
///
/// # Errors
/// See [`Error`].
pub fn changed() -> Result<Changes, Error> {
    watch::changed()
}

impl From<Error> for crate::CollectError {
    /// For a plugin that can't do without it.
    fn from(error: Error) -> Self {
        match error {
            Error::Denied => Self::Denied("watch".to_owned()),
            Error::Unavailable => Self::Unavailable("files can't be watched".to_owned()),
        }
    }
}
