//! Reading the store for whoever looks at it: the agent that runs, or a command where none
//! does.

use std::path::Path;

use bailiwick_core::ids::PluginName;
use redb::{DatabaseError, ReadOnlyDatabase, ReadableDatabase, StorageError};

use super::{
    Store, StoreError,
    keys::{number_of, numbered},
    open::{self, FILE},
    outbox::{Lane, OutboxFigures, Sent, Waiting, given_up, places, reading, sent as history},
    tables::{EVENTS, OUTGOING, failure},
};

/// redb's error, boxed.
pub type LookError = Box<redb::Error>;

/// An event of the device's own record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEvent {
    /// Its number.
    pub number: u64,
    /// As it was kept.
    pub line: Vec<u8>,
}

impl Store {
    /// Runs `look` on the database of the agent that runs.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&redb::Database) -> Result<T, LookError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run("look into the store", look).await
    }
}

/// The store in `folder`, to be read where no agent runs. Nothing is written.
///
/// # Errors
/// There is none, it can't be read as it is, or it has another format.
pub fn open(folder: &Path) -> Result<ReadOnlyDatabase, StoreError> {
    let path = folder.join(FILE);
    let not_opened = |reason: String| StoreError::NotOpened {
        path: path.clone(),
        reason,
    };
    let database = ReadOnlyDatabase::open(&path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(path.clone()),
        DatabaseError::RepairAborted => not_opened(
            "the agent was cut off, and its next start puts the store in order: start it with \
             `bailiwick run` and ask again"
                .to_owned(),
        ),
        DatabaseError::Storage(StorageError::Io(error)) => not_opened(error.to_string()),
        other => not_opened(other.to_string()),
    })?;
    let found = open::read_format(&database).map_err(|error| not_opened(error.to_string()))?;
    match StoreError::of_format(&path, found.unwrap_or_default()) {
        Some(refused) => Err(refused),
        None => Ok(database),
    }
}

/// The events behind number `after`, the oldest first.
pub fn kept_events(
    database: &impl ReadableDatabase,
    after: Option<u64>,
) -> Result<Vec<KeptEvent>, LookError> {
    let transaction = database.begin_read().map_err(failure)?;
    let table = transaction.open_table(EVENTS).map_err(failure)?;
    let begin = after.map_or(0, |after| after.saturating_add(1));
    let begin = numbered(begin);
    let entries = table.range(begin.as_slice()..).map_err(failure)?;
    entries
        .map(|entry| {
            let (number, line) = entry.map_err(failure)?;
            Ok(KeptEvent {
                number: number_of(number.value()),
                line: line.value().to_vec(),
            })
        })
        .collect()
}

/// The first `at_most` of `lane` whose key is `wanted`.
pub fn waiting(
    database: &impl ReadableDatabase,
    lane: Lane,
    at_most: usize,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Waiting>, LookError> {
    Ok(reading::batch(database, lane, None, at_most, u64::MAX, wanted)?.waiting)
}

/// What was sent lately, the oldest first.
pub fn sent(database: &impl ReadableDatabase) -> Result<Vec<Sent>, LookError> {
    history::list(database)
}

/// What the console failed at while it took everything else, the oldest first.
pub fn given_up(database: &impl ReadableDatabase) -> Result<Vec<Sent>, LookError> {
    given_up::list(database)
}

/// How much waits.
pub fn figures(database: &impl ReadableDatabase) -> Result<OutboxFigures, LookError> {
    reading::figures(database)
}

/// What the report sender of `plugin` remembers.
pub fn sender(
    database: &impl ReadableDatabase,
    plugin: &PluginName,
) -> Result<Option<Vec<u8>>, LookError> {
    let transaction = database.begin_read().map_err(failure)?;
    let table = transaction.open_table(OUTGOING).map_err(failure)?;
    let state = table
        .get(places::sender(plugin).as_slice())
        .map_err(failure)?;
    Ok(state.map(|state| state.value().to_vec()))
}
