//! Tables of the ledger.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::LedgerError;

/// A database of a later version is not opened: this program would misread it.
const VERSION: i64 = 1;

/// How long a commit waits for another program's.
const PATIENCE: Duration = Duration::from_secs(5);

/// An action without an envelope is a draft, or one that somebody else sent and of which a
/// device told the outcome. `for_group` and `addressed` say for whom it is.
const TABLES: &str = "
CREATE TABLE actions (
    id TEXT NOT NULL PRIMARY KEY,
    made_ms INTEGER NOT NULL,
    sent_ms INTEGER,
    handler TEXT,
    verb TEXT,
    about TEXT,
    key TEXT,
    for_group TEXT,
    expires_ms INTEGER,
    draft TEXT,
    envelope BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX actions_by_age ON actions (made_ms);
CREATE INDEX actions_for_groups ON actions (for_group) WHERE for_group IS NOT NULL;
CREATE TABLE addressed (
    device TEXT NOT NULL,
    action TEXT NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    PRIMARY KEY (device, action)
) STRICT, WITHOUT ROWID;
CREATE INDEX addressed_by ON addressed (action);
CREATE TABLE told (
    action TEXT NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    device TEXT NOT NULL,
    at_ms INTEGER,
    received_ms INTEGER,
    outcome TEXT,
    progress_ms INTEGER,
    percent INTEGER,
    words TEXT,
    PRIMARY KEY (action, device)
) STRICT, WITHOUT ROWID;
";

/// Opens the ledger, and makes it if there is none.
pub(super) fn open(path: &Path) -> Result<Connection, LedgerError> {
    let opened = || {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = version(&transaction)?;
        if version == 0 {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        transaction.commit()?;
        Ok((connection, version))
    };
    checked(path, opened())
}

/// Opens it beside the program that writes it.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, LedgerError> {
    let opened = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        let version = version(&connection)?;
        Ok((connection, version))
    };
    if !path.is_file() {
        return Err(LedgerError::Missing(path.to_owned()));
    }
    checked(path, opened())
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn checked(
    path: &Path,
    opened: rusqlite::Result<(Connection, i64)>,
) -> Result<Connection, LedgerError> {
    let (connection, version) = opened.map_err(|error| LedgerError::Open {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    if version > VERSION {
        return Err(LedgerError::Newer {
            path: path.to_owned(),
            version,
        });
    }
    Ok(connection)
}
