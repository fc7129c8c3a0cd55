//! What is forgotten, and when.
//!
//! Forgotten is what was received longer ago than the console's operator wants it kept: a
//! bounded part of it at a time, so that no post waits for long. Never forgotten is what
//! tells how a device is now: the state of each plugin, its last full report, the last event
//! of each kind, and sessions that are open. Of what is forgotten sooner than its device may
//! send it again the idempotency key is kept until then, so that it is not stored twice.

use std::{collections::HashMap, time::Duration};

use bailiwick_core::{digest::Sha256, time::Timestamp};
use rusqlite::{OptionalExtension as _, Transaction, params};

/// Beside [`super::schema`]'s.
pub(super) const TABLES: &str = "
CREATE TABLE spent_keys (
    key TEXT NOT NULL PRIMARY KEY,
    sha256 TEXT NOT NULL,
    answer TEXT NOT NULL,
    received_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_keys_by_time ON spent_keys (received_ms);
ALTER TABLE event_posts ADD COLUMN received_ms INTEGER NOT NULL DEFAULT 0;
UPDATE event_posts SET received_ms = (SELECT coalesce(max(received_ms), 0) FROM events);
CREATE INDEX event_posts_by_time ON event_posts (received_ms);
CREATE INDEX reports_by_time ON reports (received_ms);
CREATE INDEX full_reports ON reports (device, plugin, id) WHERE kind = 'full';
CREATE INDEX events_by_time ON events (received_ms);
CREATE INDEX sessions_by_time ON sessions (received_ms) WHERE closed_ms IS NOT NULL;
CREATE INDEX usage_by_time ON usage (grain, received_ms);
CREATE INDEX flawed_files_by_time ON flawed_files (received_ms);
";

/// For how long a key is kept at least. A device sends again what it has no receipt for until
/// it has run for 30 days, which takes one that runs two hours a day a year. (A key is some 150
/// bytes.)
const KEYS: Duration = Duration::from_secs(400 * 86_400);
/// For how long pieces of usage are kept at most; half hours are kept as all else.
const PIECES: Duration = Duration::from_secs(8 * 86_400);
/// Most rows of one kind that one run forgets.
const MOST: i64 = 5_000;

/// Up to when what was received is forgotten, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Before {
    all: i64,
    pieces: i64,
    keys: i64,
}

impl Before {
    pub(super) fn new(now: Timestamp, keep: Duration) -> Self {
        let ago = |duration: Duration| {
            let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            i64::try_from(now.as_ms().saturating_sub(ms)).unwrap_or(i64::MAX)
        };
        Self {
            all: ago(keep),
            pieces: ago(keep.min(PIECES)),
            keys: ago(keep.max(KEYS)),
        }
    }
}

/// The answer to a report whose key is all that is left of it: none if there is no such key.
/// `Some(None)` says that the key belongs to another report.
pub(super) fn spent(
    transaction: &Transaction<'_>,
    key: &str,
    body: &[u8],
) -> rusqlite::Result<Option<Option<String>>> {
    let known: Option<(String, String)> = transaction
        .prepare_cached("SELECT sha256, answer FROM spent_keys WHERE key = ?1")?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(known.map(|(sha256, answer)| (sha256 == Sha256::of(body).to_string()).then_some(answer)))
}

