//! Sessions of users.

use rusqlite::{OptionalExtension as _, Row, named_params};

use super::{Page, StoreError, View};

/// A session, open or past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// `number#generation`.
    pub(crate) session: String,
    /// A name that means something on its device alone.
    pub(crate) user: String,
    /// The user's name, where a plugin may tell it.
    pub(crate) user_name: Option<String>,
    /// From where it is used, and at which seat, terminal and display, where a plugin may tell.
    pub(crate) client: Option<String>,
    pub(crate) place: Option<String>,
    pub(crate) kind: Option<String>,
    /// Which part of the platform told of it.
    pub(crate) source: Option<String>,
    /// These times are by the device's clock.
    pub(crate) opened_ms: i64,
    pub(crate) told_ms: i64,
    pub(crate) closed_ms: Option<i64>,
    pub(crate) why: Option<String>,
    pub(crate) state: Option<String>,
    /// Since when nobody uses it.
    pub(crate) idle_since_ms: Option<i64>,
}

/// What a session did from a moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phase {
    pub(crate) from_ms: i64,
    pub(crate) state: Option<String>,
    pub(crate) idle: bool,
}

/// Most open sessions of a device that are listed: an agent tracks no more than 1,024.
const OPEN: u32 = 1_024;

const COLUMNS: &str = "s.*,
    (SELECT p.state FROM session_states p WHERE p.device = s.device AND p.session = s.session
        ORDER BY p.from_ms DESC LIMIT 1) AS state,
    (SELECT iif(p.idle, p.from_ms, NULL) FROM session_states p
        WHERE p.device = s.device AND p.session = s.session
        ORDER BY p.from_ms DESC LIMIT 1) AS idle_since_ms";

impl View {
    /// The open sessions of a device, the one that was opened last first.
    pub(crate) fn open_sessions(&self, device: &str) -> Result<Vec<Session>, StoreError> {
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM sessions s WHERE s.device = ?1 AND s.closed_ms IS NULL
             ORDER BY s.opened_ms DESC LIMIT ?2"
        ))?;
        let rows = statement.query_map((device, OPEN), session)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The past sessions of a device, the one that ended last first. `page` counts from 0:
    /// a restart ends many at the same moment, so that no moment can tell where to go on.
    pub(crate) fn past_sessions(
        &self,
        device: &str,
        page: u32,
        length: u32,
    ) -> Result<Page<Session>, StoreError> {
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM sessions s
             WHERE s.device = :device AND s.closed_ms IS NOT NULL
             ORDER BY s.closed_ms DESC, s.opened_ms DESC, s.session
             LIMIT :limit OFFSET :offset"
        ))?;
        let rows = statement.query_map(
            named_params! {
                ":device": device,
                ":limit": length + 1,
                ":offset": i64::from(page) * i64::from(length),
            },
            session,
        )?;
        Ok(Page::cut(rows.collect::<Result<_, _>>()?, length as usize))
    }

    /// Sessions of a device that ended since `since_ms`, the last first.
    pub(crate) fn sessions_closed_since(
        &self,
        device: &str,
        since_ms: i64,
    ) -> Result<Vec<Session>, StoreError> {
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM sessions s WHERE s.device = ?1 AND s.closed_ms > ?2
             ORDER BY s.closed_ms DESC LIMIT ?3"
        ))?;
        let rows = statement.query_map((device, since_ms, OPEN), session)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One session of a device.
    pub(crate) fn session(&self, device: &str, id: &str) -> Result<Option<Session>, StoreError> {
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM sessions s WHERE s.device = ?1 AND s.session = ?2"
        ))?;
        Ok(statement.query_row([device, id], session).optional()?)
    }

    /// What a session did from `from_ms` to `to_ms`, beginning with what it did before: at
    /// most `length` phases, the last ones.
    pub(crate) fn phases(
        &self,
        (device, session): (&str, &str),
        (from_ms, to_ms): (i64, i64),
        length: u32,
    ) -> Result<Vec<Phase>, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT * FROM session_states
             WHERE device = :device AND session = :session AND from_ms < :to
                AND from_ms >= coalesce((
                    SELECT max(from_ms) FROM session_states
                    WHERE device = :device AND session = :session AND from_ms <= :from), :from)
             ORDER BY from_ms DESC LIMIT :limit",
        )?;
        let rows = statement.query_map(
            named_params! {
                ":device": device, ":session": session,
                ":from": from_ms, ":to": to_ms, ":limit": length,
            },
            |row| {
                Ok(Phase {
                    from_ms: row.get("from_ms")?,
                    state: row.get("state")?,
                    idle: row.get("idle")?,
                })
            },
        )?;
        let mut phases = rows.collect::<Result<Vec<_>, _>>()?;
        phases.reverse();
        Ok(phases)
    }
}

fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        session: row.get("session")?,
        user: row.get("user")?,
        user_name: row.get("user_name")?,
        client: row.get("client")?,
        place: row.get("place")?,
        kind: row.get("kind")?,
        source: row.get("source")?,
        opened_ms: row.get("opened_ms")?,
        told_ms: row.get("told_ms")?,
        closed_ms: row.get("closed_ms")?,
        why: row.get("why")?,
        state: row.get("state")?,
        idle_since_ms: row.get("idle_since_ms")?,
    })
}
