//! What of persons leaves a device through a plugin: which columns its reports have, how much
//! of such values its policy lets it see, and why.

use std::collections::BTreeMap;

use bailiwick_report::schema::Privacy;
use maud::{Markup, html};

use super::super::Known;
use crate::{
    page::render::{
        value::{privacy, shown},
        words::{inline, title},
    },
    store::{StoreError, view::View},
};

/// A column of reports that tells of a person or identifies the device.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Column {
    collection: String,
    field: String,
    class: Privacy,
}

/// By plugin, as the schemas of their last reports say.
pub(super) type Columns = BTreeMap<String, Vec<Column>>;

pub(super) fn columns(view: &View, known: &Known) -> Result<Columns, StoreError> {
    let mut columns = Columns::new();
    for installed in &known.installed {
        let stream = view.stream(&known.device.device, &installed.plugin)?;
        let Some(stream) = stream else { continue };
        let collections = stream.snapshot().schema().collections();
        let told = collections.iter().flat_map(|collection| {
            let fields = collection.fields().iter();
            let fields = fields.filter(|field| field.privacy() != Privacy::None);
            fields.map(|field| Column {
                collection: collection.name().to_owned(),
                field: field.name().to_owned(),
                class: field.privacy(),
            })
        });
        columns.insert(installed.plugin.clone(), told.collect());
    }
    Ok(columns)
}

/// `grants` are the lines of the event `granted`: a capability, ` with ` the fields of persons
/// and of the device that it gives and how, and after a colon why.
pub(super) fn persons(columns: Option<&Vec<Column>>, grants: &[&str]) -> Markup {
    let seen: Vec<_> = grants
        .iter()
        .filter_map(|grant| {
            let (what, why) = grant.split_once(": ")?;
            let (capability, fields) = what.split_once(" with ")?;
            Some((capability, fields, why))
        })
        .collect();
    html! {
        h3 { "What of persons leaves the device" }
        @match columns {
            None => p.quiet { "It has sent no report of which the columns could be told." },
            Some(columns) if columns.is_empty() => p.quiet { "No column of its reports tells of a person or identifies the device." },
            Some(columns) => ul.tags {
                @for it in columns { li { (title(&it.collection)) ": " (inline(&it.field)) " " (privacy(it.class)) } }
            },
        }
        @if seen.is_empty() {
            p.quiet { "No grant lets it see names of users, command lines, places of sessions, the host name or addresses." }
        } @else {
            ul.grants {
                @for (capability, fields, why) in seen {
                    li { "Of " (shown(capability)) " it sees " strong { (shown(fields)) } ": " (shown(why)) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_redactions_and_reasons_are_told() {
        let column = |field: &str, class| Column {
            collection: "process".to_owned(),
            field: field.to_owned(),
            class,
        };
        let columns = vec![
            column("user-name", Privacy::Personal),
            column("serial", Privacy::Device),
        ];
        let grants = [
            "log: Tells of errors with a word: \"x\".",
            "processes with user hashed and command-line cut to 64 characters: Says <whose> they are.",
        ];
        let told = persons(Some(&columns), &grants).into_string();
        assert!(told.contains("Process: user name <span"), "{told}");
        assert!(told.contains(">personal</span>") && told.contains(">identifying</span>"));
        assert!(
            told.contains(
                "Of processes it sees <strong>user hashed and command-line cut to 64 \
                 characters</strong>: Says &lt;whose&gt; they are."
            ),
            "{told}"
        );
        assert_eq!(told.matches("it sees").count(), 1, "{told}");
    }

    #[test]
    fn that_there_is_nothing_is_told_too() {
        let told = persons(Some(&Vec::new()), &["log: Tells of errors."]).into_string();
        assert!(
            told.contains("No column") && told.contains("No grant"),
            "{told}"
        );
        let told = persons(None, &[]).into_string();
        assert!(told.contains("no report"), "{told}");
    }
}
