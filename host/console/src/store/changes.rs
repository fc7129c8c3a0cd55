//! What a report changed, field by field with the value before: a differential report has
//! only the new ones.

use bailiwick_report::{
    diff::Diff,
    receiver::{Accepted, Stream},
    rows::{Row, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy},
};
use rusqlite::{CachedStatement, Transaction, params};

use super::derived;

/// Most lines that are kept of one report. The rest is counted, and is in the report.
pub(crate) const LINES: i64 = 2_000;
/// Longest value that is kept, in characters.
const VALUE: usize = 1_000;

/// Keeps what `accepted` changes in `known`. A report that changes nothing leaves nothing.
pub(super) fn record(
    transaction: &Transaction<'_>,
    stored: &derived::Report<'_>,
    taken_ms: i64,
    known: Option<&Stream>,
    accepted: &Accepted,
) -> rusqlite::Result<()> {
    let (old, new) = (known.map(Stream::snapshot), accepted.stream.snapshot());
    let computed;
    let diff = match (&accepted.diff, old) {
        (Some(diff), _) => Some(diff),
        // A full report: of a new run, or because the difference would be longer.
        (None, Some(old)) => {
            computed = Diff::between(old, new).ok();
            computed.as_ref()
        }
        (None, None) => None,
    };
    let against = match (old, diff) {
        (None, _) => "nothing",
        (Some(_), None) => "other-schema",
        (Some(_), Some(diff)) if diff.is_empty() => return Ok(()),
        (Some(_), Some(_)) => "last",
    };
    let (added, changed, removed) = match diff {
        Some(diff) => diff.counts(),
        None => (new.row_count(), 0, 0),
    };
    let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    transaction
        .prepare_cached(
            "INSERT INTO change_sets
                (report, device, plugin, version, taken_ms, against, added, changed, removed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            stored.id,
            stored.device,
            stored.envelope.origin.plugin(),
            stored.envelope.origin.version(),
            taken_ms,
            against,
            whole(added),
            whole(changed),
            whole(removed),
        ])?;
    by_collection(transaction, stored, new, diff)?;
    match (old, diff) {
        (Some(old), Some(diff)) => Lines::new(transaction, stored.id)?.diff(old, diff),
        _ => Ok(()),
    }
}

/// How much of each collection it changes.
fn by_collection(
    transaction: &Transaction<'_>,
    stored: &derived::Report<'_>,
    new: &Snapshot,
    diff: Option<&Diff>,
) -> rusqlite::Result<()> {
    let mut change = transaction.prepare_cached(
        "INSERT INTO collection_changes
            (device, plugin, collection, report, added, changed, removed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let mut known = transaction.prepare_cached(
        "INSERT OR IGNORE INTO changed_collections (device, plugin, collection)
         VALUES (?1, ?2, ?3)",
    )?;
    let plugin = stored.envelope.origin.plugin();
    let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    for (index, shape) in new.schema().collections().iter().enumerate() {
        let (added, changed, removed) = match diff {
            Some(diff) => (
                diff.added(index).len(),
                diff.changed(index).count(),
                diff.removed(index).len(),
            ),
            None => (new.rows(index).len(), 0, 0),
        };
        if (added, changed, removed) == (0, 0, 0) {
            continue;
        }
        change.execute(params![
            stored.device,
            plugin,
            shape.name(),
            stored.id,
            whole(added),
            whole(changed),
            whole(removed),
        ])?;
        known.execute(params![stored.device, plugin, shape.name()])?;
    }
    Ok(())
}

/// Fills both tables, which are empty, from the changes that were kept: of a report of more
/// than [`LINES`] values, and of one that was compared with nothing, that is not all.
pub(super) fn rebuild(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "INSERT INTO collection_changes
            (device, plugin, collection, report, added, changed, removed)
         SELECT s.device, s.plugin, c.collection, c.report,
            count(DISTINCT iif(c.change = 'added', c.row, NULL)),
            count(DISTINCT iif(c.change = 'changed', c.row, NULL)),
            count(DISTINCT iif(c.change = 'removed', c.row, NULL))
         FROM changes c JOIN change_sets s ON s.report = c.report
         GROUP BY c.report, c.collection;
         INSERT INTO changed_collections (device, plugin, collection)
         SELECT DISTINCT device, plugin, collection FROM collection_changes;",
    )
}

/// Which collections a report changed.
pub(super) const TABLES: &str = "
CREATE TABLE collection_changes (
    device TEXT NOT NULL,
    plugin TEXT NOT NULL,
    collection TEXT NOT NULL,
    report INTEGER NOT NULL,
    added INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    PRIMARY KEY (device, plugin, collection, report)
) STRICT, WITHOUT ROWID;
CREATE INDEX collection_changes_of_a_report ON collection_changes (report);
CREATE TABLE changed_collections (
    device TEXT NOT NULL,
    plugin TEXT NOT NULL,
    collection TEXT NOT NULL,
    PRIMARY KEY (device, plugin, collection)
) STRICT, WITHOUT ROWID;
";

struct Lines<'a> {
    insert: CachedStatement<'a>,
    report: i64,
    place: i64,
}

