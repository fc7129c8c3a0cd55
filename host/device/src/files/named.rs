//! What a path names beneath a root, where there is no way to open without following
//! links: cap-std refuses what leads out at each step, and the name is taken before the
//! opening. On Windows making a symbolic link takes a right that users do not have.

use std::{fs::File, path::PathBuf, time::UNIX_EPOCH};

use bailiwick_core::{
    bytes::ByteCount,
    policy::Linked,
    ports::{FileKind, FileMetadata, FilesError},
    time::Timestamp,
};
use cap_std::fs::{Dir, Metadata};

use super::{error::meaning, read::file_kind};

/// Whether a symbolic link at the end of a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Follow,
    Keep,
}

/// What a path names.
pub(super) struct Found {
    path: PathBuf,
    text: String,
    metadata: Metadata,
    /// Whose links were on the way.
    pub(super) linked: Linked,
}

/// Finds `path` beneath `root`.
pub(super) fn find(root: &Dir, path: &str, last: Last) -> Result<Found, FilesError> {
    let (real, metadata) = match last {
        Last::Keep => (PathBuf::from(path), root.symlink_metadata(path)),
        Last::Follow => {
            let real = root.canonicalize(path).map_err(|error| meaning(&error))?;
            let metadata = root.metadata(&real);
            (real, metadata)
        }
    };
    let text = real.to_string_lossy().replace('\\', "/");
    Ok(Found {
        metadata: metadata.map_err(|error| meaning(&error))?,
        // A name in other letters is no link, and is checked all the same.
        linked: if text == path {
            Linked::No
        } else {
            Linked::ByItsOwner
        },
        path: real,
        text,
    })
}

impl Found {
    /// Its name beneath the root.
    pub(super) fn path(&self) -> Result<&str, FilesError> {
        Ok(&self.text)
    }

    pub(super) fn metadata(&self) -> FileMetadata {
        let modified = self.metadata.modified().ok();
        FileMetadata {
            kind: self.kind(),
            size: ByteCount::new(self.metadata.len()),
            modified: modified
                .and_then(|time| time.into_std().duration_since(UNIX_EPOCH).ok())
                .and_then(|since| u64::try_from(since.as_millis()).ok())
                .map_or(Timestamp::EPOCH, Timestamp::from_ms),
        }
    }

    pub(super) fn kind(&self) -> FileKind {
        file_kind(self.metadata.file_type())
    }

    /// Opens it for reading.
    pub(super) fn file(&self, root: &Dir) -> Result<File, FilesError> {
        let file = root.open(&self.path).map_err(|error| meaning(&error))?;
        let opened = file.metadata().map_err(|error| meaning(&error))?;
        opened
            .is_file()
            .then(|| file.into_std())
            .ok_or(FilesError::WrongKind)
    }

    /// Opens it for listing.
    pub(super) fn folder(&self, root: &Dir) -> Result<Dir, FilesError> {
        root.open_dir(&self.path).map_err(|error| meaning(&error))
    }

    /// What it says, if it is a symbolic link.
    pub(super) fn says(&self, root: &Dir) -> Result<String, FilesError> {
        root.read_link_contents(&self.path)
            .map_err(|error| meaning(&error))?
            .into_os_string()
            .into_string()
            .map_err(|_| FilesError::Unavailable("the link is not UTF-8".to_owned()))
    }
}