/// Forgets a part of what is too old.
pub(super) fn forget(transaction: &Transaction<'_>, before: &Before) -> rusqlite::Result<()> {
    reports(transaction, before)?;
    for (statement, before) in [
        // What a plugin or device did last, of each kind, tells how it is now.
        (
            "DELETE FROM events WHERE id IN (
                SELECT id FROM events e WHERE received_ms < ?1 AND NOT EXISTS (
                    SELECT 1 FROM tallies t WHERE t.device = e.device
                        AND t.plugin = coalesce(e.plugin, '') AND t.event = e.event
                        AND t.last = e.id)
                ORDER BY received_ms LIMIT ?2)",
            before.all,
        ),
        (
            "DELETE FROM session_states WHERE (device, session, from_ms) IN (
                SELECT p.device, p.session, p.from_ms FROM sessions s
                JOIN session_states p ON p.device = s.device AND p.session = s.session
                WHERE s.received_ms < ?1 AND s.closed_ms IS NOT NULL LIMIT ?2)",
            before.all,
        ),
        (
            "DELETE FROM sessions WHERE (device, session) IN (
                SELECT device, session FROM sessions s
                WHERE received_ms < ?1 AND closed_ms IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM session_states p
                    WHERE p.device = s.device AND p.session = s.session)
                ORDER BY received_ms LIMIT ?2)",
            before.all,
        ),
        // A session that sends nothing more has no next file that would go on there.
        (
            "DELETE FROM usage_ends WHERE at_ms < ?1 AND ?2 > 0",
            before.pieces,
        ),
        (
            "DELETE FROM usage WHERE (device, session, grain, from_ms, application) IN (
                SELECT device, session, grain, from_ms, application FROM usage
                WHERE grain = 'piece' AND received_ms < ?1 ORDER BY received_ms LIMIT ?2)",
            before.pieces,
        ),
        (
            "DELETE FROM usage WHERE (device, session, grain, from_ms, application) IN (
                SELECT device, session, grain, from_ms, application FROM usage
                WHERE grain = 'half-hour' AND received_ms < ?1 ORDER BY received_ms LIMIT ?2)",
            before.all,
        ),
        (
            "DELETE FROM flawed_files WHERE id IN (
                SELECT id FROM flawed_files WHERE received_ms < ?1
                ORDER BY received_ms LIMIT ?2)",
            before.all,
        ),
        // Their keys are kept as those of all else.
        (
            "UPDATE files SET body = x'' WHERE id IN (
                SELECT id FROM files WHERE received_ms < ?1 AND body <> x''
                ORDER BY received_ms LIMIT ?2)",
            before.all,
        ),
        (
            "DELETE FROM files WHERE id IN (
                SELECT id FROM files WHERE received_ms < ?1
                ORDER BY received_ms LIMIT ?2)",
            before.keys,
        ),
        (
            "DELETE FROM event_posts WHERE key IN (
                SELECT key FROM event_posts WHERE received_ms < ?1
                ORDER BY received_ms LIMIT ?2)",
            before.keys,
        ),
        (
            "DELETE FROM spent_keys WHERE key IN (
                SELECT key FROM spent_keys WHERE received_ms < ?1
                ORDER BY received_ms LIMIT ?2)",
            before.keys,
        ),
    ] {
        transaction
            .prepare_cached(statement)?
            .execute(params![before, MOST])?;
    }
    Ok(())
}

/// Reports and what they changed, but for the last full one of each plugin, without which
/// those after it can't be read.
fn reports(transaction: &Transaction<'_>, before: &Before) -> rusqlite::Result<()> {
    let mut old = transaction.prepare_cached(
        "SELECT id, device, plugin FROM reports WHERE received_ms < ?1
         ORDER BY received_ms LIMIT ?2",
    )?;
    // Those that stay come first in every run; they are as many as plugins of devices.
    let streams: i64 = transaction
        .prepare_cached("SELECT count(*) FROM streams")?
        .query_row([], |row| row.get(0))?;
    let old = old
        .query_map(params![before.all, MOST.saturating_add(streams)], |row| {
            Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
        })?
        .collect::<rusqlite::Result<Vec<(i64, (String, String))>>>()?;
    let mut last_full: HashMap<(String, String), Option<i64>> = HashMap::new();
    for (id, stream) in old {
        let kept = match last_full.get(&stream) {
            Some(kept) => *kept,
            None => {
                let kept = full_report(transaction, &stream)?;
                *last_full.entry(stream).or_insert(kept)
            }
        };
        if kept != Some(id) {
            report(transaction, id, before)?;
        }
    }
    Ok(())
}

fn full_report(
    transaction: &Transaction<'_>,
    (device, plugin): &(String, String),
) -> rusqlite::Result<Option<i64>> {
    transaction
        .prepare_cached(
            "SELECT max(id) FROM reports WHERE device = ?1 AND plugin = ?2 AND kind = 'full'",
        )?
        .query_row([device, plugin], |row| row.get(0))
}

fn report(transaction: &Transaction<'_>, id: i64, before: &Before) -> rusqlite::Result<()> {
    let (key, answer, received_ms, body): (String, String, i64, Vec<u8>) = transaction
        .prepare_cached("SELECT key, answer, received_ms, body FROM reports WHERE id = ?1")?
        .query_row([id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    if received_ms >= before.keys {
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO spent_keys (key, sha256, answer, received_ms)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                key,
                Sha256::of(&body).to_string(),
                answer,
                received_ms
            ])?;
    }
    for statement in [
        "DELETE FROM changes WHERE report = ?1",
        "DELETE FROM collection_changes WHERE report = ?1",
        "DELETE FROM change_sets WHERE report = ?1",
        "DELETE FROM reports WHERE id = ?1",
    ] {
        transaction.prepare_cached(statement)?.execute([id])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
