//! Text for a terminal.

use std::fmt::{self, Display, Formatter};

use crate::{
    diff::Diff,
    rows::{Row, Snapshot, Value},
    schema::{Collection, Field},
};

/// A snapshot as lines of text: a heading per collection that has rows, a line per row.
///
/// Control characters and others that could change what a terminal shows are written as
/// escapes: the rows come from a plugin.
pub fn text(snapshot: &Snapshot) -> impl Display + '_ {
    fmt::from_fn(move |f| {
        for (index, shape) in snapshot.schema().collections().iter().enumerate() {
            let rows = snapshot.rows(index);
            heading(f, shape, rows.len())?;
            rows.into_iter().try_for_each(|row| line(f, "  ", row))?;
        }
        Ok(())
    })
}

/// A diff as lines of text: `+` added, `~` changed, `-` removed.
pub fn diff(diff: &Diff) -> impl Display + '_ {
    fmt::from_fn(move |f| {
        for (index, shape) in diff.schema().collections().iter().enumerate() {
            let (added, changed) = (diff.added(index), diff.changed(index));
            let removed = diff.removed(index);
            heading(f, shape, added.len() + changed.len() + removed.len())?;
            for row in added {
                line(f, "  + ", row)?;
            }
            for change in changed {
                f.write_str("  ~ ")?;
                let named = key(f, change.key())?;
                fields(f, named, shape, change.fields())?;
            }
            for row in removed {
                f.write_str("  - ")?;
                key(f, row.key())?;
                f.write_str("\n")?;
            }
        }
        Ok(())
    })
}

fn heading(f: &mut Formatter<'_>, shape: &Collection, rows: usize) -> fmt::Result {
    match rows {
        0 => Ok(()),
        1 => writeln!(f, "{} (1 row)", shape.name()),
        _ => writeln!(f, "{} ({rows} rows)", shape.name()),
    }
}

fn line(f: &mut Formatter<'_>, start: &str, row: Row<'_>) -> fmt::Result {
    f.write_str(start)?;
    let named = key(f, row.key())?;
    let values = row.values().enumerate().skip(row.collection().key_fields());
    fields(
        f,
        named,
        row.collection(),
        values.filter(|(_, value)| value.is_some()),
    )
}

/// Writes the values of a key; whether there are any.
fn key<'a>(
    f: &mut Formatter<'_>,
    values: impl Iterator<Item = Value<'a>>,
) -> Result<bool, fmt::Error> {
    let mut any = false;
    for value in values {
        f.write_str(if any { " / " } else { "" })?;
        plain(f, value)?;
        any = true;
    }
    Ok(any)
}

fn fields<'a>(
    f: &mut Formatter<'_>,
    mut named: bool,
    shape: &Collection,
    values: impl Iterator<Item = (usize, Option<Value<'a>>)>,
) -> fmt::Result {
    let mut separator = ": ";
    for (index, value) in values {
        let field = &shape.fields()[index];
        f.write_str(if named { separator } else { "" })?;
        (named, separator) = (true, ", ");
        write!(f, "{} ", field.name())?;
        match value {
            Some(value) => with_unit(f, field, value)?,
            None => f.write_str("absent")?,
        }
    }
    f.write_str("\n")
}

fn with_unit(f: &mut Formatter<'_>, field: &Field, value: Value<'_>) -> fmt::Result {
    plain(f, value)?;
    if field.unit().is_empty() || matches!(value, Value::Timestamp(_)) {
        return Ok(());
    }
    f.write_str(" ")?;
    escaped(f, field.unit())
}

fn plain(f: &mut Formatter<'_>, value: Value<'_>) -> fmt::Result {
    match value {
        Value::Text("") => f.write_str("\"\""),
        Value::Text(text) => escaped(f, text),
        Value::Boolean(value) => f.write_str(if value { "yes" } else { "no" }),
        Value::Unsigned(number) => write!(f, "{number}"),
        Value::Signed(number) => write!(f, "{number}"),
        Value::Timestamp(time) => timestamp(f, time),
    }
}

fn escaped(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|c| {
        if c.is_control() || is_invisible(c) {
            write!(f, "{}", c.escape_unicode())
        } else {
            write!(f, "{c}")
        }
    })
}

/// Characters that reorder or hide their neighbours: bidirectional controls, zero-width
/// ones, line and paragraph separators, the byte order mark.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Milliseconds since 1970 as `2026-11-23T11:21:47Z`, with milliseconds where they are not 0.
fn timestamp(f: &mut Formatter<'_>, time: u64) -> fmt::Result {
    let (seconds, milliseconds) = (time / 1000, time % 1000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    write!(
        f,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    )?;
    if milliseconds != 0 {
        write!(f, ".{milliseconds:03}")?;
    }
    f.write_str("Z")
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Years begin in March here, so that the leap day is the last of its year; a cycle of 400
/// years has 146,097 days.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let first = (153 * month + 2) / 5;
    let calendar = if month < 10 { month + 3 } else { month - 9 };
    (
        cycle * 400 + year + u64::from(calendar <= 2),
        calendar,
        day - first + 1,
    )
}
