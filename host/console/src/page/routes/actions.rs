//! Actions: what was asked of devices, how it ended, and drafts of what is to be asked.
//!
//! This console signs nothing. A draft is written here, signed where the operator's key is,
//! and handed in again.

mod asked;
mod choose;
mod draft;
mod field;
mod form;
mod takes;

use axum::{
    extract::{Path, Query},
    http::header,
    response::{Html, IntoResponse},
};
use bailiwick_core::{
    action::{ActionId, Outcome},
    time::Timestamp,
};
use maud::{Markup, html};

use crate::{
    actions::{Listed, Told},
    page::{
        Refusal,
        access::{Caller, Role, Viewer},
        render::{Part, empty, time, value::shown},
    },
};
pub(crate) use draft::{draft, new};

/// Actions on the page, the latest.
const LENGTH: u32 = 50;
/// Characters of arguments that a list shows.
const BRIEF: usize = 120;

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
    let frame = caller.frame().part(Part::Actions);
    let content = html! {
        h1 { "Actions" }
        @if let Some(device) = of { p.lead { "Of the device " code { (device) } ". " a href="/actions" { "All actions" } } }
        @if caller.role() >= Role::Operator {
            p { a.step href={ "/actions/new" @if let Some(of) = of { "?device=" (of) } } { "Draft an action" } }
        }
        @if actions.is_empty() { (nothing()) }
        @for action in &actions { (card(action, now)) }
    };
    Ok(frame.page("Actions", &content))
}

pub(crate) async fn show(
    caller: Caller<Viewer>,
    Path(action): Path<String>,
) -> Result<Html<String>, Refusal> {
    let id = known(&action)?;
    let now = caller.now();
    let found = caller.actions(move |ledger| ledger.find(&id)).await?;
    let found = found.ok_or(Refusal::NotFound)?;
    let content = html! {
        p.crumbs { a href="/actions" { "Actions" } }
        h1 { "Action" }
        (card(&found, now))
        @if found.draft.is_some() { (to_sign(&found)) }
    };
    let frame = caller.frame().part(Part::Actions);
    Ok(frame.page("Action", &content))
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

fn card(action: &Listed, now: Timestamp) -> Markup {
    let verb = action.verb.as_deref().unwrap_or("sent elsewhere");
    let about: Option<String> = action
        .about
        .as_ref()
        .map(|about| about.chars().take(BRIEF).collect());
    html! {
        section.card {
            h2 {
                a href={ "/actions/" (action.id) } {
                    (verb) @if let Some(handler) = &action.handler { " " (shown(handler)) }
                }
                @if action.draft.is_some() { " " span.state.wait { "Draft" } }
            }
            p.quiet {
                code { (action.id) } " · "
                @match action.sent_ms {
                    Some(sent) => { "sent " (time::when(sent, now)) }
                    None => { "drafted " (time::when(action.made_ms, now)) }
                }
                @if let Some(expires) = action.expires_ms { " · may begin until " (time::when(expires, now)) }
            }
            @if let Some(about) = about { p { code { (shown(&about)) } } }
            @if let Some(group) = &action.group { p { "For the devices of " strong { (shown(group)) } } }
            ul { @for told in &action.devices { (row(told, now)) } }
        }
    }
}

fn row(told: &Told, now: Timestamp) -> Markup {
    let tone = match &told.outcome {
        Some(Outcome::Done { .. }) => "good",
        Some(Outcome::Cancelled) | None => "wait",
        Some(_) => "bad",
    };
    html! {
        li {
            a href={ "/devices/" (told.device) } { code { (told.device) } } " "
            span class={ "state " (tone) } { (shown(&told.sentence())) }
            @if let Some(at) = told.at_ms { " " span.quiet { (time::when(at, now)) } }
        }
    }
}

fn to_sign(action: &Listed) -> Markup {
    let file = format!("action-{}", action.id);
    html! {
        section.card.how {
            h2 { "To sign it" }
            p { "This console has no operator's key, so nobody can sign here. Take the draft to where yours is, sign it, and hand it in." }
            p { a href={ "/actions/" (action.id) "/draft.json" } download={ (file) ".json" } { "The draft" } }
            pre { code {
                "bailiwick-console action sign --key KEY.json --out " (file) ".signed " (file) ".json\n"
                "bailiwick-console action send --to https://CONSOLE:PORT/ --ca ca.pem " (file) ".signed\n"
                "bailiwick-console action watch --data DIR " (action.id)
            } }
        }
    }
}

fn nothing() -> Markup {
    let words = html! {
        p { "An action is what an operator asks of devices: it is drafted, signed with the operator's own key, and each device that is meant tells how it ended." }
    };
    empty("No actions yet", &words)
}
