//! What the operating system knows of the machine and no file tells portably.

pub use crate::bindings::bailiwick::plugin::system::{Description, Error, FileSystem};
use crate::host::system;

/// The machine.
///
/// # Errors
/// See [`Error`].
pub fn describe() -> Result<Description, Error> {
    system::describe()
}

/// File systems that hold data, one entry per mount point, in its order.
///
/// # Errors
/// See [`Error`].
pub fn file_systems() -> Result<Vec<FileSystem>, Error> {
    system::file_systems()
}
