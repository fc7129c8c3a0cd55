//! What waits for approval.

use std::collections::BTreeMap;

use axum::response::Html;
use bailiwick_core::time::Timestamp;
use maud::{Markup, html};

use super::{Known, name};
use crate::page::{
    Refusal,
    access::{Caller, Viewer},
    render::{Part, empty, time, value::shown, words::count},
    standing::Approval,
};

/// Devices with a refusal that are looked at, the last ones first.
const LOOKED_AT: u32 = 200;
/// Devices that are named for one version.
const NAMED: usize = 10;

/// One version and what it asks for.
type Asked = (String, String, Vec<String>);

/// Who waits for it.
struct Waiting {
    first: Approval,
    devices: Vec<(String, String)>,
}

pub(crate) async fn list(caller: Caller<Viewer>) -> Result<Html<String>, Refusal> {
    let now = caller.now();
    let read = caller.read(move |view| {
        let refused = view.devices_with(&["refused"], LOOKED_AT)?;
        let known = refused.rows.iter();
        let known = known.map(|device| Known::read(view, device, now));
        let known: Vec<Known> = known
            .filter_map(Result::transpose)
            .collect::<Result<_, _>>()?;
        Ok((gather(&known), refused.more))
    });
    let (waiting, more) = read.await?;
    let content = html! {
        h1 { "Approvals" }
        @if waiting.is_empty() { (nothing()) } @else {
            p.lead { "These versions ask for more than their policy grants. They are not active: the versions before them keep running." }
            @for ((plugin, version, asks), it) in &waiting { (card(plugin, version, asks, it, now)) }
            (how())
        }
        @if more { p.quiet { "Only the " (LOOKED_AT) " devices that refused something last were looked at." } }
    };
    Ok(caller
        .frame()
        .part(Part::Approvals)
        .page("Approvals", &content))
}

fn gather(known: &[Known]) -> BTreeMap<Asked, Waiting> {
    let mut waiting: BTreeMap<Asked, Waiting> = BTreeMap::new();
    for device in known {
        for approval in device.standing.approvals() {
            let asked = (
                approval.plugin.clone(),
                approval.version.clone(),
                approval.asks.clone(),
            );
            let it = waiting.entry(asked).or_insert_with(|| Waiting {
                first: approval.clone(),
                devices: Vec::new(),
            });
            if approval.since_ms < it.first.since_ms {
                it.first = approval.clone();
            }
            it.devices
                .push((device.device.device.clone(), name(&device.device)));
        }
    }
    waiting
}

fn card(plugin: &str, version: &str, asks: &[String], it: &Waiting, now: Timestamp) -> Markup {
    let devices = i64::try_from(it.devices.len()).unwrap_or(i64::MAX);
    html! {
        section.card.approval {
            h2 { (shown(plugin)) " " span.version { (shown(version)) } " " span.state.wait { "Waits for approval" } }
            p.quiet { "On " (count(devices, "device")) ", since " (time::when(it.first.since_ms, now)) }
            h3 { "It asks for, beyond its policy" }
            ul.asks { @for line in asks { li { (shown(line)) } } }
            @if !it.first.meanwhile.is_empty() { p { "Meanwhile " (shown(&it.first.meanwhile)) "." } }
            h3 { "Devices" }
            ul.inline {
                @for (device, name) in it.devices.iter().take(NAMED) { li { a href={ "/devices/" (device) } { (name) } } }
                @if it.devices.len() > NAMED { li.quiet { "and " (it.devices.len() - NAMED) " more" } }
            }
        }
    }
}

fn how() -> Markup {
    html! {
        section.card.how {
            h2 { "To approve" }
            p { "Whoever holds the key of " code { "policies" } " grants it in the plugin's policy, with a reason, and signs it. This console has no such key, so nobody can approve here." }
            pre { code { "bailiwick-console repo policy put --help\nbailiwick-console repo assign --help" } }
            p.quiet { "To turn it down, leave the policy as it is and assign the version before." }
        }
    }
}

fn nothing() -> Markup {
    let words = html! {
        p { "When a new version of a plugin asks for more than its policy grants, devices do not activate it, and it is listed here with what it asks for. The version before keeps running." }
    };
    empty("Nothing waits for approval", &words)
}
