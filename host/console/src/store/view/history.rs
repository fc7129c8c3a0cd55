//! What reports changed.

use bailiwick_report::schema::{Kind, Privacy};
use rusqlite::{OptionalExtension as _, Row, named_params};

use super::{
    super::changes::{kind_named, privacy_named},
    Page, StoreError, View,
};

/// What a report was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    /// It was the first.
    Nothing,
    /// The report before it has other columns.
    OtherSchema,
    /// The report before it.
    Last,
}

/// What one report changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChangeSet {
    pub(crate) report: i64,
    pub(crate) plugin: String,
    pub(crate) version: String,
    /// By the device's clock.
    pub(crate) taken_ms: i64,
    pub(crate) against: Against,
    pub(crate) added: i64,
    pub(crate) changed: i64,
    pub(crate) removed: i64,
}

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowChange {
    Added,
    Edited,
    Removed,
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) field: String,
    pub(crate) kind: Kind,
    pub(crate) unit: String,
    pub(crate) privacy: Privacy,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
}

/// One line of what a report changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) place: i64,
    pub(crate) changed: RowChange,
    pub(crate) collection: String,
    /// The values that name the row.
    pub(crate) row: String,
    pub(crate) row_privacy: Privacy,
    /// None where the row is nothing but its name.
    pub(crate) side: Option<Side>,
}

/// Which changes are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WantedChanges {
    /// Of this plugin.
    pub(crate) plugin: Option<String>,
    /// Of this collection of that plugin.
    pub(crate) collection: Option<String>,
    /// With this in what names the row, the field or one of the values; empty for all.
    pub(crate) search: String,
}

/// Most collections of a device that are told apart.
const COLLECTIONS: u32 = 500;

impl View {
    /// The reports of a device that changed something, the last first; the wanted ones, and
    /// those before `before`, if that is given.
    pub(crate) fn change_sets(
        &self,
        device: &str,
        wanted: &WantedChanges,
        before: Option<i64>,
        length: u32,
    ) -> Result<Page<ChangeSet>, StoreError> {
        // Of one collection, its own part of each report counts.
        let (counts, from) = match wanted.collection {
            Some(_) => (
                "c.added AS added, c.changed AS changed, c.removed AS removed",
                "collection_changes c JOIN change_sets s ON s.report = c.report
                 WHERE c.device = :device AND c.plugin = :plugin
                    AND c.collection = :collection AND c.report < :before
                 ORDER BY c.report DESC",
            ),
            None if wanted.plugin.is_some() => (
                "s.added AS added, s.changed AS changed, s.removed AS removed",
                "change_sets s WHERE s.device = :device AND s.plugin = :plugin
                    AND :collection IS NULL AND s.report < :before ORDER BY s.report DESC",
            ),
            None => (
                "s.added AS added, s.changed AS changed, s.removed AS removed",
                "change_sets s WHERE s.device = :device AND :plugin IS NULL
                    AND :collection IS NULL AND s.report < :before ORDER BY s.report DESC",
            ),
        };
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT s.report AS report, s.plugin AS plugin, s.version AS version,
                s.taken_ms AS taken_ms, s.against AS against, {counts}
             FROM {from} LIMIT :limit",
        ))?;
        let rows = statement.query_map(
            named_params! {
                ":device": device,
                ":plugin": wanted.plugin,
                ":collection": wanted.collection,
                ":before": before.unwrap_or(i64::MAX),
                ":limit": length + 1,
            },
            change_set,
        )?;
        Ok(Page::cut(rows.collect::<Result<_, _>>()?, length as usize))
    }

    /// The plugins of a device with the collections that ever changed.
    pub(crate) fn changed_collections(
        &self,
        device: &str,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT plugin, collection FROM changed_collections WHERE device = ?1
             ORDER BY plugin, collection LIMIT ?2",
        )?;
        let rows =
            statement.query_map((device, COLLECTIONS), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The lines of a report from the first on, of the wanted collection and with what is
    /// searched for.
    pub(crate) fn changes_of(
        &self,
        report: i64,
        wanted: &WantedChanges,
        length: u32,
    ) -> Result<Page<Change>, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT * FROM changes
             WHERE report = :report AND (:collection IS NULL OR collection = :collection)
                AND (:search = '' OR instr(lower(row || char(10) || coalesce(field, '')
                    || char(10) || coalesce(old, '') || char(10) || coalesce(new, '')),
                    lower(:search)) > 0)
             ORDER BY place LIMIT :limit",
        )?;
        let rows = statement.query_map(
            named_params! {
                ":report": report,
                ":collection": wanted.collection,
                ":search": wanted.search,
                ":limit": length + 1,
            },
            change,
        )?;
        Ok(Page::cut(rows.collect::<Result<_, _>>()?, length as usize))
    }

    /// What one report of a device changed.
    pub(crate) fn change_set(
        &self,
        device: &str,
        report: i64,
    ) -> Result<Option<ChangeSet>, StoreError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT * FROM change_sets WHERE device = ?1 AND report = ?2")?;
        Ok(statement
            .query_row((device, report), change_set)
            .optional()?)
    }

    /// The lines of a report from `place` on.
    pub(crate) fn changes(
        &self,
        report: i64,
        place: i64,
        length: u32,
    ) -> Result<Page<Change>, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT * FROM changes WHERE report = ?1 AND place >= ?2 ORDER BY place LIMIT ?3",
        )?;
        let rows = statement.query_map((report, place, length + 1), change)?;
        Ok(Page::cut(rows.collect::<Result<_, _>>()?, length as usize))
    }
}

fn change_set(row: &Row<'_>) -> rusqlite::Result<ChangeSet> {
    let against: String = row.get("against")?;
    Ok(ChangeSet {
        report: row.get("report")?,
        plugin: row.get("plugin")?,
        version: row.get("version")?,
        taken_ms: row.get("taken_ms")?,
        against: match against.as_str() {
            "nothing" => Against::Nothing,
            "other-schema" => Against::OtherSchema,
            _ => Against::Last,
        },
        added: row.get("added")?,
        changed: row.get("changed")?,
        removed: row.get("removed")?,
    })
}

fn change(row: &Row<'_>) -> rusqlite::Result<Change> {
    let (changed, row_privacy): (String, String) = (row.get("change")?, row.get("row_privacy")?);
    let side = match row.get::<_, Option<String>>("field")? {
        None => None,
        Some(field) => Some(Side {
            field,
            kind: kind_named(&row.get::<_, String>("kind")?),
            unit: row.get("unit")?,
            privacy: privacy_named(&row.get::<_, String>("privacy")?),
            old: row.get("old")?,
            new: row.get("new")?,
        }),
    };
    Ok(Change {
        place: row.get("place")?,
        changed: match changed.as_str() {
            "added" => RowChange::Added,
            "removed" => RowChange::Removed,
            _ => RowChange::Edited,
        },
        collection: row.get("collection")?,
        row: row.get("row")?,
        row_privacy: privacy_named(&row_privacy),
        side,
    })
}
