//! Users' sessions: the one for which the plugin runs, or all, as the policy says.

pub use crate::bindings::bailiwick::plugin::sessions::{Error, Kind, Session, State};
use crate::host::sessions;

/// The sessions that are open and that the policy lets this plugin see.
///
/// # Errors
/// See [`Error`].
pub fn open() -> Result<Vec<Session>, Error> {
    sessions::open()
}

/// The session for which this instance runs; none if it runs for the device, or if the
/// session has closed.
///
/// # Errors
/// See [`Error`].
pub fn own() -> Result<Option<Session>, Error> {
    Ok(open()?.into_iter().find(|session| session.own))
}

impl From<Error> for crate::CollectError {
    /// For a plugin that can't do without sessions.
    fn from(error: Error) -> Self {
        match error {
            Error::Denied => Self::Denied("sessions".to_owned()),
        }
    }
}
