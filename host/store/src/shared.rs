//! The open database, and how it is used again after the disk failed or was full.

use std::{
    path::PathBuf,
    sync::{PoisonError, RwLock},
};

use redb::Database;

use super::{
    open,
    tables::{Failure, failure},
};

/// The one database of a process.
pub(super) struct Shared {
    path: PathBuf,
    /// None while it can't be opened.
    database: RwLock<Option<Database>>,
}

impl Shared {
    pub(super) fn new(path: PathBuf, database: Database) -> Self {
        Self {
            path,
            database: RwLock::new(Some(database)),
        }
    }

    /// Runs `work`. redb does nothing more once the operating system failed it, as on a full
    /// disk, so the database is opened again then: what was committed is there, and what was
    /// not has not happened.
    pub(super) fn work<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if self.is_closed() {
            self.reopen()?;
        }
        let done = {
            let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
            match &*database {
                Some(database) => work(database),
                None => Err(failure(redb::StorageError::DatabaseClosed)),
            }
        };
        if let Err(error) = &done
            && is_unusable(error)
        {
            // If it can't be opened yet, whoever comes next tries again.
            let _ = self.reopen();
        }
        done
    }

    fn is_closed(&self) -> bool {
        let database = self.database.read();
        database.unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn reopen(&self) -> Result<(), Failure> {
        let database = self.database.write();
        let mut database = database.unwrap_or_else(PoisonError::into_inner);
        // Its lock on the file goes with it.
        *database = None;
        *database = Some(open::reopen(&self.path).map_err(failure)?);
        Ok(())
    }
}

/// Whether redb refuses all work after this.
fn is_unusable(error: &redb::Error) -> bool {
    matches!(
        error,
        redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseClosed
    )
}
