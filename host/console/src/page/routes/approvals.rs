//! What waits for approval.

mod published;
mod refused;

use std::collections::BTreeMap;

use axum::response::Html;
use bailiwick_core::time::Timestamp;
use maud::{Markup, html};
use semver::Version;

use super::{Known, Moment, name};
use crate::{
    approvals::Published,
    page::{
        Refusal,
        access::{Caller, Viewer},
        render::{Part, empty, time, value::shown, words::count},
        standing::Approval,
    },
};

/// Devices with a refusal that are looked at, the last ones first.
const LOOKED_AT: u32 = 200;
/// Devices that are named for one version.
const NAMED: usize = 10;
/// Versions that are looked up in the repository for one page: whoever is a device can name
/// as many as it likes.
const LOOKED_UP: usize = 20;

/// One version and what it asks for.
type Asked = (String, String, Vec<String>);

/// Who waits for it.
struct Waiting {
    first: Approval,
    devices: Vec<(String, String)>,
    /// The newest version that runs on one of them.
    running: Option<Version>,
}

/// What the repository has of a version, or why that can't be told.
type Told = Option<Result<Published, String>>;

pub(crate) async fn list(caller: Caller<Viewer>) -> Result<Html<String>, Refusal> {
    let at = Moment::of(&caller).await?;
    let (now, decided) = (at.now, at.decided.clone());
    let read = caller.read(move |view| {
        let refused = view.devices_with(&["refused"], LOOKED_AT)?;
        let known = refused.rows.iter();
        let known = known.map(|device| Known::read(view, device, &at));
        let known: Vec<Known> = known
            .filter_map(Result::transpose)
            .collect::<Result<_, _>>()?;
        Ok((gather(&known), refused.more))
    });
    let (waiting, more) = read.await?;
    let waiting = look_up(&caller, waiting).await?;
    let content = html! {
        h1 { "Approvals" }
        @if waiting.is_empty() { (nothing()) } @else {
            p.lead { "These versions ask for more than their policy grants. They are not active: the versions before them keep running." }
            @for (asked, it, told) in &waiting { (card(asked, it, told, now)) }
            (how())
        }
        @if let Some(decided) = &decided { (refused::list(decided)) }
        @if more { p.quiet { "Only the " (LOOKED_AT) " devices that refused something last were looked at." } }
    };
    Ok(caller
        .frame()
        .part(Part::Approvals)
        .page("Approvals", &content))
}

/// With what the repository has of each, away from the threads that serve connections.
async fn look_up(
    caller: &Caller<Viewer>,
    waiting: BTreeMap<Asked, Waiting>,
) -> Result<Vec<(Asked, Waiting, Told)>, Refusal> {
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let told = caller.published(move |verified| {
        let mut verified = verified.map_err(|error| error.to_string());
        let waiting = waiting.into_iter().enumerate();
        let each = waiting.map(|(number, (asked, it))| {
            let told = (number < LOOKED_UP).then(|| {
                let verified = verified.as_mut().map_err(|error| error.clone())?;
                let (plugin, version, _) = &asked;
                let no_version = |error: semver::Error| format!("{version}: {error}");
                let version = version.parse().map_err(no_version)?;
                Published::read(verified, plugin, &version, it.running.as_ref())
                    .map_err(|error| error.to_string())
            });
            (asked, it, told)
        });
        each.collect()
    });
    told.await
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
                running: None,
            });
            if approval.since_ms < it.first.since_ms {
                it.first = approval.clone();
            }
            it.devices
                .push((device.device.device.clone(), name(&device.device)));
            let plugin = device.standing.plugins.get(&approval.plugin);
            let running = plugin.and_then(|plugin| plugin.running.as_deref()?.parse().ok());
            it.running = it.running.take().max(running);
        }
    }
    waiting
}

fn card((plugin, version, asks): &Asked, it: &Waiting, told: &Told, now: Timestamp) -> Markup {
    let devices = i64::try_from(it.devices.len()).unwrap_or(i64::MAX);
    html! {
        section.card.approval {
            h2 { (shown(plugin)) " " span.version { (shown(version)) } " " span.state.wait { "Waits for approval" } }
            p.quiet { "On " (count(devices, "device")) ", since " (time::when(it.first.since_ms, now)) }
            h3 { "It asks for, beyond its policy" }
            ul.asks { @for line in asks { li { (shown(line)) } } }
            @if !it.first.meanwhile.is_empty() { p { "Meanwhile " (shown(&it.first.meanwhile)) "." } }
            @match told {
                None => p.quiet { "What its policy grants is shown for the first " (LOOKED_UP) " versions alone." },
                Some(Err(reason)) => p.quiet { "What its policy grants can't be shown: " (shown(reason)) "." },
                Some(Ok(published)) => (published::show(published, now)),
            }
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
            h2 { "Who approves" }
            p { "Whoever holds a key of " code { "policies" } " grants what is asked for in the plugin's policy, with a reason, and signs it. This console has no such key, so nobody can approve here." }
            p.quiet { "In the commands, DIR is the folder of the repository, with the online keys, and YOURS.json the file of your own key. " code { "policy sign" } " shows what the policy changes before it signs." }
        }
    }
}

fn nothing() -> Markup {
    let words = html! {
        p { "When a new version of a plugin asks for more than its policy grants, devices do not activate it, and it is listed here with what it asks for. The version before keeps running." }
    };
    empty("Nothing waits for approval", &words)
}
