//! What happened on devices.

use std::collections::BTreeSet;

use rusqlite::{Row, named_params};
use serde_json::Value;

use super::{Page, StoreError, View};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Happened {
    pub(crate) id: i64,
    pub(crate) device: String,
    pub(crate) plugin: Option<String>,
    pub(crate) event: String,
    /// By the device's clock.
    pub(crate) at_ms: i64,
    pub(crate) words: String,
    pub(crate) body: Value,
}

/// The last event of its kind of a plugin on a device, and how often there was one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Latest {
    pub(crate) happened: Happened,
    pub(crate) count: i64,
}

/// Most kinds of events of a device that are looked at: 20 for each of 100 plugins.
const KINDS: u32 = 2_000;

impl View {
    /// The events of a device, the last first; those before `before`, if that is given. What
    /// plugins have used is told every hour and shown with each plugin: not here.
    pub(crate) fn events(
        &self,
        device: &str,
        before: Option<i64>,
        length: u32,
    ) -> Result<Page<Happened>, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT * FROM events
             WHERE device = :device AND id < :before AND event <> 'plugin-status'
             ORDER BY id DESC LIMIT :limit",
        )?;
        let rows = statement.query_map(
            named_params! {
                ":device": device,
                ":before": before.unwrap_or(i64::MAX),
                ":limit": length + 1,
            },
            happened,
        )?;
        Ok(Page::cut(rows.collect::<Result<_, _>>()?, length as usize))
    }

    /// The last event of each kind and plugin of a device, in the order in which they came.
    pub(crate) fn latest(&self, device: &str) -> Result<Vec<Latest>, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT e.*, t.count FROM tallies t JOIN events e ON e.id = t.last
             WHERE t.device = ?1 ORDER BY e.id LIMIT ?2",
        )?;
        let rows = statement.query_map((device, KINDS), latest)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Devices with an event of one of these kinds, the last one first.
    pub(crate) fn devices_with(
        &self,
        kinds: &[&str],
        length: u32,
    ) -> Result<Page<String>, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT device, last FROM tallies WHERE event = ?1 ORDER BY last DESC LIMIT ?2",
        )?;
        let mut found: Vec<(i64, String)> = Vec::new();
        for kind in kinds {
            let rows = statement.query_map((kind, length + 1), |row| {
                Ok((row.get("last")?, row.get("device")?))
            })?;
            found.extend(rows.collect::<Result<Vec<_>, _>>()?);
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        let mut seen = BTreeSet::new();
        found.retain(|(_, device)| seen.insert(device.clone()));
        let devices = found.into_iter().map(|(_, device)| device);
        Ok(Page::cut(devices.collect(), length as usize))
    }
}

pub(super) fn latest(row: &Row<'_>) -> rusqlite::Result<Latest> {
    Ok(Latest {
        happened: happened(row)?,
        count: row.get("count")?,
    })
}

fn happened(row: &Row<'_>) -> rusqlite::Result<Happened> {
    let body: String = row.get("body")?;
    Ok(Happened {
        id: row.get("id")?,
        device: row.get("device")?,
        plugin: row.get("plugin")?,
        event: row.get("event")?,
        at_ms: row.get("at_ms")?,
        words: row.get("words")?,
        body: serde_json::from_str(&body).unwrap_or(Value::Null),
    })
}
