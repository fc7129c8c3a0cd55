//! What is kept beside reports and events so that the page finds it: which devices there
//! are, what each plugin last did, what each report changed, and what sessions there were.
//!
//! Written in the transaction that stores the report or event; made of all of them when a
//! database is opened that a version before wrote.

pub(super) mod sessions;
pub(super) mod usage;

use bailiwick_core::ids::DeviceId;
use bailiwick_report::{
    receiver::{Accepted, Stream, Verdict},
    rows::{Snapshot, Value},
    wire::{Envelope, Report as Parsed},
};
use rusqlite::{Transaction, params};

use super::{Way, changes, writer::LIMITS};

pub(super) const TABLES: &str = "
CREATE TABLE devices (
    device TEXT NOT NULL PRIMARY KEY,
    label TEXT,
    host_name TEXT,
    os TEXT,
    first_seen_ms INTEGER NOT NULL,
    last_seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_by_last_seen ON devices (last_seen_ms, device);
CREATE TABLE device_plugins (
    device TEXT NOT NULL,
    plugin TEXT NOT NULL,
    version TEXT NOT NULL,
    reports INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    taken_ms INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (device, plugin)
) STRICT, WITHOUT ROWID;
CREATE TABLE tallies (
    device TEXT NOT NULL,
    plugin TEXT NOT NULL,
    event TEXT NOT NULL,
    count INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (device, plugin, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX tallies_of_an_event ON tallies (event, last);
CREATE TABLE change_sets (
    report INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    plugin TEXT NOT NULL,
    version TEXT NOT NULL,
    taken_ms INTEGER NOT NULL,
    against TEXT NOT NULL CHECK (against IN ('nothing', 'other-schema', 'last')),
    added INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    removed INTEGER NOT NULL
) STRICT;
CREATE INDEX change_sets_of_a_device ON change_sets (device, report);
CREATE INDEX change_sets_of_a_plugin ON change_sets (device, plugin, report);
CREATE TABLE changes (
    report INTEGER NOT NULL,
    place INTEGER NOT NULL,
    change TEXT NOT NULL CHECK (change IN ('added', 'changed', 'removed')),
    collection TEXT NOT NULL,
    row TEXT NOT NULL,
    row_privacy TEXT NOT NULL,
    field TEXT,
    kind TEXT,
    unit TEXT,
    privacy TEXT,
    old TEXT,
    new TEXT,
    PRIMARY KEY (report, place)
) STRICT, WITHOUT ROWID;
";

/// What version 3 adds to [`TABLES`].
pub(super) const WAY: &str = "ALTER TABLE devices ADD COLUMN way TEXT;";

/// Longest name of a device or its system that is kept, in characters.
const NAME: usize = 200;

/// An accepted report as it was stored.
pub(super) struct Report<'a> {
    pub(super) id: i64,
    pub(super) device: &'a str,
    /// None if nobody noted it.
    pub(super) way: Option<Way>,
    pub(super) received_ms: i64,
    pub(super) bytes: i64,
    pub(super) envelope: &'a Envelope,
}

/// An event as it was stored.
pub(super) struct Event<'a> {
    pub(super) id: i64,
    pub(super) device: &'a str,
    /// None if nobody noted it.
    pub(super) way: Option<Way>,
    pub(super) plugin: Option<&'a str>,
    pub(super) event: &'a str,
    /// By the device's clock.
    pub(super) at_ms: i64,
    pub(super) received_ms: i64,
    /// JSON.
    pub(super) body: &'a str,
}

/// Notes an accepted report. `known` is what was known before it.
pub(super) fn report(
    transaction: &Transaction<'_>,
    stored: &Report<'_>,
    known: Option<&Stream>,
    accepted: &Accepted,
) -> rusqlite::Result<()> {
    seen(transaction, stored.device, stored.way, stored.received_ms)?;
    let (plugin, version) = (
        stored.envelope.origin.plugin(),
        stored.envelope.origin.version(),
    );
    let taken_ms = i64::try_from(stored.envelope.taken_at).unwrap_or(i64::MAX);
    transaction
        .prepare_cached(
            "INSERT INTO device_plugins
                (device, plugin, version, reports, bytes, taken_ms, received_ms)
             VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET version = ?3, reports = reports + 1,
                bytes = bytes + ?4, taken_ms = ?5, received_ms = ?6",
        )?
        .execute(params![
            stored.device,
            plugin,
            version,
            stored.bytes,
            taken_ms,
            stored.received_ms
        ])?;
    if let Some((host_name, os)) = names(accepted.stream.snapshot()) {
        transaction
            .prepare_cached(
                "UPDATE devices SET host_name = coalesce(?2, host_name), os = coalesce(?3, os)
                 WHERE device = ?1
                    AND (host_name IS NOT coalesce(?2, host_name) OR os IS NOT coalesce(?3, os))",
            )?
            .execute(params![stored.device, host_name, os])?;
    }
    changes::record(transaction, stored, taken_ms, known, accepted)
}

/// Notes an event.
pub(super) fn event(transaction: &Transaction<'_>, event: &Event<'_>) -> rusqlite::Result<()> {
    seen(transaction, event.device, event.way, event.received_ms)?;
    transaction
        .prepare_cached(
            "INSERT INTO tallies (device, plugin, event, count, last) VALUES (?1, ?2, ?3, 1, ?4)
             ON CONFLICT DO UPDATE SET count = count + 1, last = ?4",
        )?
        .execute(params![
            event.device,
            event.plugin.unwrap_or_default(),
            event.event,
            event.id
        ])?;
    sessions::event(transaction, event)
}

/// Calls a device `label`; whether there is that device.
pub(super) fn label(
    transaction: &Transaction<'_>,
    device: DeviceId,
    label: Option<&str>,
) -> rusqlite::Result<bool> {
    let updated = transaction
        .prepare_cached("UPDATE devices SET label = ?2 WHERE device = ?1")?
        .execute(params![device.to_string(), label])?;
    Ok(updated == 1)
}

fn seen(
    transaction: &Transaction<'_>,
    device: &str,
    way: Option<Way>,
    received_ms: i64,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO devices (device, first_seen_ms, last_seen_ms, way)
             VALUES (?1, ?2, ?2, ?3)
             ON CONFLICT DO UPDATE SET last_seen_ms = max(last_seen_ms, ?2),
                way = coalesce(?3, way)",
        )?
        .execute(params![device, received_ms, way.map(Way::as_str)])?;
    Ok(())
}

