//! What the device's owner asks for: to look, and for quiet.

use std::time::Duration;

use super::{
    host::Host,
    pause::{Pause, Paused},
};
use crate::{
    events::Event,
    look::{
        LogQuery, LogReport, OutboxQuery, OutboxReport, PartQuery, PartReport, VerifyQuery,
        VerifyReport,
    },
    socket::Response,
};
use bailiwick_store::StoreError;

/// What waits and what was sent.
pub(super) async fn outbox(host: &Host, query: OutboxQuery) -> Response {
    let look = move |database: &redb::Database| OutboxReport::read(database, &query);
    told(host.store.look(look).await, Response::Outbox)
}

/// What happened.
pub(super) async fn log(host: &Host, query: LogQuery) -> Response {
    let look = move |database: &redb::Database| LogReport::read(database, &query);
    told(host.store.look(look).await, Response::Log)
}

/// Whether the record of it is whole.
pub(super) async fn verify(host: &Host, query: VerifyQuery) -> Response {
    let look = move |database: &redb::Database| VerifyReport::read(database, &query);
    told(host.store.look(look).await, Response::Verified)
}

/// The record of it, with its chain.
pub(super) async fn log_part(host: &Host, query: PartQuery) -> Response {
    let look = move |database: &redb::Database| PartReport::read(database, query);
    told(host.store.look(look).await, Response::LogPart)
}

fn told<T>(read: Result<T, StoreError>, answer: impl FnOnce(T) -> Response) -> Response {
    match read {
        Ok(read) => answer(read),
        Err(error) => Response::Refused {
            reason: error.to_string(),
        },
    }
}

/// Begins a pause, or gives the one that lasts another end. It is on disk when this returns.
pub(super) async fn pause(host: &Host, span: Option<Duration>) -> Response {
    let now = host.clock.now();
    let since = host.pause.now().map_or(now, |paused| paused.since);
    let paused = Paused {
        since,
        until: span.map(|span| now.after(span)),
    };
    let event = Event::Paused {
        until: paused.until,
    };
    set(host, event, Some(paused)).await
}

/// Ends a pause, if one lasts.
pub(super) async fn resume(host: &Host) -> Response {
    match host.pause.now() {
        Some(paused) => set(host, resumed(&paused), None).await,
        None => Response::Pause { paused: None },
    }
}

/// Ends pauses at their time, for ever.
pub(super) async fn end_in_time(host: &Host) {
    loop {
        host.pause.ended(|| host.clock.now()).await;
        if let Some(paused) = host.pause.now() {
            set(host, resumed(&paused), None).await;
        }
    }
}

fn resumed(paused: &Paused) -> Event {
    Event::Resumed {
        paused_at: paused.since,
    }
}

async fn set(host: &Host, event: Event, paused: Option<Paused>) -> Response {
    // First, so that nothing begins that would be told to have been made in a pause.
    host.pause.set(paused);
    let (name, value) = Pause::record(paused);
    host.tell_and_keep(&[event], name, value).await;
    Response::Pause { paused }
}
