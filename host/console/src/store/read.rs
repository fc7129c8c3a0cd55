//! Reading the database beside its writer.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::{FILE, StoreError, schema};

/// Which rows are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Of this device only: 32 hexadecimal digits.
    pub(crate) device: Option<String>,
    /// Of this plugin only.
    pub(crate) plugin: Option<String>,
    /// At most so many, the latest.
    pub(crate) last: u32,
}

/// A report as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredReport {
    pub(crate) id: i64,
    pub(crate) key: String,
    pub(crate) received_ms: i64,
    pub(crate) taken_ms: i64,
    pub(crate) device: String,
    pub(crate) plugin: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) epoch: String,
    pub(crate) counter: i64,
    pub(crate) answer: String,
    pub(crate) body: Vec<u8>,
}

/// An event as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredEvent {
    pub(crate) received_ms: i64,
    pub(crate) at_ms: i64,
    pub(crate) device: String,
    pub(crate) plugin: Option<String>,
    pub(crate) event: String,
    pub(crate) words: String,
    pub(crate) body: String,
}

/// The log of a device, as far as it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredHead {
    pub(crate) device: String,
    /// As `bailiwick log verify --head` takes it.
    pub(crate) head: String,
    pub(crate) received_ms: i64,
}

/// A reader of the database.
pub(crate) struct Reader(Connection);

impl Reader {
    /// Opens the database in the console's data folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        schema::open_to_read(&folder.join(FILE)).map(Self)
    }

    /// The heads of all devices' logs.
    pub(crate) fn heads(&self) -> Result<Vec<StoredHead>, StoreError> {
        let mut statement = self
            .0
            .prepare("SELECT device, head, received_ms FROM device_logs ORDER BY device")?;
        let rows = statement.query_map([], |row| {
            Ok(StoredHead {
                device: row.get("device")?,
                head: row.get("head")?,
                received_ms: row.get("received_ms")?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The latest reports, oldest first.
    pub(crate) fn reports(&self, filter: &Filter) -> Result<Vec<StoredReport>, StoreError> {
        let mut statement = self.0.prepare(
            "SELECT * FROM (
                SELECT * FROM reports
                WHERE (:device IS NULL OR device = :device)
                  AND (:plugin IS NULL OR plugin = :plugin)
                ORDER BY id DESC LIMIT :last
             ) ORDER BY id",
        )?;
        let rows = statement.query_map(
            named_params! { ":device": filter.device, ":plugin": filter.plugin, ":last": filter.last },
            report,
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The full report whose schema a differential one refers to.
    pub(crate) fn full_before(
        &self,
        diff: &StoredReport,
    ) -> Result<Option<StoredReport>, StoreError> {
        let mut statement = self.0.prepare(
            "SELECT * FROM reports
             WHERE device = ?1 AND plugin = ?2 AND epoch = ?3 AND kind = 'full' AND id < ?4
             ORDER BY id DESC LIMIT 1",
        )?;
        let row = statement.query_row((&diff.device, &diff.plugin, &diff.epoch, diff.id), report);
        Ok(row.optional()?)
    }

    /// The latest events, oldest first.
    pub(crate) fn events(&self, filter: &Filter) -> Result<Vec<StoredEvent>, StoreError> {
        let mut statement = self.0.prepare(
            "SELECT * FROM (
                SELECT * FROM events
                WHERE (:device IS NULL OR device = :device)
                  AND (:plugin IS NULL OR plugin = :plugin)
                ORDER BY id DESC LIMIT :last
             ) ORDER BY id",
        )?;
        let rows = statement.query_map(
            named_params! { ":device": filter.device, ":plugin": filter.plugin, ":last": filter.last },
            |row| {
                Ok(StoredEvent {
                    received_ms: row.get("received_ms")?,
                    at_ms: row.get("at_ms")?,
                    device: row.get("device")?,
                    plugin: row.get("plugin")?,
                    event: row.get("event")?,
                    words: row.get("words")?,
                    body: row.get("body")?,
                })
            },
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn report(row: &Row<'_>) -> rusqlite::Result<StoredReport> {
    Ok(StoredReport {
        id: row.get("id")?,
        key: row.get("key")?,
        received_ms: row.get("received_ms")?,
        taken_ms: row.get("taken_ms")?,
        device: row.get("device")?,
        plugin: row.get("plugin")?,
        version: row.get("version")?,
        kind: row.get("kind")?,
        epoch: row.get("epoch")?,
        counter: row.get("counter")?,
        answer: row.get("answer")?,
        body: row.get("body")?,
    })
}
