//! What a report changed, in words.

use maud::{Markup, html};

use super::{
    value::{grouped, kept, privacy, shown},
    words::{count, inline, title},
};
use crate::store::view::{Against, Change, ChangeSet, RowChange, Side};

/// What a report changed, in one line.
pub(crate) fn summary(set: &ChangeSet) -> String {
    match set.against {
        Against::Nothing => format!("First report: {}", count(set.added, "item")),
        Against::OtherSchema => format!(
            "Reports other columns since this version: {} in all",
            count(set.added, "item")
        ),
        Against::Last => {
            let parts = [
                (set.added, "added"),
                (set.changed, "changed"),
                (set.removed, "removed"),
            ];
            let parts = parts.into_iter().filter(|(number, _)| *number > 0);
            let parts: Vec<_> = parts
                .enumerate()
                .map(|(place, (number, verb))| match place {
                    0 => format!("{} {verb}", count(number, "item")),
                    _ => format!("{number} {verb}"),
                })
                .collect();
            parts.join(", ")
        }
    }
}

/// What a report changed, by its first line.
pub(crate) fn headline(set: &ChangeSet, first: Option<&Change>) -> String {
    let Some(first) = first else {
        return summary(set);
    };
    let named = match first.row.is_empty() {
        true => title(&first.collection),
        false => format!("{} {}", title(&first.collection), shown(&first.row)),
    };
    let told = match (first.changed, &first.side) {
        (RowChange::Added, _) => format!("{named} added"),
        (RowChange::Removed, _) => format!("{named} removed"),
        (RowChange::Edited, None) => format!("{named} changed"),
        (RowChange::Edited, Some(side)) => format!("{named}: {} changed", inline(&side.field)),
    };
    match set.added + set.changed + set.removed {
        ..2 => told,
        all => format!("{told}, and {} more", grouped(&(all - 1).to_string())),
    }
}

/// The lines of one report, those of a row together.
pub(crate) fn lines(changes: &[Change]) -> Markup {
    let rows = changes
        .chunk_by(|a, b| (a.changed, &a.collection, &a.row) == (b.changed, &b.collection, &b.row));
    html! {
        ul.changes { @for row in rows { @if let Some(first) = row.first() { (line(first, row)) } } }
    }
}

fn line(first: &Change, row: &[Change]) -> Markup {
    let (class, verb) = match first.changed {
        RowChange::Added => ("added", "Added"),
        RowChange::Edited => ("changed", "Changed"),
        RowChange::Removed => ("removed", "Removed"),
    };
    let sides = || row.iter().filter_map(|change| change.side.as_ref());
    html! {
        li.(class) {
            span.verb { (verb) }
            div {
                span.quiet { (title(&first.collection)) " " }
                strong { (shown(&first.row)) }
                @if !first.row.is_empty() { (privacy(first.row_privacy)) }
                @match first.changed {
                    RowChange::Edited => { @for it in sides() { div.field { (from_to(it)) } } }
                    RowChange::Added => (values(&mut sides().map(|it| (it, &it.new)))),
                    RowChange::Removed => (values(&mut sides().map(|it| (it, &it.old)))),
                }
            }
        }
    }
}

fn from_to(side: &Side) -> Markup {
    html! {
        span.name { (title(&side.field)) (privacy(side.privacy)) ": " }
        span.old { (kept(side.kind, &side.unit, side.old.as_deref())) }
        span.arrow { span aria-hidden="true" { " → " } span.unseen { " is now " } }
        span.new { (kept(side.kind, &side.unit, side.new.as_deref())) }
    }
}

fn values<'a>(sides: &mut dyn Iterator<Item = (&'a Side, &'a Option<String>)>) -> Markup {
    html! {
        div.field {
            @for (place, (side, value)) in sides.enumerate() {
                @if place > 0 { ", " }
                span.name { (inline(&side.field)) (privacy(side.privacy)) " " }
                (kept(side.kind, &side.unit, value.as_deref()))
            }
        }
    }
}