impl<'a> Lines<'a> {
    fn new(transaction: &'a Transaction<'_>, report: i64) -> rusqlite::Result<Self> {
        let insert = transaction.prepare_cached(
            "INSERT INTO changes
                (report, place, change, collection, row, row_privacy, field, kind, unit, privacy,
                 old, new)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        Ok(Self {
            insert,
            report,
            place: 0,
        })
    }

    fn diff(&mut self, old: &Snapshot, diff: &Diff) -> rusqlite::Result<()> {
        for (index, shape) in diff.schema().collections().iter().enumerate() {
            for row in diff.added(index) {
                self.row("added", shape, row, |value| (None, value))?;
            }
            // Both are sorted by key, so one walk over the old rows finds all of them.
            let mut olds = old.rows(index);
            for change in diff.changed(index) {
                let Some(before) = olds.find(|row| row.key().eq(change.key())) else {
                    break;
                };
                let key = key(change.key());
                for (field, value) in change.fields() {
                    let of = (shape, Some(&shape.fields()[field]));
                    self.line("changed", &key, of, before.get(field), value)?;
                }
            }
            let mut olds = old.rows(index);
            for gone in diff.removed(index) {
                let Some(before) = olds.find(|row| row.key().eq(gone.key())) else {
                    break;
                };
                self.row("removed", shape, before, |value| (value, None))?;
            }
        }
        Ok(())
    }

    /// A whole row: a line per value that is no part of the key, or one for the key alone.
    fn row<'v>(
        &mut self,
        change: &str,
        shape: &Collection,
        row: Row<'v>,
        sides: impl Fn(Option<Value<'v>>) -> (Option<Value<'v>>, Option<Value<'v>>),
    ) -> rusqlite::Result<()> {
        let key = key(row.key());
        let values = row.values().enumerate().skip(shape.key_fields());
        let mut any = false;
        for (field, value) in values.filter(|(_, value)| value.is_some()) {
            let (old, new) = sides(value);
            self.line(
                change,
                &key,
                (shape, Some(&shape.fields()[field])),
                old,
                new,
            )?;
            any = true;
        }
        if any {
            Ok(())
        } else {
            self.line(change, &key, (shape, None), None, None)
        }
    }

    fn line(
        &mut self,
        change: &str,
        key: &str,
        (shape, field): (&Collection, Option<&Field>),
        old: Option<Value<'_>>,
        new: Option<Value<'_>>,
    ) -> rusqlite::Result<()> {
        if self.place == LINES {
            return Ok(());
        }
        self.insert.execute(params![
            self.report,
            self.place,
            change,
            shape.name(),
            key,
            privacy(key_privacy(shape)),
            field.map(Field::name),
            field.map(|field| kind(field.kind())),
            field.map(Field::unit),
            field.map(|field| privacy(field.privacy())),
            old.map(plain),
            new.map(plain),
        ])?;
        self.place += 1;
        Ok(())
    }
}

/// The strictest class among the fields that name a row.
fn key_privacy(shape: &Collection) -> Privacy {
    let classes = || {
        let fields = &shape.fields()[..shape.key_fields()];
        fields.iter().map(Field::privacy)
    };
    [Privacy::Personal, Privacy::Device]
        .into_iter()
        .find(|class| classes().any(|it| it == *class))
        .unwrap_or(Privacy::None)
}

fn key<'a>(values: impl Iterator<Item = Value<'a>>) -> String {
    let texts = values.map(plain).filter(|text| !text.is_empty());
    texts.collect::<Vec<_>>().join(" · ")
}

fn plain(value: Value<'_>) -> String {
    match value {
        Value::Text(text) => text.chars().take(VALUE).collect(),
        Value::Boolean(value) => value.to_string(),
        Value::Unsigned(number) | Value::Timestamp(number) => number.to_string(),
        Value::Signed(number) => number.to_string(),
    }
}

const KINDS: [(Kind, &str); 5] = [
    (Kind::Text, "text"),
    (Kind::Boolean, "boolean"),
    (Kind::Unsigned, "unsigned"),
    (Kind::Signed, "signed"),
    (Kind::Timestamp, "timestamp"),
];
const PRIVACIES: [(Privacy, &str); 3] = [
    (Privacy::None, "none"),
    (Privacy::Device, "device"),
    (Privacy::Personal, "personal"),
];

fn kind(kind: Kind) -> &'static str {
    KINDS
        .iter()
        .find(|(it, _)| *it == kind)
        .map_or("text", |(_, name)| name)
}

fn privacy(privacy: Privacy) -> &'static str {
    PRIVACIES
        .iter()
        .find(|(it, _)| *it == privacy)
        .map_or("none", |(_, name)| name)
}

/// The kind of that name; what is none of them is shown as text.
pub(super) fn kind_named(name: &str) -> Kind {
    KINDS
        .iter()
        .find(|(_, it)| *it == name)
        .map_or(Kind::Text, |(kind, _)| *kind)
}

/// The class of that name; what is none of them is treated as personal.
pub(super) fn privacy_named(name: &str) -> Privacy {
    PRIVACIES
        .iter()
        .find(|(_, it)| *it == name)
        .map_or(Privacy::Personal, |(class, _)| *class)
}
