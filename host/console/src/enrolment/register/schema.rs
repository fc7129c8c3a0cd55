//! Tables of the register.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, TransactionBehavior};

use super::RegisterError;

/// A database of a later version is not opened: this program would misread it.
const VERSION: i64 = 1;

/// How long a commit waits for another program's.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of a secret there is the digest alone, of a key its public half's.
const TABLES: &str = "
CREATE TABLE tokens (
    token TEXT NOT NULL PRIMARY KEY,
    made_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    device TEXT,
    of_group TEXT,
    withdrawn_ms INTEGER,
    used_ms INTEGER,
    used_by TEXT,
    used_key TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_age ON tokens (made_ms);
CREATE TABLE certificates (
    sha256 TEXT NOT NULL PRIMARY KEY,
    device TEXT NOT NULL,
    key TEXT NOT NULL,
    token TEXT,
    issued_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    revoked_ms INTEGER,
    der BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX certificates_of_a_device ON certificates (device, issued_ms);
CREATE UNIQUE INDEX certificate_of_a_token ON certificates (token) WHERE token IS NOT NULL;
CREATE TABLE refusals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    token TEXT NOT NULL,
    device TEXT NOT NULL,
    address TEXT NOT NULL,
    reason TEXT NOT NULL,
    alarm INTEGER NOT NULL
) STRICT;
CREATE TABLE addresses (address TEXT NOT NULL) STRICT;
";

/// Opens the register, and makes it if there is none.
pub(super) fn open(path: &Path) -> Result<Connection, RegisterError> {
    let opened = || {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 =
            transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == 0 {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        transaction.commit()?;
        Ok((connection, version))
    };
    let (connection, version) = opened().map_err(|error: rusqlite::Error| RegisterError::Open {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    if version > VERSION {
        return Err(RegisterError::Newer {
            path: path.to_owned(),
            version,
        });
    }
    Ok(connection)
}
