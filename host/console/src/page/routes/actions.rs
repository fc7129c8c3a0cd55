//! Actions: what was asked of devices, how it ended, and drafts of what is to be asked.
//!
//! This console signs nothing. A draft is written here, signed where the operator's key is,
//! and handed in again.

mod asked;
mod choose;
mod draft;
mod field;
mod form;
mod one;
mod standing;
mod takes;
pub(super) mod wake;

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    extract::{Path, Query},
    http::header,
    response::{Html, IntoResponse},
};
use bailiwick_core::{action::ActionId, ids::DeviceId, time::Timestamp};
use maud::{Markup, html};

use crate::{
    actions::Listed,
    page::{
        Refusal,
        access::{Caller, Role, Viewer},
        render::{Part, empty, time, value::shown},
    },
};
pub(crate) use draft::{draft, new};
pub(crate) use one::show;
pub(crate) use wake::wake;

/// Actions on the page, the latest.
const LENGTH: u32 = 50;
/// Of those on the page of a device.
const LATEST: u32 = 3;
/// Characters of arguments that a list shows.
const BRIEF: usize = 120;
/// Devices of one action that a list names; it counts the others.
const NAMED: usize = 3;

#[derive(serde::Deserialize)]
pub(crate) struct Of {
    device: Option<String>,
}

pub(crate) async fn list(
    caller: Caller<Viewer>,
    Query(Of { device }): Query<Of>,
) -> Result<Html<String>, Refusal> {
    let of = match device.as_deref().filter(|device| !device.is_empty()) {
        Some(device) => Some(super::named(device)?),
        None => None,
    };
    let now = caller.now();
    let actions = caller
        .actions(move |ledger| ledger.list(of.as_ref(), LENGTH))
        .await?;
    let names = names(&caller, &actions, NAMED).await?;
    let frame = caller.frame().part(Part::Actions);
    let content = html! {
        h1 { "Actions" }
        @if let Some(device) = of { p.lead { "Of " a href={ "/devices/" (device) } { (called(&names, &device.to_string())) } ". " a href="/actions" { "All actions" } } }
        @if caller.role() >= Role::Operator {
            p { a.step href={ "/actions/new" @if let Some(of) = of { "?device=" (of) } } { "Draft an action" } }
        }
        @if actions.is_empty() { (nothing()) }
        @else { ol.actions { @for action in &actions { (row(action, &names, now)) } } }
    };
    Ok(frame.page("Actions", &content))
}

/// The draft as `action sign` reads it.
pub(crate) async fn download(
    caller: Caller<Viewer>,
    Path(action): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    let id = known(&action)?;
    let found = caller.actions(move |ledger| ledger.find(&id)).await?;
    let draft = found
        .and_then(|found| found.draft)
        .ok_or(Refusal::NotFound)?;
    let text = serde_json::to_string_pretty(&draft).map_err(|_| Refusal::NotFound)?;
    let name = format!("attachment; filename=\"action-{id}.json\"");
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, text))
}

fn known(action: &str) -> Result<ActionId, Refusal> {
    action.parse().map_err(|_| Refusal::NotFound)
}

/// The latest actions of a device, for its own page.
pub(super) async fn latest(
    caller: &Caller<Viewer>,
    device: DeviceId,
) -> Result<Vec<Listed>, Refusal> {
    caller
        .actions(move |ledger| ledger.list(Some(&device), LATEST))
        .await
}

/// The same, in short.
pub(super) fn summary(actions: &[Listed], device: &str, role: Role, now: Timestamp) -> Markup {
    html! {
        h2 { "Latest actions" }
        @if actions.is_empty() { p.quiet { "Nothing was asked of it yet." } }
        @else {
            ol.feed { @for action in actions { li {
                span { a href={ "/actions/" (action.id) } { (asked(action)) } " " span.quiet { (time::since(action.sent_ms.unwrap_or(action.made_ms), now)) } }
                (standing::of_device(action, device, now))
            } } }
            p.more { a href={ "/actions?device=" (device) } { "All its actions" } }
        }
        @if role >= Role::Operator {
            p.more { a href={ "/actions/new?device=" (device) } { "Draft an action" } }
        }
    }
}

/// What people call the devices of actions, of each action the first ones.
async fn names(
    caller: &Caller<Viewer>,
    actions: &[Listed],
    of_each: usize,
) -> Result<BTreeMap<String, String>, Refusal> {
    let devices = actions.iter();
    let devices = devices.flat_map(|action| action.devices.iter().take(of_each));
    let ids: BTreeSet<String> = devices.map(|told| told.device.clone()).collect();
    let read = caller.read(move |view| {
        let mut names = BTreeMap::new();
        for id in ids {
            if let Some(device) = view.device(&id)? {
                names.insert(id, super::name(&device));
            }
        }
        Ok(names)
    });
    read.await
}

/// The name of a device, or its id if nothing was heard of it.
fn called<'a>(names: &'a BTreeMap<String, String>, device: &'a str) -> &'a str {
    names.get(device).map_or(device, String::as_str)
}

/// What is asked for, in a word or two.
fn asked(action: &Listed) -> Markup {
    html! {
        @match (action.verb.as_deref(), &action.handler) {
            (Some("cancel"), Some(handler)) => { "Call off an action of " (shown(handler)) },
            (Some("rate"), Some(handler)) => { "Sample " (shown(handler)) " faster" },
            (_, Some(handler)) => (shown(handler)),
            (_, None) => "Sent on another way",
        }
    }
}

fn row(action: &Listed, names: &BTreeMap<String, String>, now: Timestamp) -> Markup {
    let about = action.about.iter();
    let about = about.map(|about| about.chars().take(BRIEF).collect::<String>());
    html! {
        li {
            div.what {
                a href={ "/actions/" (action.id) } { (asked(action)) }
                @for about in about { code.about { (shown(&about)) } }
                p.quiet {
                    @if let Some(group) = &action.group { "The devices of " (shown(group)) }
                    @else {
                        @for (place, told) in action.devices.iter().take(NAMED).enumerate() {
                            @if place > 0 { ", " }
                            (shown(called(names, &told.device)))
                        }
                        @if action.devices.len() > NAMED { " and " (action.devices.len() - NAMED) " more" }
                    }
                    " · "
                    @match action.sent_ms {
                        Some(sent) => { "sent " (time::since(sent, now)) }
                        None => { "drafted " (time::since(action.made_ms, now)) }
                    }
                }
            }
            (standing::brief(action, now))
        }
    }
}

fn nothing() -> Markup {
    let words = html! {
        p { "An action is what an operator asks of devices: it is drafted, signed with the operator's own key, and each device that is meant tells how it ended." }
    };
    empty("No actions yet", &words)
}
