//! Sessions of users, as the events of their device told them.
//!
//! A device tells what it pleases: what does not read as a session leaves nothing here, and
//! is in the list of events all the same.

use rusqlite::{Transaction, params};
use serde_json::Value;

use super::Event;

pub(in super::super) const TABLES: &str = "
CREATE TABLE sessions (
    device TEXT NOT NULL,
    session TEXT NOT NULL,
    user TEXT NOT NULL,
    user_name TEXT,
    kind TEXT,
    source TEXT,
    opened_ms INTEGER NOT NULL,
    told_ms INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    closed_ms INTEGER,
    why TEXT,
    PRIMARY KEY (device, session)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_end ON sessions (device, closed_ms, opened_ms);
CREATE TABLE session_states (
    device TEXT NOT NULL,
    session TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    state TEXT,
    idle INTEGER NOT NULL,
    PRIMARY KEY (device, session, from_ms)
) STRICT, WITHOUT ROWID;
";

/// What files say of their sessions, where a policy grants it.
pub(in super::super) const PLACES: &str = "
ALTER TABLE sessions ADD COLUMN client TEXT;
ALTER TABLE sessions ADD COLUMN place TEXT;
";

/// Longest of each text that is kept, in characters. An agent's are below that.
const LONGEST: usize = 100;

/// Notes what an event tells of a session, if that is what it is about.
pub(super) fn event(transaction: &Transaction<'_>, event: &Event<'_>) -> rusqlite::Result<()> {
    let note = match event.event {
        "session-opened" => opened,
        "session-changed" => changed,
        "session-closed" => closed,
        _ => return Ok(()),
    };
    match Told::read(event) {
        Some(told) => note(transaction, &told),
        None => Ok(()),
    }
}

/// Fills the tables, which are empty, from all events that were stored.
pub(super) fn rebuild(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "SELECT * FROM events
         WHERE event IN ('session-opened', 'session-changed', 'session-closed') ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let stored = Event {
            id: row.get("id")?,
            device: &row.get::<_, String>("device")?,
            way: None,
            plugin: None,
            event: &row.get::<_, String>("event")?,
            at_ms: row.get("at_ms")?,
            received_ms: row.get("received_ms")?,
            body: &row.get::<_, String>("body")?,
        };
        event(transaction, &stored)?;
    }
    Ok(())
}

/// What an event says.
struct Told<'a> {
    device: &'a str,
    at_ms: i64,
    received_ms: i64,
    session: String,
    user: String,
    body: Value,
}

impl<'a> Told<'a> {
    /// None if it names no session or no user.
    fn read(event: &Event<'a>) -> Option<Self> {
        let body: Value = serde_json::from_str(event.body).ok()?;
        let text = |name| kept(body.get(name)?.as_str()?);
        Some(Self {
            device: event.device,
            at_ms: event.at_ms,
            received_ms: event.received_ms,
            session: text("session")?,
            user: text("user")?,
            body,
        })
    }

    fn text(&self, name: &str) -> Option<String> {
        kept(self.body.get(name)?.as_str()?)
    }

    fn time(&self, name: &str) -> Option<i64> {
        self.body.get(name)?.as_i64()
    }

    /// How the user came: a word, or `remote` and by which way.
    fn kind(&self) -> Option<String> {
        match self.body.get("kind")? {
            Value::String(kind) => kept(kind),
            Value::Object(ways) => {
                let (kind, way) = ways.iter().next()?;
                match way.as_str()? {
                    "other" => kept(kind),
                    way => kept(&format!("{kind} ({way})")),
                }
            }
            _ => None,
        }
    }
}

fn kept(text: &str) -> Option<String> {
    (1..=LONGEST)
        .contains(&text.chars().count())
        .then(|| text.to_owned())
}

/// An id that is opened again is another session: the device's record of them began anew.
fn opened(transaction: &Transaction<'_>, told: &Told<'_>) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM session_states WHERE device = ?1 AND session = ?2")?
        .execute(params![told.device, told.session])?;
    let opened_ms = told.time("since").unwrap_or(told.at_ms).min(told.at_ms);
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO sessions
                (device, session, user, kind, source, opened_ms, told_ms, received_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            told.device,
            told.session,
            told.user,
            told.kind(),
            told.text("source"),
            opened_ms,
            told.at_ms,
            told.received_ms,
        ])?;
    state(transaction, told)
}

/// Where the opening made room for newer events, this is the first that is known.
fn changed(transaction: &Transaction<'_>, told: &Told<'_>) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO sessions (device, session, user, opened_ms, told_ms, received_ms)
             VALUES (?1, ?2, ?3, ?4, ?4, ?5)
             ON CONFLICT DO UPDATE SET told_ms = ?4, received_ms = ?5",
        )?
        .execute(params![
            told.device,
            told.session,
            told.user,
            told.at_ms,
            told.received_ms,
        ])?;
    state(transaction, told)
}

fn closed(transaction: &Transaction<'_>, told: &Told<'_>) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO sessions
                (device, session, user, opened_ms, told_ms, closed_ms, why, received_ms)
             VALUES (?1, ?2, ?3, ?4, ?4, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET
                told_ms = ?4, closed_ms = ?4, why = ?5, received_ms = ?6",
        )?
        .execute(params![
            told.device,
            told.session,
            told.user,
            told.at_ms,
            told.text("why"),
            told.received_ms,
        ])?;
    Ok(())
}

/// What it does from now on, where that differs from before; a source that can't tell leaves
/// the state as it was. Idleness is noticed some time after it begins.
fn state(transaction: &Transaction<'_>, told: &Told<'_>) -> rusqlite::Result<()> {
    let idle_since = told.time("idle-since");
    transaction
        .prepare_cached(
            "WITH last AS (
                SELECT from_ms, state, idle FROM session_states
                WHERE device = ?1 AND session = ?2 ORDER BY from_ms DESC LIMIT 1
             ), next AS (
                SELECT max(?3, coalesce((SELECT from_ms FROM last) + 1, ?3)) AS from_ms,
                    coalesce(?4, (SELECT state FROM last)) AS state, ?5 AS idle
             )
             INSERT OR REPLACE INTO session_states (device, session, from_ms, state, idle)
             SELECT ?1, ?2, from_ms, state, idle FROM next
             WHERE NOT EXISTS (
                SELECT 1 FROM last WHERE last.state IS next.state AND last.idle = next.idle)",
        )?
        .execute(params![
            told.device,
            told.session,
            idle_since.unwrap_or(told.at_ms).min(told.at_ms),
            told.text("state"),
            idle_since.is_some(),
        ])?;
    Ok(())
}
