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
    kind TEXT,
    source TEXT,
    opened_ms INTEGER NOT NULL,
    state TEXT,
    idle_since_ms INTEGER,
    told_ms INTEGER NOT NULL,
    closed_ms INTEGER,
    why TEXT,
    PRIMARY KEY (device, session)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_end ON sessions (device, closed_ms, opened_ms);
";

/// Longest of each text that is kept, in characters. An agent's are below that.
const LONGEST: usize = 100;

/// Notes what an event tells of a session, if that is what it is about.
pub(super) fn event(transaction: &Transaction<'_>, event: &Event<'_>) -> rusqlite::Result<()> {
    if !matches!(
        event.event,
        "session-opened" | "session-changed" | "session-closed"
    ) {
        return Ok(());
    }
    let Some(told) = Told::read(event) else {
        return Ok(());
    };
    match event.event {
        "session-opened" => opened(transaction, event, &told),
        "session-changed" => changed(transaction, event, &told),
        _ => closed(transaction, event, &told),
    }
}

/// Fills the table, which is empty, from all events that were stored.
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

/// What the body of an event says.
struct Told {
    session: String,
    user: String,
    body: Value,
}

impl Told {
    /// None if it names no session or no user.
    fn read(event: &Event<'_>) -> Option<Self> {
        let body: Value = serde_json::from_str(event.body).ok()?;
        let text = |name| kept(body.get(name)?.as_str()?);
        Some(Self {
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
fn opened(transaction: &Transaction<'_>, event: &Event<'_>, told: &Told) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO sessions
                (device, session, user, kind, source, opened_ms, told_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            event.device,
            told.session,
            told.user,
            told.kind(),
            told.text("source"),
            told.time("since").unwrap_or(event.at_ms),
            event.at_ms,
        ])?;
    Ok(())
}

/// Where the opening made room for newer events, this is the first that is known.
fn changed(transaction: &Transaction<'_>, event: &Event<'_>, told: &Told) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO sessions
                (device, session, user, opened_ms, state, idle_since_ms, told_ms)
             VALUES (?1, ?2, ?3, ?6, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET
                state = coalesce(?4, state), idle_since_ms = ?5, told_ms = ?6",
        )?
        .execute(params![
            event.device,
            told.session,
            told.user,
            told.text("state"),
            told.time("idle-since"),
            event.at_ms,
        ])?;
    Ok(())
}

fn closed(transaction: &Transaction<'_>, event: &Event<'_>, told: &Told) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO sessions
                (device, session, user, opened_ms, told_ms, closed_ms, why)
             VALUES (?1, ?2, ?3, ?4, ?4, ?4, ?5)
             ON CONFLICT DO UPDATE SET told_ms = ?4, closed_ms = ?4, why = ?5",
        )?
        .execute(params![
            event.device,
            told.session,
            told.user,
            event.at_ms,
            told.text("why"),
        ])?;
    Ok(())
}
