//! What the page asks of the database, each question bounded.

mod devices;
mod events;
mod handlers;
mod history;
mod sessions;
mod usage;
mod uses;

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
};

use bailiwick_report::receiver::Stream;
use rusqlite::{Connection, OptionalExtension as _};
use tokio::sync::Semaphore;

pub(crate) use devices::{Device, Installed, Wanted};
pub(crate) use events::{Happened, Latest};
pub(crate) use handlers::{Handler, TAKES};
pub(crate) use history::{Against, Change, ChangeSet, RowChange, Side, WantedChanges};
pub(crate) use sessions::{Phase, Session};
pub(crate) use usage::{FlawedFile, Grain, Usage, Used};
pub(crate) use uses::Use;

pub(crate) use super::changes::LINES;
use super::{FILE, StoreError, schema};

/// Questions that are answered at once; more wait.
const AT_ONCE: usize = 4;

/// A list, and whether it goes on.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) more: bool,
}

impl<T> Page<T> {
    /// Of one row more than the page has, if there are so many.
    fn cut(mut rows: Vec<T>, length: usize) -> Self {
        let more = rows.len() > length;
        rows.truncate(length);
        Self { rows, more }
    }
}

/// A read-only connection.
pub(crate) struct View(Connection);

impl View {
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        schema::open_to_read(&folder.join(FILE)).map(Self)
    }

    /// What a plugin last reported of a device.
    pub(crate) fn stream(&self, device: &str, plugin: &str) -> Result<Option<Stream>, StoreError> {
        let state: Option<Vec<u8>> = self
            .0
            .prepare_cached("SELECT state FROM streams WHERE device = ?1 AND plugin = ?2")?
            .query_row([device, plugin], |row| row.get(0))
            .optional()?;
        // A damaged state is replaced by the full report that the device is asked for.
        Ok(state.and_then(|state| Stream::from_bytes(&state).ok()))
    }
}

/// Read-only connections, used away from the threads that serve connections.
pub(crate) struct Views {
    folder: PathBuf,
    idle: Mutex<Vec<View>>,
    slots: Semaphore,
}

impl Views {
    /// Connections to the database in the console's data folder. One is opened at once,
    /// so that a database that can't be read is told at the start; others when they are
    /// needed.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            folder: folder.to_owned(),
            idle: Mutex::new(vec![View::open(folder)?]),
            slots: Semaphore::new(AT_ONCE),
        })
    }

    /// The answer to `question`.
    pub(crate) async fn ask<T: Send + 'static>(
        self: std::sync::Arc<Self>,
        question: impl FnOnce(&View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let lost = || StoreError::Read(rusqlite::Error::InvalidQuery);
        let views = std::sync::Arc::clone(&self);
        let _slot = self.slots.acquire().await.map_err(|_| lost())?;
        tokio::task::spawn_blocking(move || {
            let idle = || {
                views
                    .idle
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner())
            };
            let waiting = idle().pop();
            let view = match waiting {
                Some(view) => view,
                None => View::open(&views.folder)?,
            };
            let answer = question(&view);
            idle().push(view);
            answer
        })
        .await
        .map_err(|_| lost())?
    }
}
