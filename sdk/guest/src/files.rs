//! Reading files below the roots that the policy grants.
//!
//! Paths are absolute, as on the device. A path outside the grants is
//! [`Error::Denied`], whether it exists or not.

pub use crate::bindings::bailiwick::plugin::files::{Entry, Error, Kind, Metadata};
use crate::host::files;

/// The whole file, if it is at most `at_most` bytes long.
///
/// # Errors
/// See [`Error`].
pub fn read(path: &str, at_most: u64) -> Result<Vec<u8>, Error> {
    files::read(path, at_most)
}

/// The whole file as text, if it is at most `at_most` bytes long. What is not UTF-8 is
/// replaced by U+FFFD.
///
/// # Errors
/// See [`Error`].
pub fn read_text(path: &str, at_most: u64) -> Result<String, Error> {
    let bytes = read(path, at_most)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|not_text| String::from_utf8_lossy(not_text.as_bytes()).into_owned()))
}

/// Up to `length` bytes (at most 1 MiB) from `offset`; fewer at the end of the file.
///
/// # Errors
/// See [`Error`].
pub fn read_part(path: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
    files::read_part(path, offset, length)
}

/// The entries of a directory, in order of name.
///
/// # Errors
/// See [`Error`].
pub fn list(path: &str) -> Result<Vec<Entry>, Error> {
    files::list(path)
}

/// What `path` is; a symbolic link is followed if it stays beneath the granted root.
///
/// # Errors
/// See [`Error`].
pub fn look(path: &str) -> Result<Metadata, Error> {
    files::look(path)
}

/// What a symbolic link says.
///
/// # Errors
/// See [`Error`].
pub fn read_link(path: &str) -> Result<String, Error> {
    files::read_link(path)
}

impl From<Error> for crate::CollectError {
    /// For a plugin that can't do without the file that it read.
    fn from(error: Error) -> Self {
        match error {
            Error::Denied => Self::Denied("files".to_owned()),
            Error::NotFound => Self::Unavailable("the file is not there".to_owned()),
            Error::InvalidPath => Self::Unavailable("the path is not valid".to_owned()),
            Error::WrongKind => Self::Unavailable("the path is of another kind".to_owned()),
            Error::TooLarge(_) => Self::Unavailable("the file is too large".to_owned()),
            Error::Unavailable => Self::Unavailable("the file can't be read".to_owned()),
        }
    }
}