/// The device's own name and that of its system, if the rows have them: the collection
/// `system` has one row with `host-name`, and `operating-system` one with `name` and
/// `version` (or `system` has `os`). So any collector can tell them.
fn names(snapshot: &Snapshot) -> Option<(Option<String>, Option<String>)> {
    let text = |collection: &str, field: &str| {
        let index = snapshot.schema().position(collection)?;
        let shape = &snapshot.schema().collections()[index];
        if shape.key_fields() != 0 {
            return None;
        }
        let field = shape.fields().iter().position(|it| it.name() == field)?;
        match snapshot.rows(index).next()?.get(field)? {
            Value::Text(text) if !text.is_empty() => Some(text.chars().take(NAME).collect()),
            _ => None,
        }
    };
    let host_name: Option<String> = text("system", "host-name");
    let os = match text("operating-system", "name") {
        None => text("system", "os"),
        Some(name) => Some(match text("operating-system", "version") {
            Some::<String>(version) => format!("{name} {version}"),
            None => name,
        }),
    };
    (host_name.is_some() || os.is_some()).then_some((host_name, os))
}

/// Fills what a database of `version` did not have from all that it stored.
pub(super) fn rebuild(transaction: &Transaction<'_>, version: i64) -> rusqlite::Result<()> {
    match version {
        1 => {
            reports(transaction)?;
            events(transaction)?;
            first_seen(transaction)
        }
        2 => {
            changes::rebuild(transaction)?;
            sessions::rebuild(transaction)
        }
        _ => Ok(()),
    }
}

fn reports(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "SELECT id, device, plugin, received_ms, body FROM reports ORDER BY device, plugin, id",
    )?;
    let mut rows = statement.query([])?;
    let mut known: Option<((String, String), Stream)> = None;
    while let Some(row) = rows.next()? {
        let stream: (String, String) = (row.get("device")?, row.get("plugin")?);
        let body: Vec<u8> = row.get("body")?;
        // It was read when it was stored; what is damaged since tells nothing.
        let Ok(parsed) = Parsed::parse(&body, LIMITS) else {
            continue;
        };
        let before = known.as_ref().filter(|(of, _)| *of == stream);
        let before = before.map(|(_, known)| known);
        if let Ok(Verdict::Accepted(accepted)) = Stream::accept(before, &parsed) {
            let stored = Report {
                id: row.get("id")?,
                device: &stream.0,
                way: None,
                received_ms: row.get("received_ms")?,
                bytes: i64::try_from(body.len()).unwrap_or(i64::MAX),
                envelope: parsed.envelope(),
            };
            report(transaction, &stored, before, &accepted)?;
            known = Some((stream, accepted.stream));
        }
    }
    Ok(())
}

fn events(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("SELECT * FROM events ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (device, plugin): (String, Option<String>) = (row.get("device")?, row.get("plugin")?);
        let stored = Event {
            id: row.get("id")?,
            device: &device,
            way: None,
            plugin: plugin.as_deref(),
            event: &row.get::<_, String>("event")?,
            at_ms: row.get("at_ms")?,
            received_ms: row.get("received_ms")?,
            body: &row.get::<_, String>("body")?,
        };
        event(transaction, &stored)?;
    }
    Ok(())
}

fn first_seen(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "UPDATE devices SET first_seen_ms = min(
            coalesce((SELECT min(received_ms) FROM reports r WHERE r.device = devices.device),
                first_seen_ms),
            coalesce((SELECT min(received_ms) FROM events e WHERE e.device = devices.device),
                first_seen_ms))",
    )
}
