//! What a device has: every collection of every plugin, as tables.

use std::sync::Arc;

use axum::{
    extract::{Path, Query},
    response::Html,
};
use bailiwick_core::ids::PluginName;
use bailiwick_report::{
    receiver::Stream,
    rows::{Row, Snapshot, Value},
    schema::{Collection, Privacy},
};
use maud::{Markup, html};

use super::{Tab, devices::encoded, head, name, named};
use crate::page::{
    Refusal,
    access::{Caller, Viewer},
    render::{
        Part, empty, paging,
        rows::rows,
        time,
        value::{grouped, privacy, shown},
        words::{count, inline, title},
    },
};

/// Rows of a collection that are shown among the others.
const SHOWN: usize = 10;
/// Rows on a collection's own page.
const LENGTH: usize = 100;
/// Longest text that is searched for, in characters.
const SEARCH: usize = 100;

#[derive(serde::Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: u16,
}

impl Asked {
    /// What is searched for, in lower case.
    fn search(&self) -> String {
        self.q
            .trim()
            .chars()
            .take(SEARCH)
            .collect::<String>()
            .to_lowercase()
    }
}

/// The state of one plugin.
struct Reported {
    plugin: String,
    stream: Stream,
}

/// A collection, and the rows of it that were searched for.
struct Shown<'a> {
    shape: &'a Collection,
    rows: Vec<Row<'a>>,
    total: usize,
    /// Path of its own page.
    path: String,
    /// Where its changes are.
    changes: String,
    id: String,
}

pub(crate) async fn show(
    caller: Caller<Viewer>,
    Path(device): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let now = caller.now();
    let id = named(&device)?.to_string();
    let read = caller.read(move |view| {
        let Some(device) = view.device(&id)? else {
            return Ok(None);
        };
        let mut reported = Vec::new();
        for installed in view.installed(&id)? {
            if let Some(stream) = view.stream(&id, &installed.plugin)? {
                reported.push(Reported {
                    plugin: installed.plugin,
                    stream,
                });
            }
        }
        Ok(Some((device, reported)))
    });
    let (device, reported) = read.await?.ok_or(Refusal::NotFound)?;
    let search = asked.search();
    let base = format!("/devices/{}/inventory", device.device);
    let collections: Vec<(&Reported, Vec<Shown<'_>>)> = reported
        .iter()
        .map(|it| (it, collections(it, (&device.device, &base), &search)))
        .collect();
    let any = collections.iter().any(|(_, shown)| !shown.is_empty());
    let content = html! {
        (head(&device, Tab::Inventory, now))
        @if reported.is_empty() { (nothing()) } @else {
            (searching(&base, &search, "all tables"))
            (legend())
            @if !any { (not_found(&base, &search)) } @else {
                (contents(&collections))
                @for (it, shown) in &collections {
                    @for one in shown { (section(it, one, &search, now)) }
                }
            }
        }
    };
    let title = format!("Inventory of {}", name(&device));
    Ok(caller.frame().part(Part::Devices).page(&title, &content))
}

/// The collections of one plugin that have rows with what is searched for.
fn collections<'a>(
    reported: &'a Reported,
    (device, base): (&str, &str),
    search: &str,
) -> Vec<Shown<'a>> {
    let snapshot = reported.stream.snapshot();
    let shapes = snapshot.schema().collections().iter().enumerate();
    let shown = shapes.map(|(index, shape)| {
        let rows = found(snapshot, index, search);
        Shown {
            shape,
            total: rows.len(),
            rows: rows.into_iter().take(SHOWN).collect(),
            path: format!("{base}/{}/{}", reported.plugin, shape.name()),
            changes: changes(device, &reported.plugin, shape.name()),
            id: format!("{}-{}", reported.plugin, shape.name()),
        }
    });
    shown.filter(|one| one.total > 0).collect()
}

/// Where the changes of a collection are.
fn changes(device: &str, plugin: &str, collection: &str) -> String {
    format!(
        "/devices/{device}/changes?in={plugin}%2F{}",
        encoded(collection)
    )
}

/// The rows of a collection in which `search` is; all without one.
fn found<'a>(snapshot: &'a Snapshot, index: usize, search: &str) -> Vec<Row<'a>> {
    let rows = snapshot.rows(index);
    if search.is_empty() {
        return rows.collect();
    }
    rows.filter(|row| row.values().flatten().any(|value| has(value, search)))
        .collect()
}

fn has(value: Value<'_>, search: &str) -> bool {
    match value {
        Value::Text(text) => text.to_lowercase().contains(search),
        Value::Unsigned(number) => number.to_string() == search,
        Value::Signed(number) => number.to_string() == search,
        Value::Boolean(_) | Value::Timestamp(_) => false,
    }
}

fn searching(action: &str, search: &str, within: &str) -> Markup {
    html! {
        form.search role="search" method="get" action=(action) {
            label for="q" { "Find in " (within) }
            div.row {
                input #q type="search" name="q" value=(search) maxlength=(SEARCH) autocomplete="off";
                button type="submit" { "Find" }
            }
        }
    }
}

