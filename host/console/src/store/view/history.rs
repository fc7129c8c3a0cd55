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

impl View {
    /// The reports of a device that changed something, the last first; those of `plugin`
    /// and those before `before`, if they are given.
    pub(crate) fn change_sets(
        &self,
        device: &str,
        plugin: Option<&str>,
        before: Option<i64>,
        length: u32,
    ) -> Result<Page<ChangeSet>, StoreError> {
        let of_plugin = match plugin {
            Some(_) => "AND plugin = :plugin",
            None => "AND :plugin IS NULL",
        };
        let mut statement = self.0.prepare_cached(&format!(
            "SELECT * FROM change_sets
             WHERE device = :device {of_plugin} AND report < :before
             ORDER BY report DESC LIMIT :limit",
        ))?;
        let rows = statement.query_map(
            named_params! {
                ":device": device,
                ":plugin": plugin,
                ":before": before.unwrap_or(i64::MAX),
                ":limit": length + 1,
            },
            change_set,
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
