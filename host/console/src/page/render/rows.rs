//! Rows of a collection.

use bailiwick_report::{
    rows::Row,
    schema::{Collection, Field},
};
use maud::{Markup, html};

use super::{
    value::{privacy, privacy_word, value},
    words::title,
};

/// One row as a list of what it says, several as a table.
pub(crate) fn rows(shape: &Collection, rows: &[Row<'_>]) -> Markup {
    if shape.key_fields() == 0
        && let Some(only) = rows.first()
    {
        return html! {
            dl.facts {
                @for (field, it) in shape.fields().iter().zip(only.values()) {
                    div { dt { (heading(field)) } dd { (value(field, it)) } }
                }
            }
        };
    }
    html! {
        div.scroll tabindex="0" role="region" aria-label=(title(shape.name())) {
            table.stack {
                thead { tr { @for field in shape.fields() { th scope="col" { (heading(field)) } } } }
                tbody { @for row in rows { (line(shape, *row)) } }
            }
        }
    }
}

fn line(shape: &Collection, row: Row<'_>) -> Markup {
    html! {
        tr {
            @for (place, (field, it)) in shape.fields().iter().zip(row.values()).enumerate() {
                @let label = title(field.name());
                // On a phone the headings of columns are not seen: each cell has its own.
                @let class = privacy_word(field.privacy());
                @if place == 0 { th scope="row" data-label=(label) data-privacy=[class] { (value(field, it)) } }
                @else { td data-label=(label) data-privacy=[class] { (value(field, it)) } }
            }
        }
    }
}

fn heading(field: &Field) -> Markup {
    html! { (title(field.name())) (privacy(field.privacy())) }
}
