//! What the operating system's errors mean beneath a root.

use std::io::{Error, ErrorKind};

use bailiwick_core::ports::FilesError;

/// The port's error for `error`.
pub(super) fn meaning(error: &Error) -> FilesError {
    match error.kind() {
        // A file where the path has a directory: nothing can be there.
        ErrorKind::NotFound | ErrorKind::NotADirectory => FilesError::NotFound,
        // cap-std's own refusal carries no number of the operating system.
        ErrorKind::PermissionDenied if error.raw_os_error().is_none() => FilesError::Escapes,
        ErrorKind::IsADirectory => FilesError::WrongKind,
        _ if is_loop(error) => FilesError::Escapes,
        _ => FilesError::Unavailable(error.to_string()),
    }
}

/// ELOOP stands for links in a circle and for the magic links of /proc, which jump to
/// another process's files without a path. Both end nowhere beneath the root.
#[cfg(unix)]
fn is_loop(error: &Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

#[cfg(not(unix))]
fn is_loop(_error: &Error) -> bool {
    false
}
