//! What a stored report says.

use std::fmt;

use bailiwick_report::{
    diff::Diff,
    render,
    rows::{Row, Snapshot, Value},
    schema::{Collection, Schema},
    wire::{Limits, Report},
};
use serde_json::{Map, Value as Json, json};

use crate::store::read::{Reader, StoredReport};

/// The content of a report.
pub(crate) enum Decoded {
    /// All rows.
    Full(Snapshot),
    /// The changes.
    Changes(Diff),
    /// It can't be told what it says, and why.
    Unknown(String),
}

/// Decodes a report. A differential one needs the schema of the full one before it.
pub(crate) fn decode(reader: &Reader, stored: &StoredReport) -> anyhow::Result<Decoded> {
    let report = Report::parse(&stored.body, Limits::default())?;
    if report.envelope().is_full() {
        return Ok(Decoded::Full(report.snapshot()?));
    }
    let Some(full) = reader.full_before(stored)? else {
        let reason = "the full report that it belongs to never came".to_owned();
        return Ok(Decoded::Unknown(reason));
    };
    let full = Report::parse(&full.body, Limits::default())?.snapshot()?;
    Ok(match report.diff(full.schema()) {
        Ok(diff) => Decoded::Changes(diff),
        Err(error) => Decoded::Unknown(error.to_string()),
    })
}

impl fmt::Display for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(snapshot) => render::text(snapshot).fmt(f),
            Self::Changes(diff) => match render::diff(diff).to_string().as_str() {
                "" => f.write_str("nothing changed\n"),
                text => f.write_str(text),
            },
            Self::Unknown(reason) => writeln!(f, "not decoded: {reason}"),
        }
    }
}

impl Decoded {
    /// The content for a script: `rows` as collections of rows, or `changes` as
    /// collections with `added`, `changed` and `removed`.
    pub(crate) fn json(&self) -> anyhow::Result<Json> {
        Ok(match self {
            Self::Full(snapshot) => {
                json!({ "rows": serde_json::to_value(render::Json(snapshot))? })
            }
            Self::Changes(diff) => json!({ "changes": changes(diff) }),
            Self::Unknown(reason) => json!({ "not-decoded": reason }),
        })
    }
}

fn changes(diff: &Diff) -> Json {
    let schema: &Schema = diff.schema();
    let collections = schema.collections().iter().enumerate();
    let changed =
        collections.filter_map(|(index, shape)| {
            let added: Vec<Json> = diff.added(index).map(whole).collect();
            let removed = diff.removed(index);
            let removed: Vec<Json> = removed.map(|row| key(shape, row.key())).collect();
            let changed = diff.changed(index);
            let changed: Vec<Json> = changed
            .map(|change| {
                let fields = change.fields().map(|(field, value)| {
                    (shape.fields()[field].name().to_owned(), value.map_or(Json::Null, plain))
                });
                json!({ "key": key(shape, change.key()), "fields": fields.collect::<Map<_, _>>() })
            })
            .collect();
            let any = !(added.is_empty() && changed.is_empty() && removed.is_empty());
            any.then(|| {
                let parts = json!({ "added": added, "changed": changed, "removed": removed });
                (shape.name().to_owned(), parts)
            })
        });
    Json::Object(changed.collect())
}

fn whole(row: Row<'_>) -> Json {
    let fields = row.collection().fields().iter().zip(row.values());
    let present =
        fields.filter_map(|(field, value)| Some((field.name().to_owned(), plain(value?))));
    Json::Object(present.collect())
}

fn key<'a>(shape: &Collection, values: impl Iterator<Item = Value<'a>>) -> Json {
    let fields = shape.fields().iter().zip(values);
    Json::Object(
        fields
            .map(|(field, value)| (field.name().to_owned(), plain(value)))
            .collect(),
    )
}

fn plain(value: Value<'_>) -> Json {
    match value {
        Value::Text(text) => text.into(),
        Value::Boolean(value) => value.into(),
        Value::Unsigned(number) | Value::Timestamp(number) => number.into(),
        Value::Signed(number) => number.into(),
    }
}
