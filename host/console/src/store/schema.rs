//! Tables of the console's database.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

use super::{StoreError, changes, derived, files, logs, retention};

/// What each version added, in order: version 1 had only what devices sent, 2 added what is
/// derived of it, 3 sessions and what was used in them, 4 heads of devices' logs, 5 from where
/// sessions are used. A database of a later version is not opened: this program would misread
/// it.
pub(super) const ADDED: &[&[&str]] = &[
    &[TABLES],
    &[derived::TABLES],
    &[
        derived::WAY,
        changes::TABLES,
        derived::sessions::TABLES,
        derived::usage::TABLES,
        retention::TABLES,
        files::TABLES,
    ],
    &[logs::TABLES],
    &[derived::sessions::PLACES],
];

const VERSION: i64 = ADDED.len() as i64;

const TABLES: &str = "
CREATE TABLE reports (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    received_ms INTEGER NOT NULL,
    device TEXT NOT NULL,
    plugin TEXT NOT NULL,
    version TEXT NOT NULL,
    taken_ms INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('full', 'differential')),
    epoch TEXT NOT NULL,
    counter INTEGER NOT NULL,
    answer TEXT NOT NULL CHECK (answer IN ('stored', 'need-full')),
    body BLOB NOT NULL
) STRICT;
CREATE INDEX reports_of_a_plugin ON reports (device, plugin, id);
CREATE TABLE streams (
    device TEXT NOT NULL,
    plugin TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (device, plugin)
) STRICT, WITHOUT ROWID;
CREATE TABLE event_posts (
    key TEXT NOT NULL PRIMARY KEY,
    sha256 TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    received_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    device TEXT NOT NULL,
    plugin TEXT,
    event TEXT NOT NULL,
    words TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_a_device ON events (device, id);
";

/// Statements that the writer keeps prepared: preparing them anew took a fifth of the
/// time of storing a small report.
const STATEMENTS: usize = 64;

/// Opens the database for its one writer, and makes it if there is none.
///
/// Write-ahead log, so that readers never wait for the writer; synchronous FULL, so that a
/// commit is on the disk when it returns.
pub(super) fn open_to_write(path: &Path, patience: Duration) -> Result<Connection, StoreError> {
    let open = || {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(patience)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let version = version(&connection)?;
        if version < VERSION {
            let transaction = connection.transaction()?;
            let missing = ADDED.iter().skip(usize::try_from(version).unwrap_or(0));
            for added in missing.copied().flatten() {
                transaction.execute_batch(added)?;
            }
            // Only once all tables are there: what is derived today may go into any of them.
            derived::rebuild(&transaction, version)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()?;
        }
        Ok((connection, version))
    };
    let (connection, version) = open().map_err(|error| StoreError::open(path, &error))?;
    check(path, version)?;
    Ok(connection)
}

/// Opens the database for a reader beside the writer.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    if !path.is_file() {
        return Err(StoreError::Missing(path.to_owned()));
    }
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        let version = version(&connection)?;
        Ok((connection, version))
    };
    let (connection, version) = open().map_err(|error| StoreError::open(path, &error))?;
    check(path, version)?;
    Ok(connection)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn check(path: &Path, version: i64) -> Result<(), StoreError> {
    if version > VERSION {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            version,
        });
    }
    Ok(())
}
