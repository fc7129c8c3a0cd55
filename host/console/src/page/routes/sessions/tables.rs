//! What the charts draw, as tables: for who reads rather than looks.

use maud::{Markup, html};

use crate::page::render::{
    chart::{Columns, Measure, name_words, words},
    time,
    value::shown,
};

/// The chart of a measure in a sentence.
pub(super) fn sentence(columns: &Columns, measure: Measure) -> String {
    let what = match measure {
        Measure::Cpu => "Processor",
        Measure::Memory => "Memory",
    };
    let most = (0..columns.names.len())
        .filter(|name| columns.names[*name].is_some())
        .max_by(|a, b| {
            columns
                .mean(*a, measure)
                .total_cmp(&columns.mean(*b, measure))
        });
    match most {
        Some(name) => format!(
            "{what} over time, by application. Most was used by {}: {} on average, {} at most. The tables below have all figures.",
            name_words(&columns.names[name]),
            words(columns.mean(name, measure), measure),
            words(columns.highest(name, measure), measure)
        ),
        None => format!("{what} over time."),
    }
}

/// Each application over the whole time.
pub(super) fn by_application(columns: &Columns) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="By application" {
            table.stack {
                thead { tr {
                    th scope="col" { "Application" } th.figure scope="col" { "CPU time" }
                    th.figure scope="col" { "CPU" } th.figure scope="col" { "CPU, most" }
                    th.figure scope="col" { "Memory" } th.figure scope="col" { "Memory, most" }
                } }
                tbody { @for (place, name) in columns.names.iter().enumerate() { tr {
                    th scope="row" title=[name.as_deref().map(shown)] { (name_words(name)) }
                    td.figure data-label="CPU time" { (time::lasting_us(columns.cpu_us(place) as u64)) }
                    @for (measure, mean, most) in [(Measure::Cpu, "CPU", "CPU, most"), (Measure::Memory, "Memory", "Memory, most")] {
                        td.figure data-label=(mean) { (words(columns.mean(place, measure), measure)) }
                        td.figure data-label=(most) { (words(columns.highest(place, measure), measure)) }
                    }
                } } }
            }
        }
    }
}

/// One measure, column by column, the latest first.
pub(super) fn by_time(columns: &Columns, measure: Measure) -> Markup {
    let (label, title) = match measure {
        Measure::Cpu => ("Processor over time", "Processor"),
        Measure::Memory => ("Memory over time", "Memory"),
    };
    let known = (0..columns.window.columns)
        .rev()
        .filter(|column| columns.is_known(*column));
    html! {
        details {
            summary { (label) }
            div.scroll tabindex="0" role="region" aria-label=(title) {
                table {
                    thead { tr {
                        th scope="col" { "From" } th.figure scope="col" { "All" }
                        @for name in &columns.names { th.figure scope="col" { (name_words(name)) } }
                    } }
                    tbody { @for column in known { tr {
                        th scope="row" { (time::moment(columns.window.begin(column))) }
                        td.figure { (words(columns.total(column, measure), measure)) }
                        @for name in 0..columns.names.len() { td.figure { (words(columns.value(name, column, measure), measure)) } }
                    } } }
                }
            }
        }
    }
}
