//! The plugins of a device: version, grants, limits and what was counted.

mod figures;
mod persons;

use axum::{extract::Path, response::Html};
use bailiwick_core::time::Timestamp;
use maud::{Markup, html};
use serde_json::Value;

use self::{figures::Bounds, persons::Column};
use super::{Known, Moment, Tab, head, name, named, trouble};
use crate::{
    page::{
        Refusal,
        access::{Caller, Viewer},
        render::{
            Part, empty, time,
            value::grouped,
            value::{shown, size},
        },
        standing::Plugin,
    },
    store::view::{Happened, Installed, Latest},
};

/// Events that are counted, and how.
const COUNTED: &[(&str, &str)] = &[
    ("call-failed", "failed calls"),
    ("suspended", "suspensions"),
    ("swapped", "swaps"),
    ("went-back", "rollbacks"),
    ("refused", "refused versions"),
];

pub(crate) async fn list(
    caller: Caller<Viewer>,
    Path(device): Path<String>,
) -> Result<Html<String>, Refusal> {
    let at = Moment::of(&caller).await?;
    let now = at.now;
    let id = named(&device)?.to_string();
    let read = caller.read(move |view| {
        let Some(known) = Known::read(view, &id, &at)? else {
            return Ok(None);
        };
        let columns = persons::columns(view, &known)?;
        Ok(Some((known, columns)))
    });
    let (known, columns) = read.await?.ok_or(Refusal::NotFound)?;
    let content = html! {
        (head(&known.device, Tab::Plugins, now))
        @if known.standing.plugins.is_empty() { (nothing()) }
        @for (name, plugin) in &known.standing.plugins {
            (card(&Told::of(&known, name), name, plugin, columns.get(name), now))
        }
    };
    let title = format!("Plugins of {}", name(&known.device));
    Ok(caller.frame().part(Part::Devices).page(&title, &content))
}

/// What reports and events tell of one plugin.
struct Told<'a> {
    reporting: Option<&'a Installed>,
    latest: Vec<&'a Latest>,
}

impl<'a> Told<'a> {
    fn of(known: &'a Known, plugin: &str) -> Self {
        let latest = known.latest.iter();
        Self {
            reporting: known.installed.iter().find(|it| it.plugin == plugin),
            latest: latest
                .filter(|it| it.happened.plugin.as_deref() == Some(plugin))
                .collect(),
        }
    }

    fn latest(&self, event: &str) -> Option<&'a Latest> {
        self.latest
            .iter()
            .copied()
            .find(|it| it.happened.event == event)
    }

    /// A list of texts in the last event of this kind.
    fn list(&self, event: &str, field: &str) -> Vec<&'a str> {
        let list = self
            .latest(event)
            .and_then(|it| it.happened.body.get(field));
        let list = list.and_then(Value::as_array).map(Vec::as_slice);
        list.unwrap_or_default()
            .iter()
            .filter_map(Value::as_str)
            .collect()
    }
}

fn card(
    told: &Told<'_>,
    name: &str,
    plugin: &Plugin,
    columns: Option<&Vec<Column>>,
    now: Timestamp,
) -> Markup {
    let proven = told.latest("limits-proven").map(|it| &it.happened);
    let bounds = proven.and_then(Bounds::of);
    let status = told.latest("plugin-status").map(|it| &it.happened);
    html! {
        section.card.plugin id=(name) {
            h2 {
                (shown(name))
                @if let Some(version) = &plugin.running { " " span.version { (shown(version)) } }
                " " (state(plugin, now))
            }
            @if !plugin.trouble.is_empty() {
                ul.notice.warn {
                    @if let Some(suspended) = plugin.suspended() { (suspension(told, suspended, now)) }
                    // Why it was suspended is said with that.
                    @for it in plugin.trouble.iter().filter(|it| plugin.suspended().is_none() || !it.is("suspended") && !it.is("call-failed")) { li { (trouble(it, now)) } }
                }
            }
            (numbers(told, now))
            (figures::used(status, bounds.as_ref(), now))
            (grants(told))
            (persons::persons(columns, &told.list("granted", "grants")))
            @if let Some(proven) = proven {
                (figures::limits(proven, bounds.as_ref(), &told.list("limits-proven", "limits")))
            }
        }
    }
}

