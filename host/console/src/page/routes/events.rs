//! What happened on a device.

use axum::{
    extract::{Path, Query},
    response::Html,
};
use bailiwick_core::time::Timestamp;
use maud::{Markup, html};

use super::{Tab, head, name, named};
use crate::{
    page::{
        Refusal,
        access::{Caller, Viewer},
        render::{Part, empty, paging, time, value::shown, words::title},
    },
    store::view::Happened,
};

/// Events on one page.
const LENGTH: u32 = 50;

#[derive(serde::Deserialize)]
pub(crate) struct Before {
    before: Option<i64>,
}

pub(crate) async fn list(
    caller: Caller<Viewer>,
    Path(device): Path<String>,
    Query(Before { before }): Query<Before>,
) -> Result<Html<String>, Refusal> {
    let now = caller.now();
    let id = named(&device)?.to_string();
    let read = caller.read(move |view| {
        let Some(device) = view.device(&id)? else {
            return Ok(None);
        };
        Ok(Some((device, view.events(&id, before, LENGTH)?)))
    });
    let (device, events) = read.await?.ok_or(Refusal::NotFound)?;
    let base = format!("/devices/{}/events", device.device);
    let older = events.rows.last().filter(|_| events.more);
    let older = older.map(|last| format!("{base}?before={}", last.id));
    let content = html! {
        (head(&device, Tab::Events, now))
        @if events.rows.is_empty() { (nothing()) } @else {
            ol.events { @for event in &events.rows { (line(event, now)) } }
        }
        (paging(before.map(|_| (base.as_str(), "Latest")), older.as_deref().map(|href| (href, "Earlier"))))
    };
    let title = format!("Events of {}", name(&device));
    Ok(caller.frame().part(Part::Devices).page(&title, &content))
}

fn line(event: &Happened, now: Timestamp) -> Markup {
    html! {
        li.(tone(&event.event)) {
            span.kind { (title(&event.event)) }
            div.words { @for line in event.words.lines() { p { (shown(line.trim())) } } }
            span.quiet { (time::when(event.at_ms, now)) }
        }
    }
}

/// How an event reads: as good news, as bad news, or as neither.
fn tone(event: &str) -> &'static str {
    match event {
        "refused" | "went-back" | "call-failed" | "suspended" | "dropped" | "quarantined"
        | "events-lost" | "log-parted" | "settings-refused" | "ceiling-refused" => "bad",
        "refresh-failed" | "put-off" | "stopped" | "denied" => "warn",
        "swapped" | "kept" | "plugin-started" | "limits-proven" => "good",
        _ => "plain",
    }
}

fn nothing() -> Markup {
    let words = html! {
        p { "The agent tells here what it pulled and verified, what each plugin was granted, what started, what was swapped and what was refused." }
    };
    empty("No events yet", &words)
}
