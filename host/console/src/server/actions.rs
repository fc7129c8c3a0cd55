//! Actions over HTTPS: `POST /v1/actions` takes an operator's envelope, `GET
//! /v1/actions/<device>` hands a device its own, and `POST /v1/outcomes` takes what became of
//! them.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use bailiwick_core::{
    action::{LONGEST_ENVELOPE, Operators},
    ids::DeviceId,
};
use bailiwick_repository::Repository;
use bailiwick_transport::actions::OutcomeMessage;
use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

use super::{
    Shared, Stopping,
    enrol::forbid,
    ingest::{Post, refuse, settle},
};
use crate::{enrolment::Peer, store::PostError};

/// A device that has no actions is answered after this: sooner than a proxy gives up.
const WAIT: Duration = Duration::from_secs(25);
/// Longest envelope, in bytes.
const LONGEST: usize = LONGEST_ENVELOPE.get() as usize;

/// The routes of this file.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route(
            "/v1/actions",
            post(envelope).layer(DefaultBodyLimit::max(LONGEST)),
        )
        .route("/v1/actions/{device}", get(for_device))
        .route("/v1/outcomes", post(outcome))
}

/// Whoever holds an envelope may hand it in: that an operator signed it is in it.
async fn envelope(State(shared): State<Shared>, request: Request) -> Response {
    let now = (shared.context.now)();
    let post = match Post::read(&shared, request).await {
        Ok(post) => post,
        Err(answer) => return *answer,
    };
    let operators = match published(&shared).await {
        Ok(operators) => operators,
        Err(error) => return settle(Err(error)),
    };
    let actions = &shared.context.actions;
    settle(actions.take(post.body.to_vec(), operators, now).await)
}

/// Who may sign, as the files say that this console serves.
async fn published(shared: &Shared) -> Result<Operators, PostError> {
    let public = Arc::clone(&shared.context.public);
    let read = spawn_blocking(move || Repository::served(&public, &public)?.operators()).await;
    let read = read.map_err(|error| PostError::Unavailable(error.to_string()))?;
    read.map_err(|error| {
        PostError::Unavailable(format!("the list of operators can't be read: {error}"))
    })
}

async fn for_device(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    Extension(Stopping(mut stop)): Extension<Stopping>,
    Path(device): Path<String>,
) -> Response {
    let Ok(device) = device.parse::<DeviceId>() else {
        return refuse(StatusCode::BAD_REQUEST, "the address names no device");
    };
    let context = &shared.context;
    if let Err(unfit) = context.enrolment.admit(&peer, &device, (context.now)()) {
        return forbid(&unfit);
    }
    let until = Instant::now() + WAIT;
    let mut changed = context.actions.changed();
    loop {
        let pending = match context.actions.pending(device, (context.now)()).await {
            Ok(pending) => pending,
            Err(error) => return settle(Err(error)),
        };
        let is_over = !pending.is_empty()
            || tokio::select! {
                next = timeout_at(until, changed.changed()) => !matches!(next, Ok(Ok(()))),
                // The device asks the next server, and nobody waits for it here.
                _ = stop.wait_for(|stop| *stop) => true,
            };
        if is_over {
            let texts = pending.into_iter();
            let texts = texts.filter_map(|one| String::from_utf8(one.envelope).ok());
            let texts: Vec<String> = texts.collect();
            let body = axum::Json(serde_json::json!({ "actions": texts }));
            return ([(header::CACHE_CONTROL, "no-store")], body).into_response();
        }
    }
}

async fn outcome(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    let received = (shared.context.now)();
    let enrolment = &shared.context.enrolment;
    if let Err(unfit) = enrolment.listen(&peer, received) {
        return forbid(&unfit);
    }
    let post = match Post::read(&shared, request).await {
        Ok(post) => post,
        Err(answer) => return *answer,
    };
    let message: OutcomeMessage = match serde_json::from_slice(&post.body) {
        Ok(message) => message,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    if let Err(unfit) = enrolment.admit(&peer, &message.device, received) {
        return forbid(&unfit);
    }
    settle(shared.context.actions.outcome(message, received).await)
}