fn legend() -> Markup {
    html! {
        p.legend.quiet {
            (privacy(Privacy::Personal)) " is, or can be traced to, a person. "
            (privacy(Privacy::Device)) " tells this device from others."
        }
    }
}

fn contents(collections: &[(&Reported, Vec<Shown<'_>>)]) -> Markup {
    html! {
        nav.contents aria-label="Tables" {
            ul {
                @for one in collections.iter().flat_map(|(_, shown)| shown) {
                    li { a href={ "#" (one.id) } { (title(one.shape.name())) @if one.total > 1 { " " span.quiet { (grouped(&one.total.to_string())) } } } }
                }
            }
        }
    }
}

fn section(
    reported: &Reported,
    one: &Shown<'_>,
    search: &str,
    now: bailiwick_core::time::Timestamp,
) -> Markup {
    let taken = i64::try_from(reported.stream.taken_at()).unwrap_or(i64::MAX);
    html! {
        section.card.collection id=(one.id) {
            h2 { (title(one.shape.name())) }
            p.quiet {
                @if one.total > 1 { (count(i64::try_from(one.total).unwrap_or(i64::MAX), "row")) " · " }
                "from " (shown(&reported.plugin)) ", " (time::since(taken, now))
            }
            (rows(one.shape, &one.rows))
            p.more { a href={ (one.changes) } { "Changes of " (inline(one.shape.name())) } }
            @if one.total > one.rows.len() {
                p.more { a href={ (one.path) @if !search.is_empty() { "?q=" (encoded(search)) } } {
                    "All " (grouped(&one.total.to_string())) " rows of " (title(one.shape.name()))
                } }
            }
        }
    }
}

pub(crate) async fn collection(
    caller: Caller<Viewer>,
    Path((device, plugin, collection)): Path<(String, String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let now = caller.now();
    let id = named(&device)?.to_string();
    let plugin: PluginName = plugin.parse().map_err(|_| Refusal::NotFound)?;
    let read = caller.read(move |view| {
        let Some(device) = view.device(&id)? else {
            return Ok(None);
        };
        let stream = view.stream(&id, plugin.as_str())?;
        Ok(stream.map(|stream| (device, plugin, stream)))
    });
    let (device, plugin, stream) = read.await?.ok_or(Refusal::NotFound)?;
    let snapshot = stream.snapshot();
    let schema = Arc::clone(snapshot.schema());
    let index = schema.position(&collection).ok_or(Refusal::NotFound)?;
    let shape = &schema.collections()[index];
    let search = asked.search();
    let all = found(snapshot, index, &search);
    let start = usize::from(asked.page) * LENGTH;
    let page: Vec<Row<'_>> = all.iter().skip(start).take(LENGTH).copied().collect();
    let base = format!("/devices/{}/inventory", device.device);
    let own = format!("{base}/{plugin}/{collection}");
    let to = |page: u16| format!("{own}?q={}&page={page}", encoded(&search));
    let before = asked.page.checked_sub(1).map(to);
    let after = (start + LENGTH < all.len()).then(|| to(asked.page.saturating_add(1)));
    let content = html! {
        (head(&device, Tab::Inventory, now))
        p.crumbs { a href=(base) { "All tables" } }
        (searching(&own, &search, &title(&collection)))
        section.card.collection {
            h2 { (title(&collection)) }
            p.quiet {
                (range(start, page.len(), all.len())) " · from " (plugin) ", "
                (time::since(i64::try_from(stream.taken_at()).unwrap_or(i64::MAX), now)) " · "
                a href=(changes(&device.device, plugin.as_str(), &collection)) { "Changes of " (inline(&collection)) }
            }
            @if page.is_empty() { p { "No row has that in it. " a href=(own) { "All rows" } } }
            @else { (rows(shape, &page)) }
        }
        (paging(before.as_deref().map(|href| (href, "Back")), after.as_deref().map(|href| (href, "More"))))
    };
    let title = format!("{} of {}", title(&collection), name(&device));
    Ok(caller.frame().part(Part::Devices).page(&title, &content))
}

fn range(start: usize, length: usize, total: usize) -> String {
    let total_words = grouped(&total.to_string());
    if length == 0 || length == total {
        return count(i64::try_from(total).unwrap_or(i64::MAX), "row");
    }
    format!("rows {} to {} of {total_words}", start + 1, start + length)
}

fn not_found(base: &str, search: &str) -> Markup {
    let words = html! {
        p {
            @if search.is_empty() { "The plugins of this device reported no rows. " }
            @else { "Nothing on this device has “" (shown(search)) "” in it. " a href=(base) { "The whole inventory" } }
        }
    };
    empty("Nothing found", &words)
}

fn nothing() -> Markup {
    let words = html! {
        p { "No plugin has reported from this device yet. A collector reports when it starts and then as often as its policy says; " code { "bailiwick status" } " on the device tells how it goes." }
    };
    empty("No inventory yet", &words)
}
