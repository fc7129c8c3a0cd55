//! `GET /mqtt`: MQTT on a WebSocket, for devices that only web traffic leads out from.

use std::time::Duration;

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use bailiwick_transport::{Upgrade, WebSocket};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::{Shared, ingest, nothing_here};
use crate::enrolment::Peer;

/// From the answer to the upgraded stream.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers the upgrade, and hands the stream to the broker.
pub(super) async fn upgrade(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    let Some(door) = shared.context.door else {
        return nothing_here();
    };
    let headers = request.headers();
    let agreed = Upgrade::read(|name| headers.get(name)?.to_str().ok());
    let agreed = match agreed {
        Ok(agreed) => agreed,
        Err(reason) => return refuse(reason),
    };
    let Some(place) = door.place() else {
        return ingest::answer(
            StatusCode::SERVICE_UNAVAILABLE,
            "later",
            "too many connections at once",
        );
    };
    tokio::spawn(async move {
        // One that leaves before it is upgraded has left, and that is all.
        if let Ok(Ok(stream)) = timeout(PATIENCE, hyper::upgrade::on(request)).await {
            place.take(WebSocket::accepted(TokioIo::new(stream)), peer);
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in agreed.headers() {
        // What is in base64 is a header's value.
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn refuse(reason: &str) -> Response {
    let mut response = ingest::refuse(StatusCode::UPGRADE_REQUIRED, reason);
    response
        .headers_mut()
        .insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response
}
