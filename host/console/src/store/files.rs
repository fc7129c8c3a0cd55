//! Files that devices send about sessions.

use bailiwick_core::{
    digest::Sha256,
    ids::{DeviceId, PluginName},
    session::SessionId,
    time::Timestamp,
};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{
    Answer,
    derived::usage,
    writer::{WriteError, other_post, whole},
};

pub(super) const TABLES: &str = "
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    device TEXT NOT NULL,
    plugin TEXT NOT NULL,
    session TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX files_of_a_session ON files (device, session, id);
CREATE INDEX files_by_time ON files (received_ms);
";

/// A file whose origin was checked.
#[derive(Debug)]
pub(crate) struct IncomingFile {
    /// Its idempotency key.
    pub(crate) key: String,
    /// Whose.
    pub(crate) device: DeviceId,
    /// Which plugin made it.
    pub(crate) plugin: PluginName,
    /// About which session.
    pub(crate) session: SessionId,
    /// When it was made, by the device's clock.
    pub(crate) made: Timestamp,
    /// What it is; the plugin's business.
    pub(crate) body: Vec<u8>,
}

/// Stores a file, once, and what the page shows of it.
pub(super) fn store(
    transaction: &Transaction<'_>,
    file: &IncomingFile,
    received: Timestamp,
) -> Result<Answer, WriteError> {
    let sha256 = Sha256::of(&file.body).to_string();
    let known: Option<String> = transaction
        .prepare_cached("SELECT sha256 FROM files WHERE key = ?1")?
        .query_row([&file.key], |row| row.get(0))
        .optional()?;
    match known {
        Some(known) if known == sha256 => return Ok(Answer::Stored),
        Some(_) => return Err(other_post(&file.key)),
        None => {}
    }
    let (device, plugin) = (file.device.to_string(), file.plugin.as_str());
    let (received_ms, made_ms) = (whole(received.as_ms())?, whole(file.made.as_ms())?);
    transaction
        .prepare_cached(
            "INSERT INTO files (key, sha256, received_ms, device, plugin, session, made_ms, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            file.key,
            sha256,
            received_ms,
            device,
            plugin,
            file.session.to_string(),
            made_ms,
            file.body,
        ])?;
    usage::file(
        transaction,
        &usage::StoredFile {
            device: &device,
            plugin,
            key: &file.key,
            received_ms,
            bytes: &file.body,
        },
    )?;
    Ok(Answer::Stored)
}
