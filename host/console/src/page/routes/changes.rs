//! What changed on a device, report by report.

use axum::{
    extract::{Path, Query},
    response::Html,
};
use bailiwick_core::{ids::PluginName, time::Timestamp};
use maud::{Markup, html};

use super::{Tab, devices::encoded, head, name, named};
use crate::{
    page::{
        Refusal,
        access::{Caller, Viewer},
        render::{
            Part, changes, empty, paging, time,
            value::shown,
            words::{count, title},
        },
    },
    store::{
        StoreError,
        view::{Against, Change, ChangeSet, Page, View, WantedChanges},
    },
};

/// Reports on one page.
const LENGTH: u32 = 15;
/// Lines of each that are shown there.
const SHOWN: u32 = 12;
/// Reports that are looked through for what is searched for.
const LOOKED_AT: u32 = 200;
/// Longest text that is searched for, in characters.
const SEARCH: usize = 100;
/// Lines on the page of one report.
const LINES: u32 = 200;

#[derive(serde::Deserialize)]
pub(crate) struct Asked {
    before: Option<i64>,
    /// `plugin` or `plugin/collection`; empty for all.
    #[serde(default, rename = "in")]
    within: String,
    #[serde(default)]
    q: String,
}

impl Asked {
    fn wanted(&self) -> Result<WantedChanges, Refusal> {
        let (plugin, collection) = match self.within.split_once('/') {
            Some((plugin, collection)) => (plugin, Some(collection.to_owned())),
            None => (self.within.as_str(), None),
        };
        let plugin = match plugin {
            "" => None,
            plugin => Some(plugin.parse().map_err(|_| Refusal::NotFound)?),
        };
        let plugin: Option<PluginName> = plugin;
        Ok(WantedChanges {
            plugin: plugin.map(|plugin| plugin.to_string()),
            collection,
            search: self.q.trim().chars().take(SEARCH).collect(),
        })
    }
}

/// What is shown.
struct Shown {
    wanted: WantedChanges,
    sets: Vec<(ChangeSet, Page<Change>)>,
    /// Where to go on.
    before: Option<i64>,
}

/// The wanted reports with their lines, until a page is full. Of those without a line that
/// is searched for only so many are looked through; the next page goes on after them.
fn gather(
    view: &View,
    device: &str,
    wanted: WantedChanges,
    mut before: Option<i64>,
) -> Result<Shown, StoreError> {
    let most = if wanted.search.is_empty() {
        LENGTH
    } else {
        LOOKED_AT
    };
    let page = view.change_sets(device, &wanted, before, most)?;
    let (mut sets, mut more) = (Vec::new(), page.more);
    for set in page.rows {
        if sets.len() == LENGTH as usize {
            more = true;
            break;
        }
        before = Some(set.report);
        let lines = view.changes_of(set.report, &wanted, SHOWN)?;
        if wanted.search.is_empty() || !lines.rows.is_empty() {
            sets.push((set, lines));
        }
    }
    let before = before.filter(|_| more);
    Ok(Shown {
        wanted,
        sets,
        before,
    })
}

pub(crate) async fn list(
    caller: Caller<Viewer>,
    Path(device): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let now = caller.now();
    let id = named(&device)?.to_string();
    let wanted = asked.wanted()?;
    let before = asked.before;
    let read = caller.read(move |view| {
        let Some(device) = view.device(&id)? else {
            return Ok(None);
        };
        let collections = view.changed_collections(&id)?;
        let shown = gather(view, &id, wanted, before)?;
        Ok(Some((device, collections, shown)))
    });
    let (device, collections, shown) = read.await?.ok_or(Refusal::NotFound)?;
    let base = format!("/devices/{}/changes", device.device);
    let same = format!(
        "{base}?in={}&q={}",
        encoded(&asked.within),
        encoded(&shown.wanted.search)
    );
    let older = shown.before.map(|before| format!("{same}&before={before}"));
    let all = asked.within.is_empty() && shown.wanted.search.is_empty();
    let content = html! {
        (head(&device, Tab::Changes, now))
        @if shown.sets.is_empty() && all && asked.before.is_none() { (nothing()) } @else {
            (choice(&base, &collections, &asked.within, &shown.wanted.search))
            @if shown.sets.is_empty() { (not_found(&base, older.is_some())) }
            @for (set, lines) in &shown.sets { (part(&base, set, lines, &shown.wanted, now)) }
            (paging(asked.before.map(|_| (same.as_str(), "Latest")), older.as_deref().map(|href| (href, "Earlier"))))
        }
    };
    let title = format!("Changes of {}", name(&device));
    Ok(caller.frame().part(Part::Devices).page(&title, &content))
}

