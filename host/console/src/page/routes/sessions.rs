//! The sessions of a device: who is there, and who was.

mod compare;
mod one;
mod sum;
mod tables;
pub(crate) mod uses;

use axum::{
    extract::{Path, Query},
    response::Html,
};
use bailiwick_core::time::Timestamp;
use maud::{Markup, html};

pub(crate) use one::show;

use super::{Tab, devices::encoded, head, name, named};
use crate::{
    page::{
        Refusal,
        access::{Caller, Viewer},
        render::{
            Part, empty, paging, time,
            value::{grouped, shown},
            words::{count, title},
        },
    },
    store::view::{Device, FlawedFile, Page, Session},
};

/// Past sessions on one page.
const LENGTH: u32 = 25;
/// Open sessions on the page of a device.
const SUMMARY: usize = 5;
/// Files that could not be read, of which is told why.
const FLAWED: u32 = 3;

#[derive(serde::Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    page: u16,
}

pub(crate) async fn list(
    caller: Caller<Viewer>,
    Path(device): Path<String>,
    Query(Asked { page: number }): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let now = caller.now();
    let id = named(&device)?.to_string();
    let read = caller.read(move |view| {
        let Some(device) = view.device(&id)? else {
            return Ok(None);
        };
        let open = match number {
            0 => view.open_sessions(&id)?,
            _ => Vec::new(),
        };
        let past = view.past_sessions(&id, u32::from(number), LENGTH)?;
        let flawed = view.flawed_files(&id, FLAWED)?;
        Ok(Some((device, open, past, flawed)))
    });
    let (device, open, past, flawed) = read.await?.ok_or(Refusal::NotFound)?;
    let base = format!("/devices/{}/sessions", device.device);
    let content = html! {
        (head(&device, Tab::Sessions, now))
        @if number == 0 { (unread(&flawed, now)) }
        @if open.is_empty() && past.rows.is_empty() && number == 0 { (nothing()) } @else {
            @if number == 0 { (current(&base, &open, now)) }
            (ended(&base, &past, number, now))
        }
    };
    let title = format!("Sessions of {}", name(&device));
    Ok(caller.frame().part(Part::Devices).page(&title, &content))
}

fn current(base: &str, open: &[Session], now: Timestamp) -> Markup {
    let uses = base.strip_suffix("sessions").unwrap_or(base);
    html! {
        h2 { "Open " span.quiet { (grouped(&open.len().to_string())) } }
        p.more { a href={ (uses) "use" } { "Who uses what" } }
        @if open.is_empty() { p.quiet { "Nobody is logged in." } } @else {
            table.stack {
                thead { tr {
                    th scope="col" { "User" } th scope="col" { "State" } th scope="col" { "Came" }
                    th scope="col" { "Opened" } th scope="col" { "Told by" }
                } }
                tbody { @for it in open { tr {
                    th scope="row" { (link(base, it)) }
                    td data-label="State" { (state(it)) }
                    td data-label="Came" { (kind(it)) }
                    td data-label="Opened" { (time::since(it.opened_ms, now)) }
                    td data-label="Told by" { (source(it)) }
                } } }
            }
        }
    }
}

fn ended(base: &str, past: &Page<Session>, number: u16, now: Timestamp) -> Markup {
    let to = |number: u16| format!("{base}?page={number}");
    let newer = number.checked_sub(1).map(to);
    let older = past.more.then(|| to(number.saturating_add(1)));
    html! {
        h2 { "Past" }
        @if past.rows.is_empty() { p.quiet { "None has ended." } } @else {
            table.stack {
                thead { tr {
                    th scope="col" { "User" } th scope="col" { "Came" } th scope="col" { "Opened" }
                    th scope="col" { "Lasted" } th scope="col" { "Ended" }
                } }
                tbody { @for it in &past.rows { tr {
                    th scope="row" { (link(base, it)) }
                    td data-label="Came" { (kind(it)) }
                    td data-label="Opened" { (time::moment(it.opened_ms)) }
                    td data-label="Lasted" { (lasted(it)) }
                    td data-label="Ended" { (time::since(it.closed_ms.unwrap_or(it.told_ms), now)) (why(it)) }
                } } }
            }
        }
        (paging(newer.as_deref().map(|href| (href, "Later")), older.as_deref().map(|href| (href, "Earlier"))))
    }
}

