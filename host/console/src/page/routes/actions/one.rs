//! One action: what is asked, how to sign it while it is a draft, and what each device told.

use std::collections::BTreeMap;

use axum::{extract::Path, response::Html};
use bailiwick_core::{action::Outcome, time::Timestamp};
use maud::{Markup, html};

use super::{
    asked, called, known, names,
    standing::{Stage, brief},
};
use crate::{
    actions::{Listed, Told},
    page::{
        Refusal,
        access::{Caller, Role, Viewer},
        render::{
            Part,
            object::{object, several},
            time,
            value::shown,
        },
    },
};

/// Devices that are shown.
const DEVICES: usize = 500;
/// Devices of a draft that are named.
const DRAFTED: usize = 20;

pub(crate) async fn show(
    caller: Caller<Viewer>,
    Path(action): Path<String>,
) -> Result<Html<String>, Refusal> {
    let id = known(&action)?;
    let now = caller.now();
    let found = caller.actions(move |ledger| ledger.find(&id)).await?;
    let found = found.ok_or(Refusal::NotFound)?;
    let names = names(&caller, std::slice::from_ref(&found), DEVICES).await?;
    let address = caller.register(|register| register.noted_address()).await?;
    let content = html! {
        p.crumbs { a href="/actions" { "Actions" } }
        h1 { (asked(&found)) }
        (facts(&found, &names, now))
        (arguments(&found))
        @if found.draft.is_none() { (devices(&found, &names, now)) }
        @else if caller.role() >= Role::Operator { (to_sign(&found, address.as_deref())) }
        @else { p.notice.warn { "This draft does nothing before an operator has signed it." } }
    };
    let frame = caller.frame().part(Part::Actions);
    let title = match &found.handler {
        Some(handler) => format!("Action of {}", shown(handler)),
        None => "Action".to_owned(),
    };
    Ok(frame.page(&title, &content))
}

fn facts(action: &Listed, names: &BTreeMap<String, String>, now: Timestamp) -> Markup {
    html! {
        section.card {
            (brief(action, now))
            dl {
                @if let Some(group) = &action.group { div { dt { "For" } dd { "the devices of the group " strong { (shown(group)) } } } }
                @if action.draft.is_some() { (meant(action, names)) }
                @match action.sent_ms {
                    Some(sent) => div { dt { "Sent" } dd { (time::when(sent, now)) } },
                    None => div { dt { "Drafted" } dd { (time::when(action.made_ms, now)) } },
                }
                @if let Some(draft) = &action.draft {
                    div { dt { "May begin" } dd { "within " (time::lasting(i64::try_from(draft.expires_in_s.saturating_mul(1_000)).unwrap_or(i64::MAX))) " of the signature" } }
                }
                @if let Some(expires) = action.expires_ms { div { dt { "May begin" } dd { "until " (time::moment(expires)) } } }
                @if let Some(key) = &action.key { div { dt { "Signed by the key" } dd { code.id { (shown(key)) } } } }
                div { dt { "Action" } dd { code.id { (action.id) } } }
            }
        }
    }
}

/// The devices that a draft is for; of what was sent each has a part of the page.
fn meant(action: &Listed, names: &BTreeMap<String, String>) -> Markup {
    html! {
        div { dt { "For" } dd {
            @for (place, told) in action.devices.iter().take(DRAFTED).enumerate() {
                @if place > 0 { ", " }
                a href={ "/devices/" (told.device) } { (shown(called(names, &told.device))) }
            }
            @if action.devices.len() > DRAFTED { " and " (action.devices.len() - DRAFTED) " more" }
        } }
    }
}

/// What is asked of the handler: as people read it, and as it is signed.
fn arguments(action: &Listed) -> Markup {
    let run = action.verb.as_deref() == Some("run");
    html! {
        @if let Some(about) = &action.about {
            section.card {
                h2 { (if run { "Arguments" } else { "Order" }) }
                @if run {
                    (object(about))
                    details { summary { "As they are signed" } (several(about)) }
                } @else { (several(about)) }
            }
        }
    }
}

fn devices(action: &Listed, names: &BTreeMap<String, String>, now: Timestamp) -> Markup {
    html! {
        @if !action.devices.is_empty() {
            h2 { (if action.devices.len() == 1 { "Device" } else { "Devices" }) }
            @for told in action.devices.iter().take(DEVICES) { (device(action, told, names, now)) }
            @if action.devices.len() > DEVICES { p.quiet { "and " (action.devices.len() - DEVICES) " more" } }
        } @else if action.group.is_some() {
            h2 { "Devices" }
            p.quiet { "None of the group has told yet." }
        }
    }
}

fn device(
    action: &Listed,
    told: &Told,
    names: &BTreeMap<String, String>,
    now: Timestamp,
) -> Markup {
    let stage = Stage::of(action, told, now);
    html! {
        section.card.told {
            h3 {
                a href={ "/devices/" (told.device) } { (shown(called(names, &told.device))) }
                " " (stage.state())
            }
            @if let Some(at) = told.at_ms { p.quiet { "It told at " (time::when(at, now)) "." } }
            (said(stage, told))
        }
    }
}

/// What the device said.
fn said(stage: Stage, told: &Told) -> Markup {
    html! {
        @match &told.outcome {
            Some(Outcome::Done { result }) => (object(result)),
            Some(Outcome::Failed { reason } | Outcome::Refused { reason }) => p { (shown(reason)) },
            Some(Outcome::TimedOut) => p { "The time that its policy allows was over. Everything that it had started was ended." },
            Some(Outcome::Cancelled) => p { "An operator called it off." },
            Some(Outcome::Interrupted) => p { "The agent was cut while it ran. What it did is unknown, and it is not tried again." },
            None => {
                @if let Some(words) = &told.words {
                    @if let Some(percent) = told.percent {
                        div.progress {
                            progress max="100" value=(percent) aria-label="How far it is" {}
                            span.figure { (percent) "\u{202f}%" }
                        }
                    }
                    p { (shown(words)) }
                }
                @if stage == Stage::Late { p { "It may not begin any more. When the device is back it tells what became of it." } }
                @if stage == Stage::Waits { p.quiet { "It gets the action as soon as it is connected. Load this page again to see what became of it." } }
            }
        }
    }
}

fn to_sign(action: &Listed, address: Option<&str>) -> Markup {
    let file = format!("action-{}", action.id);
    let address = address.unwrap_or("https://CONSOLE:8443/");
    html! {
        section.card.how {
            h2 { "To sign it" }
            p { "This console has no operator's key, so nobody can sign here." }
            ol {
                li {
                    a href={ "/actions/" (action.id) "/draft.json" } download={ (file) ".json" } { "Take the draft" }
                    " to the machine with your key."
                }
                li {
                    "Sign it there. Before it signs it shows what it signs. KEY.json is your key, as " code { "action key" } " made it."
                    pre { code {
                        "bailiwick-console action sign --key KEY.json --out " (file) ".signed " (file) ".json"
                    } }
                }
                li {
                    "Hand it in. ca.pem is " code { "tls/ca.pem" } " of the console's folder."
                    pre { code {
                        "bailiwick-console action send --to " (address) " --ca ca.pem " (file) ".signed"
                    } }
                }
            }
            p.quiet { "What becomes of it is then told here." }
        }
    }
}
