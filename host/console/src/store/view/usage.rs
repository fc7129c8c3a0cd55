//! What was used in sessions.

use rusqlite::{OptionalExtension as _, named_params};

use super::{StoreError, View};

/// What one application used, or all together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    /// By the device's clock.
    pub(crate) from_ms: i64,
    /// How long it was looked at.
    pub(crate) ms: i64,
    /// None for the sum of all.
    pub(crate) application: Option<String>,
    pub(crate) cpu_us: i64,
    /// Memory times how long it was held.
    pub(crate) memory_kib_ms: i64,
}

/// How fine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grain {
    /// As the files were cut: some seconds to a minute each.
    Piece,
    HalfHour,
}

impl Grain {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Piece => "piece",
            Self::HalfHour => "half-hour",
        }
    }
}

/// A file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlawedFile {
    pub(crate) plugin: String,
    pub(crate) received_ms: i64,
    pub(crate) reason: String,
}

/// What began before a time and lasts into it is no longer than that.
pub(super) const LONGEST_MS: i64 = 30 * 60 * 1000;

/// Most rows that are read at once: a day of minutes with nine applications each.
const MOST: usize = 15_000;

/// What was used, and whether that is all.
#[derive(Debug)]
pub(crate) struct Usage {
    pub(crate) rows: Vec<Used>,
    pub(crate) cut: bool,
}

impl View {
    /// What was used in a session from `from_ms` to `to_ms`, the earliest first; what began
    /// before and lasts into it is with it.
    pub(crate) fn usage(
        &self,
        (device, session): (&str, &str),
        grain: Grain,
        (from_ms, to_ms): (i64, i64),
    ) -> Result<Usage, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT * FROM usage
             WHERE device = :device AND session = :session AND grain = :grain
                AND from_ms > :from AND from_ms < :to
             ORDER BY from_ms DESC, application LIMIT :limit",
        )?;
        let rows = statement.query_map(
            named_params! {
                ":device": device,
                ":session": session,
                ":grain": grain.name(),
                ":from": from_ms.saturating_sub(LONGEST_MS),
                ":to": to_ms,
                ":limit": MOST as i64 + 1,
            },
            |row| {
                let application: String = row.get("application")?;
                Ok(Used {
                    from_ms: row.get("from_ms")?,
                    ms: row.get("ms")?,
                    application: (!application.is_empty()).then_some(application),
                    cpu_us: row.get("cpu_us")?,
                    memory_kib_ms: row.get("memory_kib_ms")?,
                })
            },
        )?;
        let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
        let cut = rows.len() > MOST;
        if cut {
            // Of the earliest moment some rows may be missing: it goes as a whole.
            let earliest = rows.last().map(|row| row.from_ms);
            rows.retain(|row| Some(row.from_ms) != earliest);
        }
        rows.reverse();
        Ok(Usage { rows, cut })
    }

    /// From when to when there is something, of a session.
    pub(crate) fn usage_span(
        &self,
        device: &str,
        session: &str,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        // Two look-ups in the index; one query for both would read all rows.
        let ends = |order: &str| {
            let mut statement = self.0.prepare_cached(&format!(
                "SELECT from_ms, ms FROM usage
                 WHERE device = ?1 AND session = ?2 AND grain = 'piece'
                 ORDER BY from_ms {order} LIMIT 1"
            ))?;
            let row = statement.query_row([device, session], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            });
            Ok::<_, StoreError>(row.optional()?)
        };
        Ok(match (ends("ASC")?, ends("DESC")?) {
            (Some((first, _)), Some((last, ms))) => Some((first, last.saturating_add(ms))),
            _ => None,
        })
    }

    /// The last files of a device that could not be read, and how many there are.
    pub(crate) fn flawed_files(
        &self,
        device: &str,
        length: u32,
    ) -> Result<(Vec<FlawedFile>, i64), StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT plugin, received_ms, reason FROM flawed_files
             WHERE device = ?1 ORDER BY id DESC LIMIT ?2",
        )?;
        let rows = statement.query_map((device, length), |row| {
            Ok(FlawedFile {
                plugin: row.get("plugin")?,
                received_ms: row.get("received_ms")?,
                reason: row.get("reason")?,
            })
        })?;
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let mut count = self
            .0
            .prepare_cached("SELECT count(*) FROM flawed_files WHERE device = ?1")?;
        Ok((rows, count.query_row([device], |row| row.get(0))?))
    }
}