fn link(base: &str, it: &Session) -> Markup {
    html! {
        a href={ (base) "/" (encoded(&it.session)) } { (user(it)) }
        " " span.quiet { "session " (shown(&it.session)) }
    }
}

/// The user's name, where it is told, or what the device calls the user.
fn user(it: &Session) -> String {
    shown(it.user_name.as_ref().unwrap_or(&it.user))
}

/// What it does, as a mark.
fn state(it: &Session) -> Markup {
    let words = it.state.as_deref().map(title);
    html! {
        @if it.closed_ms.is_some() { span.state.off { "Ended" } }
        @else if it.idle_since_ms.is_some() { span.state.wait { (words.as_deref().filter(|it| *it != "Active").map_or_else(|| "Idle".to_owned(), |it| format!("{it}, idle"))) } }
        @else { @match words.as_deref() {
            None => span.state.good { "Open" },
            Some(words @ "Active") => span.state.good { (words) },
            Some(words) => span.state.off { (shown(words)) },
        } }
    }
}

fn kind(it: &Session) -> Markup {
    html! { @match &it.kind { Some(kind) => (shown(&title(kind))), None => span.absent { "not told" } } }
}

fn source(it: &Session) -> Markup {
    html! { @match &it.source { Some(source) => (shown(source)), None => span.absent { "not told" } } }
}

fn lasted(it: &Session) -> String {
    let end = it.closed_ms.unwrap_or(it.told_ms);
    time::lasting(end.saturating_sub(it.opened_ms))
}

/// What was unusual about its end.
fn why(it: &Session) -> Markup {
    html! {
        @match it.why.as_deref() {
            Some("restarted") => span.quiet { " with a restart" },
            Some("not-counted") => span.quiet { ", not counted by logind" },
            _ => {}
        }
    }
}

/// Files of usage that were no such files.
fn unread((files, number): &(Vec<FlawedFile>, i64), now: Timestamp) -> Markup {
    html! {
        @if *number > 0 {
            section.notice.warn aria-label="Files that could not be read" {
                h2 { (count(*number, "file")) " of usage could not be read" }
                ul { @for file in files {
                    li { (shown(&file.plugin)) ": " (shown(&file.reason)) " " span.quiet { (time::when(file.received_ms, now)) } }
                } }
            }
        }
    }
}

/// Who is there, in a few lines.
pub(super) fn summary(device: &Device, open: &[Session], now: Timestamp) -> Markup {
    let base = format!("/devices/{}/sessions", device.device);
    html! {
        h2 { "Who is there" }
        @if open.is_empty() { p.quiet { "Nobody is logged in, as far as the device has told." } } @else {
            ul.feed {
                @for it in open.iter().take(SUMMARY) {
                    li {
                        span {
                            a href={ (base) "/" (encoded(&it.session)) } { (user(it)) }
                            " " span.quiet { (kind(it)) ", since " (time::since(it.opened_ms, now)) }
                        }
                        (state(it))
                    }
                }
            }
        }
        p.more { a href=(base) {
            @if open.len() > SUMMARY { "All " (grouped(&open.len().to_string())) " sessions" } @else { "Sessions and what was used in them" }
        } }
    }
}

fn nothing() -> Markup {
    let words = html! {
        p { "The device tells here who is logged in, as soon as a session opens, changes or ends. Users are named by a digest that means something on the device alone: " code { "bailiwick sessions" } " there shows who is who." }
        p { "What applications a session uses is shown once the plugin " code { "session-analyzer" } " is assigned." }
    };
    empty("No sessions yet", &words)
}
