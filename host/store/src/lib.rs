//! What the agent keeps across restarts and power cuts: one redb database in the data
//! folder.
//!
//! Every method that changes something returns after the change is on disk. A database
//! that is damaged is set aside under a dated name and a fresh one takes its place: a
//! device with a damaged store still starts, and says so.

mod actions;
mod device;
mod error;
mod event_chain;
mod events;
mod keys;
mod log_part;
pub mod look;
mod open;
mod outbox;
mod record;
mod sender;
mod shared;
mod state;
mod suspension;
mod tables;

use std::{path::Path, sync::Arc};

pub use actions::{ActionRecord, Begun, Ended};
pub use error::StoreError;
pub use event_chain::verify_events;
pub use events::{Audience, EventBatch, LONGEST_EVENT, NewEvent};
pub use log_part::{LinkedEvent, LogPart, log_part};
pub use look::{KeptEvent, LookError, kept_events};
pub use outbox::{
    Beside, Caps, Confirmed, DropReason, Dropped, KeepSent, Lane, OutboxFigures, Outgoing, Put,
    Sent, Settled, Ticket, Waiting, What,
};
use redb::Database;
use shared::Shared;
pub use state::SessionState;
pub use suspension::Suspension;
use tokio::task::spawn_blocking;

/// The open database. Cloning shares it.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

/// What opening the store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// Where a damaged database was moved to in this start, if it was.
    pub set_aside: Option<std::path::PathBuf>,
    /// How many damaged databases were ever set aside in this data folder.
    pub ever_set_aside: u64,
}

impl Store {
    /// Opens the database in `folder`, which must exist, and makes it if there is none.
    ///
    /// The whole file is checked, so this takes time in proportion to what is kept.
    ///
    /// # Errors
    /// [`StoreError::Newer`] if a later version of the agent wrote it,
    /// [`StoreError::InUse`] if another agent has it open. Damage is no error: see
    /// [`Opening::set_aside`].
    pub async fn open(
        folder: &Path,
        now: bailiwick_core::time::Timestamp,
    ) -> Result<(Self, Opening), StoreError> {
        let folder = folder.to_owned();
        let path = folder.join(open::FILE);
        let (database, opening) = spawn_blocking(move || open::open(&folder, now))
            .await
            .map_err(|error| StoreError::Interrupted {
                doing: "open the store",
                reason: error.to_string(),
            })??;
        let shared = Arc::new(Shared::new(path, database));
        Ok((Self { shared }, opening))
    }

    /// Runs `work` on a thread where blocking is allowed.
    async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Database) -> Result<T, Box<redb::Error>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        spawn_blocking(move || shared.work(work))
            .await
            .map_err(|error| StoreError::Interrupted {
                doing,
                reason: error.to_string(),
            })?
            .map_err(|error| StoreError::Failed {
                doing,
                reason: error.to_string(),
            })
    }
}

#[cfg(test)]
mod tests;