/// All, one plugin or one of its tables; and what is searched for in them.
fn choice(base: &str, collections: &[(String, String)], within: &str, search: &str) -> Markup {
    let plugins = collections.chunk_by(|(one, _), (other, _)| one == other);
    let option = |value: &str, words: Markup| html! { option value=(value) selected[value == within] { (words) } };
    html! {
        form.filter role="search" method="get" action=(base) {
            div {
                label for="in" { "Changes of" }
                select #in name="in" {
                    (option("", html! { "everything" }))
                    @for of_plugin in plugins { @if let Some((plugin, _)) = of_plugin.first() {
                        optgroup label=(shown(plugin)) {
                            (option(plugin, html! { "all of " (shown(plugin)) }))
                            @for (_, collection) in of_plugin {
                                (option(&format!("{plugin}/{collection}"), html! { (title(collection)) }))
                            }
                        }
                    } }
                }
            }
            div.grow {
                label for="q" { "with this in them" }
                input #q type="search" name="q" value=(search) maxlength=(SEARCH) autocomplete="off" placeholder="a name, a field, a value";
            }
            button type="submit" { "Show" }
        }
    }
}

fn part(
    base: &str,
    set: &ChangeSet,
    lines: &Page<Change>,
    wanted: &WantedChanges,
    now: Timestamp,
) -> Markup {
    html! {
        section.card.set {
            h2 { a href={ (base) "/" (set.report) } { (changes::summary(set)) } }
            (under(set, now))
            @if !lines.rows.is_empty() { (changes::lines(&lines.rows)) }
            @if lines.more { p.more { a href={ (base) "/" (set.report) } { (if wanted.search.is_empty() { "All of it" } else { "All of this report" }) } } }
        }
    }
}

fn not_found(base: &str, more: bool) -> Markup {
    let words = html! {
        p {
            @if more { "Not among the last " (LOOKED_AT) " reports that changed something: earlier ones are looked through on the next page. " }
            @else { "No change that is kept has that. " }
            a href=(base) { "All changes" }
        }
    };
    empty("No changes found", &words)
}

fn under(set: &ChangeSet, now: Timestamp) -> Markup {
    html! {
        p.quiet { (shown(&set.plugin)) " " (shown(&set.version)) " · " (time::when(set.taken_ms, now)) }
    }
}

fn nothing() -> Markup {
    let words = html! {
        p { "The first report of a plugin will be listed here, and after it each report that changed something: what, from what, to what, and when." }
    };
    empty("No changes yet", &words)
}

#[derive(serde::Deserialize)]
pub(crate) struct From {
    #[serde(default)]
    from: i64,
}

pub(crate) async fn show(
    caller: Caller<Viewer>,
    Path((device, report)): Path<(String, i64)>,
    Query(From { from }): Query<From>,
) -> Result<Html<String>, Refusal> {
    let now = caller.now();
    let id = named(&device)?.to_string();
    let read = caller.read(move |view| {
        let (Some(device), Some(set)) = (view.device(&id)?, view.change_set(&id, report)?) else {
            return Ok(None);
        };
        Ok(Some((device, set, view.changes(report, from, LINES)?)))
    });
    let (device, set, lines) = read.await?.ok_or(Refusal::NotFound)?;
    let base = format!("/devices/{}/changes/{report}", device.device);
    let older = lines.rows.last().filter(|_| lines.more);
    let older = older.map(|last| format!("{base}?from={}", last.place + 1));
    let content = html! {
        (head(&device, Tab::Changes, now))
        section.card.set {
            h2 { (changes::summary(&set)) }
            (under(&set, now))
            @match set.against {
                Against::Last => (changes::lines(&lines.rows)),
                Against::Nothing | Against::OtherSchema => p { "There was nothing to compare it with. " a href={ "/devices/" (device.device) "/inventory" } { "What is known now" } },
            }
            @if !lines.more && is_cut(&set, &lines) {
                p.quiet { "Of a report, the first 2\u{202f}000 values are kept here. The report itself has all: " code { "bailiwick-console reports --decode" } }
            }
        }
        (paging((from > 0).then_some((base.as_str(), "Start")), older.as_deref().map(|href| (href, "More"))))
    };
    let title = format!(
        "{} of {}",
        count(set.added + set.changed + set.removed, "change"),
        name(&device)
    );
    Ok(caller.frame().part(Part::Devices).page(&title, &content))
}

/// Whether lines of the report were not kept.
fn is_cut(set: &ChangeSet, lines: &Page<Change>) -> bool {
    let last = lines.rows.last().map(|line| line.place + 1);
    set.against == Against::Last && last == Some(crate::store::view::LINES)
}
