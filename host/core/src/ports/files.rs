//! Files that plugins read.

use std::sync::Arc;

use super::BoxFuture;
use crate::{
    bytes::ByteCount,
    policy::{self, Denial},
    time::Timestamp,
};

/// Where to look: a path that a grant covers, and the grants for the name that is left
/// once links are followed.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The granted root, absolute.
    pub root: &'a str,
    /// The path beneath it, with `/`; empty for the root itself.
    pub path: &'a str,
    /// What is granted and denied.
    pub grants: &'a Arc<policy::Files>,
    /// When the question was asked.
    pub now: Timestamp,
}

/// Files beneath a root. The caller has checked the path by its name; the implementation
/// never leaves the root, and gives nothing of what a link leads to before
/// [`policy::Files::leads_to`] allows it.
pub trait Files: Send + Sync {
    /// The whole file, if not larger than `at_most`.
    fn read<'a>(
        &'a self,
        place: Place<'a>,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>>;
    /// Up to `length` bytes from `offset`.
    fn read_part<'a>(
        &'a self,
        place: Place<'a>,
        offset: u64,
        length: u32,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>>;
    /// Entries in order of name, at most 65,536. If they would cost more than `at_most`
    /// (see [`Entry::cost`]), [`FilesError::TooLarge`].
    fn list<'a>(
        &'a self,
        place: Place<'a>,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<Entry>, FilesError>>;
    /// What is there, symbolic links beneath the root followed.
    fn look<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<FileMetadata, FilesError>>;
    /// What a symbolic link says. Links on the way to it are followed, and it is not.
    fn read_link<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<String, FilesError>>;
}

/// A directory entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without the directory.
    pub name: String,
    /// What it is, links not followed.
    pub kind: FileKind,
}

impl Entry {
    /// Bytes of memory that an entry with a name of `length` bytes takes.
    pub const fn cost(length: usize) -> u64 {
        64 + length as u64
    }
}

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    SymbolicLink,
    /// A device, socket or pipe.
    Other,
}

/// What [`Files::look`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMetadata {
    /// What it is.
    pub kind: FileKind,
    /// Its size as the file system tells it.
    pub size: ByteCount,
    /// When its content last changed.
    pub modified: Timestamp,
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// Nothing there.
    #[error("nothing is there")]
    NotFound,
    /// It leads out of the root.
    #[error("it leads out of the granted root")]
    Escapes,
    /// A link leads to what is not granted under its own name.
    #[error("it leads to what is not granted: {0}")]
    Denied(Denial),
    /// There, but not what was asked for.
    #[error("it is of another kind than was asked for")]
    WrongKind,
    /// Larger than the caller allows.
    #[error("it is larger than allowed: {0}")]
    TooLarge(ByteCount),
    /// The operating system refused or failed.
    #[error("the operating system answered: {0}")]
    Unavailable(String),
}
