//! One device at a glance.

use axum::{
    extract::Path,
    response::{Html, Redirect},
};
use bailiwick_core::time::Timestamp;
use maud::{Markup, html};

use super::{
    Known, Moment, Tab, actions, actions::wake::AWAKE_MS, enrolled::Certificate, head,
    name as name_of, named, plugins, sessions, trouble,
};
use crate::{
    page::{
        Refusal,
        access::{Caller, Operator, Role, Submitted, Viewer},
        render::{Frame, Part, changes, time, value::shown},
    },
    store::{
        PostError,
        view::{Change, ChangeSet, Device, Happened, WantedChanges},
    },
};

/// Changes and events that are shown here; their own pages show all.
const LATEST: u32 = 5;
/// Longest name, in characters.
const NAME: usize = 60;

pub(crate) async fn show(
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
        let (mut sets, all) = (Vec::new(), WantedChanges::default());
        for set in view.change_sets(&id, &all, None, LATEST)?.rows {
            let first = view.changes(set.report, 0, 1)?.rows.pop();
            sets.push((set, first));
        }
        let events = view.events(&id, None, LATEST)?.rows;
        let open = view.open_sessions(&id)?;
        Ok(Some((known, sets, events, open)))
    });
    let (known, sets, events, open) = read.await?.ok_or(Refusal::NotFound)?;
    let enrolled = named(&device)?;
    let enrolled = caller.register(move |register| register.device(&enrolled));
    let enrolled = enrolled.await?;
    let certificate = Certificate::of(enrolled.as_ref(), now);
    let asked = actions::latest(&caller, named(&device)?).await?;
    let frame = caller.frame().part(Part::Devices);
    let content = html! {
        (head(&known.device, Tab::Overview, now))
        (troubles(&known, certificate, now))
        @if caller.role() >= Role::Operator && sleeps(&known.device, now) {
            p { a.step href={ "/actions/wake?device=" (known.device.device) } { "Wake it through a neighbour" } }
        }
        div.columns {
            section.card { (facts(&known, certificate, &frame)) }
            section.card { (plugins::summary(&known, now)) }
            section.card { (sessions::summary(&known.device, &open, now)) }
            section.card { (actions::summary(&asked, &known.device.device, caller.role(), now)) }
            section.card { (recent_changes(&known, &sets, now)) }
            section.card { (recent_events(&known, &events, now)) }
        }
    };
    Ok(frame.page(&name_of(&known.device), &content))
}

/// Whether it may be asleep.
fn sleeps(device: &Device, now: Timestamp) -> bool {
    let now = i64::try_from(now.as_ms()).unwrap_or(i64::MAX);
    now.saturating_sub(device.last_seen_ms) >= AWAKE_MS
}

fn troubles(known: &Known, certificate: Certificate, now: Timestamp) -> Markup {
    let all: Vec<_> = known.standing.troubles().collect();
    html! {
        @if all.is_empty() && !certificate.counts() {
            p.notice.warn { strong { "Not listened to." } " Its certificate does not count any more: see below." }
        } @else if all.is_empty() {
            p.notice.good { strong { "Fine." } " Nothing needs attention." }
        } @else {
            section.notice.warn aria-label="Needs attention" {
                h2 { "Needs attention" }
                ul { @for it in all { li { (trouble(it, now)) } } }
            }
        }
    }
}

fn facts(known: &Known, certificate: Certificate, frame: &Frame) -> Markup {
    let device = &known.device;
    let agent = known
        .latest
        .iter()
        .find(|it| it.happened.event == "started");
    let agent = agent.and_then(|it| it.happened.body.get("version")?.as_str());
    html! {
        h2 { "Device" }
        dl {
            @if device.label.is_some() && let Some(own) = &device.host_name {
                div { dt { "Calls itself" } dd { (shown(own)) } }
            }
            div { dt { "System" } dd { @match &device.os { Some(os) => (shown(os)), None => "not told yet" } } }
            @if let Some(agent) = agent { div { dt { "Agent" } dd { "bailiwick " (shown(agent)) } } }
            div { dt { "First seen" } dd { (time::moment(device.first_seen_ms)) } }
            div { dt { "Last seen" } dd { (time::moment(device.last_seen_ms)) } }
            div { dt { (certificate.title()) } dd { (certificate.whole(&device.device)) } }
            div { dt { "ID" } dd { code.id { (device.device) } } }
        }
        @if frame.role() >= Some(Role::Operator) { (naming(known, frame)) }
    }
}

fn naming(known: &Known, frame: &Frame) -> Markup {
    let device = &known.device;
    html! {
        form.naming method="post" action={ "/devices/" (device.device) "/name" } {
            (frame.token())
            label for="name" { "Name on this page" }
            div.row {
                input #name type="text" name="name" maxlength=(NAME) autocomplete="off"
                    value=(device.label.as_deref().unwrap_or_default())
                    placeholder=(device.host_name.as_deref().unwrap_or("as the device calls itself"));
                button type="submit" { "Save" }
            }
        }
    }
}

fn recent_changes(known: &Known, sets: &[(ChangeSet, Option<Change>)], now: Timestamp) -> Markup {
    let base = format!("/devices/{}/changes", known.device.device);
    html! {
        h2 { "Latest changes" }
        @if sets.is_empty() {
            p.quiet { "No report yet. The first one tells what the device is; later ones what changed." }
        } @else {
            ol.feed {
                @for (set, first) in sets {
                    li {
                        a href={ (base) "/" (set.report) } { (changes::headline(set, first.as_ref())) }
                        span.quiet { (shown(&set.plugin)) " · " (time::since(set.taken_ms, now)) }
                    }
                }
            }
            p.more { a href=(base) { "All changes" } }
        }
    }
}

fn recent_events(known: &Known, events: &[Happened], now: Timestamp) -> Markup {
    html! {
        h2 { "Latest events" }
        @if events.is_empty() {
            p.quiet { "No event yet. The agent tells here what it pulled, started, swapped or refused." }
        } @else {
            ol.feed {
                @for event in events {
                    li { span.words { (shown(&event.words)) } span.quiet { (time::since(event.at_ms, now)) } }
                }
            }
            p.more { a href={ "/devices/" (known.device.device) "/events" } { "All events" } }
        }
    }
}

/// Gives a device another name on the page.
pub(crate) async fn name(
    Path(device): Path<String>,
    submitted: Submitted<Operator>,
) -> Result<Redirect, Refusal> {
    let device = named(&device)?;
    let label = submitted.field("name");
    let frame = || Box::new(submitted.frame());
    if label.chars().count() > NAME || label.chars().any(char::is_control) {
        let reason = format!("A name has at most {NAME} characters, in one line.");
        return Err(Refusal::Field(frame(), reason));
    }
    let label = (!label.is_empty()).then(|| label.to_owned());
    match submitted.label(device, label).await {
        Ok(()) => Ok(Redirect::to(&format!("/devices/{device}"))),
        Err(PostError::Refused(_)) => Err(Refusal::NotFound),
        Err(PostError::Unavailable(reason)) => Err(Refusal::NotStored(frame(), reason)),
    }
}
