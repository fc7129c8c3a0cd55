//! What can go wrong with the store.

use std::{
    cmp::Ordering,
    path::{Path, PathBuf},
};

use super::tables::FORMAT;

/// The store could not do what was asked. Nothing of what was asked has happened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Written by a later version.
    #[error(
        "the store {} has format {found} and this version of bailiwick reads up to {supported}: install the version that wrote it, or start with another data folder", path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest format that this version reads.
        supported: u64,
    },
    /// Written by a version from before the first release.
    #[error(
        "the store {} has format {found}, which no released version of bailiwick wrote: move it away, and the agent begins a new one", path.display()
    )]
    Older {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// Another process has it open.
    #[error("the store {} is in use: another `bailiwick run` works with this data folder", .0.display())]
    InUse(PathBuf),
    /// The file could not be opened, made or moved.
    #[error("the store {} can't be opened: {reason}", path.display())]
    NotOpened {
        /// The database.
        path: PathBuf,
        /// What the operating system or the database said.
        reason: String,
    },
    /// The database failed.
    #[error(
        "could not {doing}: {reason}; if it goes on, look at the disk and start bailiwick again, which checks the store"
    )]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        reason: String,
    },
    /// The thread that worked on it was stopped or panicked.
    #[error("could not {doing}: the work was cut off: {reason}")]
    Interrupted {
        /// What was being done.
        doing: &'static str,
        /// What the runtime said.
        reason: String,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes for the device's id")]
    NoRandomness,
}

impl StoreError {
    /// Why a store of format `found` can't be used; none if it can.
    pub(super) fn of_format(path: &Path, found: u64) -> Option<Self> {
        let path = path.to_owned();
        match found.cmp(&FORMAT) {
            Ordering::Less => Some(Self::Older { path, found }),
            Ordering::Equal => None,
            Ordering::Greater => Some(Self::Newer {
                path,
                found,
                supported: FORMAT,
            }),
        }
    }
}
