//! What changed on a device, report by report.

use axum::{
    extract::{Path, Query},
    response::Html,
};
use bailiwick_core::{ids::PluginName, time::Timestamp};
use maud::{Markup, html};

use super::{Tab, head, name, named};
use crate::{
    page::{
        Refusal,
        access::{Caller, Viewer},
        render::{Part, changes, empty, paging, time, value::shown, words::count},
    },
    store::view::{Against, Change, ChangeSet, Installed, Page},
};

/// Reports on one page.
const LENGTH: u32 = 15;
/// Lines of each that are shown there.
const SHOWN: u32 = 12;
/// Lines on the page of one report.
const LINES: u32 = 200;

#[derive(serde::Deserialize)]
pub(crate) struct Asked {
    before: Option<i64>,
    plugin: Option<PluginName>,
}

pub(crate) async fn list(
    caller: Caller<Viewer>,
    Path(device): Path<String>,
    Query(Asked { before, plugin }): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let now = caller.now();
    let id = named(&device)?.to_string();
    let only = plugin.as_ref().map(ToString::to_string);
    let read = caller.read(move |view| {
        let Some(device) = view.device(&id)? else {
            return Ok(None);
        };
        let plugins = view.installed(&id)?;
        let sets = view.change_sets(&id, only.as_deref(), before, LENGTH)?;
        let mut shown = Vec::with_capacity(sets.rows.len());
        for set in sets.rows {
            let lines = view.changes(set.report, 0, SHOWN)?;
            shown.push((set, lines));
        }
        Ok(Some((device, plugins, shown, sets.more)))
    });
    let (device, plugins, sets, more) = read.await?.ok_or(Refusal::NotFound)?;
    let base = format!("/devices/{}/changes", device.device);
    let older = sets.last().filter(|_| more);
    let of = plugin
        .as_ref()
        .map_or_else(String::new, |it| format!("plugin={it}"));
    let older = older.map(|(set, _)| format!("{base}?{of}&before={}", set.report));
    let latest = format!("{base}?{of}");
    let content = html! {
        (head(&device, Tab::Changes, now))
        @if plugins.len() > 1 { (choice(&base, &plugins, plugin.as_ref())) }
        @if sets.is_empty() { (nothing()) }
        @for (set, lines) in &sets { (part(&base, set, lines, now)) }
        (paging(before.map(|_| (latest.as_str(), "Latest")), older.as_deref().map(|href| (href, "Earlier"))))
    };
    let title = format!("Changes of {}", name(&device));
    Ok(caller.frame().part(Part::Devices).page(&title, &content))
}

/// All plugins, or one of them.
fn choice(base: &str, plugins: &[Installed], chosen: Option<&PluginName>) -> Markup {
    let current = |is: bool| is.then_some("page");
    html! {
        nav.contents aria-label="Plugins" {
            ul {
                li { a href=(base) aria-current=[current(chosen.is_none())] { "All plugins" } }
                @for it in plugins {
                    @let is = chosen.is_some_and(|chosen| chosen.as_str() == it.plugin);
                    li { a href={ (base) "?plugin=" (it.plugin) } aria-current=[current(is)] { (shown(&it.plugin)) } }
                }
            }
        }
    }
}

fn part(base: &str, set: &ChangeSet, lines: &Page<Change>, now: Timestamp) -> Markup {
    html! {
        section.card.set {
            h2 { a href={ (base) "/" (set.report) } { (changes::summary(set)) } }
            (under(set, now))
            @if !lines.rows.is_empty() { (changes::lines(&lines.rows)) }
            @if lines.more { p.more { a href={ (base) "/" (set.report) } { "All of it" } } }
        }
    }
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