/// Until when it is not called, and why.
fn suspension(told: &Told<'_>, suspended: &Happened, now: Timestamp) -> Markup {
    let until = suspended_until(suspended);
    let failed = told.latest("call-failed").map(|it| &it.happened.body);
    let reason = failed.and_then(|body| body.get("reason")?.as_str());
    html! {
        li {
            strong { "Suspended" } " since " (time::when(suspended.at_ms, now))
            @if is_past(until, now) { ". It was to be called again on " (time::moment(until)) ", and has not reported since." }
            @else { ", and called again on " (time::moment(until)) "." }
            @if let Some(reason) = reason { " It failed too often, the last time because: " (shown(reason)) }
        }
    }
}

fn suspended_until(suspended: &Happened) -> i64 {
    let lasts = suspended.body.get("for-ms").and_then(Value::as_i64);
    suspended.at_ms.saturating_add(lasts.unwrap_or(0).max(0))
}

fn is_past(ms: i64, now: Timestamp) -> bool {
    i64::try_from(now.as_ms()).is_ok_and(|now| now >= ms)
}

pub(super) fn state(plugin: &Plugin, now: Timestamp) -> Markup {
    let suspended = plugin.suspended();
    let suspended = suspended.is_some_and(|it| !is_past(suspended_until(it), now));
    html! {
        @if suspended { span.state.bad { "Suspended" } }
        @else if plugin.stopped { span.state.off { "Stopped" } }
        @else if plugin.running.is_none() { span.state.off { "Not running" } }
        @else if plugin.trouble.is_empty() { span.state.good { "Running" } }
        @else { span.state.warn { "Needs attention" } }
    }
}

fn numbers(told: &Told<'_>, now: Timestamp) -> Markup {
    html! {
        dl.numbers {
            @if let Some(reporting) = told.reporting {
                div { dt { "Last report" } dd { (time::since(reporting.taken_ms, now)) } }
                div { dt { "Reports" } dd { (grouped(&reporting.reports.to_string())) ", " (size(u64::try_from(reporting.bytes).unwrap_or(0))) } }
            } @else {
                div { dt { "Last report" } dd { "none yet" } }
            }
            @for (event, words) in COUNTED {
                @if let Some(it) = told.latest(event) {
                    div {
                        dt { (capital(words)) }
                        dd { (it.count) ", last " (time::since(it.happened.at_ms, now)) }
                    }
                }
            }
        }
    }
}

fn capital(words: &str) -> String {
    let (first, rest) = words.split_at(words.len().min(1));
    format!("{}{rest}", first.to_ascii_uppercase())
}

fn grants(told: &Told<'_>) -> Markup {
    let (grants, approvers) = (
        told.list("granted", "grants"),
        told.list("granted", "approved-by"),
    );
    html! {
        h3 { "What it may do" }
        @if grants.is_empty() {
            p.quiet { "The device has not told yet. It tells whenever a plugin starts or is swapped." }
        } @else {
            ul.grants { @for grant in grants { li { (grant_words(grant)) } } }
            @if !approvers.is_empty() {
                p.quiet { "Approved by " @for (place, key) in approvers.iter().enumerate() { @if place > 0 { ", " } (shown(key)) } "." }
            }
        }
    }
}

/// What is granted comes first in its line, and why after a colon.
fn grant_words(grant: &str) -> Markup {
    html! {
        @match grant.split_once(": ") {
            Some((what, why)) => { strong { (shown(what)) } ": " (shown(why)) }
            None => (shown(grant)),
        }
    }
}

/// The plugins in a few lines.
pub(super) fn summary(known: &Known, now: Timestamp) -> Markup {
    let base = format!("/devices/{}/plugins", known.device.device);
    html! {
        h2 { "Plugins" }
        @if known.standing.plugins.is_empty() {
            p.quiet { "No plugin has reported yet. " code { "bailiwick-console repo assign" } " decides which ones this device runs." }
        } @else {
            ul.feed {
                @for (name, plugin) in &known.standing.plugins {
                    li {
                        span {
                            a href={ (base) "#" (name) } { (shown(name)) }
                            @if let Some(version) = &plugin.running { " " span.quiet { (shown(version)) } }
                        }
                        (state(plugin, now))
                    }
                }
            }
            p.more { a href=(base) { "Grants, limits and counters" } }
        }
    }
}

fn nothing() -> Markup {
    let words = html! {
        p { "This device has not told of any plugin. Publish one and assign it:" }
        pre { code { "bailiwick-console repo publish --help\nbailiwick-console repo assign --help" } }
    };
    empty("No plugins yet", &words)
}
