//! What all sessions of a device used in one stretch of time.

use rusqlite::named_params;

use super::{Grain, StoreError, View, usage::LONGEST_MS};

/// What one application used in one session, or all of its applications together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) session: String,
    /// None for the sum of all.
    pub(crate) application: Option<String>,
    /// How long it was looked at.
    pub(crate) ms: i64,
    pub(crate) cpu_us: i64,
    /// Memory times how long it was held.
    pub(crate) memory_kib_ms: i64,
}

/// Most rows that are read: a busy server's sessions with the applications that count in each.
const MOST: i64 = 40_000;

impl View {
    /// What was used from `from_ms` to `to_ms`, of each session that was open then; what began
    /// before and lasts into it is with it, whole.
    pub(crate) fn uses(
        &self,
        device: &str,
        grain: Grain,
        (from_ms, to_ms): (i64, i64),
    ) -> Result<Vec<Use>, StoreError> {
        // Session by session, each a stretch of the key of `usage`.
        let mut statement = self.0.prepare_cached(
            "SELECT u.session, u.application, sum(u.ms) AS ms, sum(u.cpu_us) AS cpu_us,
                sum(u.memory_kib_ms) AS memory_kib_ms
             FROM sessions s CROSS JOIN usage u
                ON u.device = s.device AND u.session = s.session AND u.grain = :grain
                AND u.from_ms > :before AND u.from_ms < :to AND u.from_ms + u.ms > :from
             WHERE s.device = :device AND (s.closed_ms IS NULL OR s.closed_ms > :from)
             GROUP BY u.session, u.application LIMIT :most",
        )?;
        let rows = statement.query_map(
            named_params! {
                ":device": device,
                ":grain": grain.name(),
                ":before": from_ms.saturating_sub(LONGEST_MS),
                ":from": from_ms,
                ":to": to_ms,
                ":most": MOST,
            },
            |row| {
                let application: String = row.get("application")?;
                Ok(Use {
                    session: row.get("session")?,
                    application: (!application.is_empty()).then_some(application),
                    ms: row.get("ms")?,
                    cpu_us: row.get("cpu_us")?,
                    memory_kib_ms: row.get("memory_kib_ms")?,
                })
            },
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When the last file about a session of a device ended.
    pub(crate) fn used_until(&self, device: &str) -> Result<Option<i64>, StoreError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT max(at_ms) FROM usage_ends WHERE device = ?1")?;
        Ok(statement.query_row([device], |row| row.get(0))?)
    }
}
