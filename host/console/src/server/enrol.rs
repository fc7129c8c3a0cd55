//! Certificates for devices: `POST /v1/enrol` with a token, `POST /v1/renew` with a
//! certificate, and `GET /v1/device`, which tells a device what its certificate counts for.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest as _, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use bailiwick_core::{digest::Sha256, enrolment::Refusal, ids::DeviceId, time::Timestamp};
use bailiwick_transport::enrol::{self, Enrol, Renew, read_request};
use serde::de::DeserializeOwned;
use tokio::{task::spawn_blocking, time::timeout};

use super::{
    Shared,
    ingest::{answer, refuse},
};
use crate::{
    enrolment::{Enrolment, Issued, NotIssued, Peer, Unfit},
    store::IncomingEvent,
};

/// Longest body, in bytes: a request for a certificate has some hundreds.
const LONGEST: usize = 8 * 1024;
/// For the body to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// The routes of this file.
pub(super) fn routes() -> Router<Shared> {
    let short = DefaultBodyLimit::max(LONGEST);
    Router::new()
        .route("/v1/enrol", post(with_token).layer(short))
        .route("/v1/renew", post(renew).layer(short))
        .route("/v1/device", get(device))
}

async fn with_token(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    let posted: Enrol = match read(request).await {
        Ok(posted) => posted,
        Err(refused) => return *refused,
    };
    let (Some(secret), Ok(request)) = (posted.secret(), enrol::Request::read(&posted.request))
    else {
        let reason = "it holds no secret, or no certificate request for an ECDSA key on P-256";
        return refuse(StatusCode::BAD_REQUEST, reason);
    };
    let now = (shared.context.now)();
    let from = peer.address.ip();
    let settled = settle(&shared, move |enrolment| {
        enrolment.enrol(&secret, &request, from, now)
    });
    match settled.await {
        Ok(issued) => {
            if issued.is_new {
                let words = format!("enrolled from {from}");
                tell(&shared, issued.device, "enrolled", words, now).await;
            }
            issued_answer(&shared, &issued)
        }
        Err(error) => {
            let words = format!("a token was refused that came from {from}: {error}");
            eprintln!("bailiwick-console: {words}");
            if let NotIssued::Refused(Refusal::Used(device) | Refusal::OtherDevice(device)) = error
            {
                tell(&shared, device, "token-refused", words, now).await;
            }
            not_issued(&error)
        }
    }
}

async fn renew(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    // Who has no certificate is not listened to for long.
    let now = (shared.context.now)();
    if let Err(unfit) = shared.context.enrolment.require(&peer, now) {
        return forbid(&unfit);
    }
    let posted: Renew = match read(request).await {
        Ok(posted) => posted,
        Err(refused) => return *refused,
    };
    let request = match enrol::Request::read(&posted.request) {
        Ok(request) => request,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let settled = settle(&shared, move |enrolment| {
        enrolment.renew(&peer, &request, now)
    });
    match settled.await {
        Ok(issued) => {
            if issued.is_new {
                let words = "its certificate was renewed".to_owned();
                tell(&shared, issued.device, "certificate-issued", words, now).await;
            }
            issued_answer(&shared, &issued)
        }
        Err(error) => not_issued(&error),
    }
}

async fn device(State(shared): State<Shared>, Extension(peer): Extension<Peer>) -> Response {
    match shared
        .context
        .enrolment
        .require(&peer, (shared.context.now)())
    {
        Ok(device) => answer(StatusCode::OK, "known", &device.to_string()),
        Err(unfit) => forbid(&unfit),
    }
}

async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Box<Response>> {
    let body = match timeout(PATIENCE, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(rejection)) => {
            let reason = format!("its body is not taken: at most {LONGEST} bytes are");
            return Err(Box::new(refuse(rejection.status(), &reason)));
        }
        Err(_) => {
            let reason = "the body did not arrive whole";
            return Err(Box::new(answer(
                StatusCode::REQUEST_TIMEOUT,
                "later",
                reason,
            )));
        }
    };
    read_request(&body).map_err(|reason| Box::new(refuse(StatusCode::BAD_REQUEST, &reason)))
}

/// Away from the threads that serve connections: it waits for the disk.
async fn settle(
    shared: &Shared,
    work: impl FnOnce(&Enrolment) -> Result<Issued, NotIssued> + Send + 'static,
) -> Result<Issued, NotIssued> {
    let enrolment = Arc::clone(&shared.context.enrolment);
    let done = spawn_blocking(move || work(&enrolment)).await;
    done.unwrap_or_else(|_| Err(NotIssued::Stopping))
}

/// Tells it on the page, beside what the device itself tells. A certificate is issued whether
/// that could be written or not.
async fn tell(shared: &Shared, device: DeviceId, event: &str, words: String, now: Timestamp) {
    let body = serde_json::json!({ "event": event }).to_string();
    let sha256 = Sha256::of(format!("{event} {words} {}", now.as_ms()).as_bytes()).to_string();
    let key = format!("console-{device}-{sha256}");
    let event = IncomingEvent {
        device,
        at: now,
        plugin: None,
        event: event.to_owned(),
        words,
        body,
        log: None,
    };
    let told = shared.context.inlet.events(key, sha256, vec![event], now);
    if let Err(error) = told.await {
        eprintln!("bailiwick-console: an event of {device} was not kept: {error}");
    }
}

fn issued_answer(shared: &Shared, issued: &Issued) -> Response {
    match enrol::Issued::new(&issued.der, shared.context.enrolment.broker()) {
        Some(body) => ([(header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response(),
        None => later("the certificate has no PEM form"),
    }
}

fn not_issued(error: &NotIssued) -> Response {
    match error {
        NotIssued::Refused(refusal) => refuse(StatusCode::FORBIDDEN, &refusal.to_string()),
        NotIssued::Unfit(unfit) => forbid(unfit),
        NotIssued::TooOften(seconds) => {
            let reason = error.to_string();
            let mut response = answer(StatusCode::TOO_MANY_REQUESTS, "later", &reason);
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
            response
        }
        NotIssued::Authority(error) => {
            eprintln!("bailiwick-console: {error}");
            later(&error.to_string())
        }
        NotIssued::Register(error) => {
            eprintln!("bailiwick-console: {error}");
            later("the register of devices can't be used")
        }
        NotIssued::Stopping => later(&error.to_string()),
    }
}

/// The answer to a connection that may not speak for a device. What it wanted to say is to be
/// kept: the device may be enrolled anew.
pub(super) fn forbid(unfit: &Unfit) -> Response {
    match unfit {
        Unfit::Other(_) => refuse(StatusCode::BAD_REQUEST, &unfit.to_string()),
        Unfit::Register(error) => {
            eprintln!("bailiwick-console: {error}");
            later("the register of devices can't be read")
        }
        Unfit::None | Unfit::Unknown | Unfit::Expired(_) | Unfit::Revoked(_) => {
            answer(StatusCode::FORBIDDEN, "forbidden", &unfit.to_string())
        }
    }
}

fn later(reason: &str) -> Response {
    answer(StatusCode::SERVICE_UNAVAILABLE, "later", reason)
}
