//! Posts from devices: bounded, stored, then answered.

use std::time::Duration;

use axum::{
    Extension,
    body::Bytes,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bailiwick_core::ids::DeviceId;
use bailiwick_report::wire::Envelope;
use tokio::{sync::SemaphorePermit, time::timeout};

use super::{Shared, enrol::forbid};
use crate::{
    enrolment::Peer,
    store::{Answer, PostError},
};

/// Longest body of a post, in bytes.
pub(super) const LONGEST: usize = 4 * 1024 * 1024;
/// For the body of a post.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a device is asked to wait when the console is busy.
const BUSY_SECONDS: u64 = 5;

/// `POST /v1/reports`: one encoded report.
pub(super) async fn report(
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
    let device = match Envelope::parse(&post.body) {
        Ok(envelope) => DeviceId::from_bytes(*envelope.origin.device()),
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    if let Err(unfit) = enrolment.admit(&peer, &device, received) {
        return forbid(&unfit);
    }
    let stored = shared
        .context
        .inlet
        .report(post.key, post.body.into(), received)
        .await;
    settle(stored)
}

/// A post whose body has arrived. While it lives it counts among those in memory.
pub(super) struct Post<'a> {
    pub(super) key: String,
    pub(super) body: Bytes,
    _slot: SemaphorePermit<'a>,
}

impl<'a> Post<'a> {
    /// The post, or the answer to what is none.
    pub(super) async fn read(shared: &'a Shared, request: Request) -> Result<Self, Box<Response>> {
        let Some(key) = idempotency_key(request.headers()) else {
            return Err(Box::new(refuse(
                StatusCode::BAD_REQUEST,
                "the header Idempotency-Key is missing or not 1 to 200 of `A-Z a-z 0-9 . _ -`",
            )));
        };
        let announced = request.headers().get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: u64| length > LONGEST as u64) {
            return Err(Box::new(too_large()));
        }
        let Ok(slot) = shared.posts.try_acquire() else {
            let reason = "too many posts at once".to_owned();
            return Err(Box::new(settle(Err(PostError::Unavailable(reason)))));
        };
        let body = match timeout(PATIENCE, Bytes::from_request(request, &())).await {
            Ok(Ok(body)) => body,
            Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                return Err(Box::new(too_large()));
            }
            Ok(Err(_)) | Err(_) => {
                let reason = "the body did not arrive whole";
                return Err(Box::new(answer(
                    StatusCode::REQUEST_TIMEOUT,
                    "later",
                    reason,
                )));
            }
        };
        Ok(Self {
            key,
            body,
            _slot: slot,
        })
    }
}

/// The key, if there is exactly one and it is plain.
fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let key = keys.next()?.to_str().ok()?;
    let plain = (1..=200).contains(&key.len())
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    (plain && keys.next().is_none()).then(|| key.to_owned())
}

/// The answer to a post that reached the store.
pub(super) fn settle(stored: Result<Answer, PostError>) -> Response {
    match stored {
        Ok(kept @ Answer::Stored) => answer(StatusCode::OK, kept.as_str(), ""),
        Ok(kept @ Answer::NeedFull) => answer(
            StatusCode::CONFLICT,
            kept.as_str(),
            "the base of this differential report is not here: send a full one",
        ),
        Err(PostError::Refused(reason)) => refuse(StatusCode::BAD_REQUEST, &reason),
        Err(PostError::Unavailable(reason)) => {
            let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, "later", &reason);
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(BUSY_SECONDS));
            response
        }
    }
}

/// The answer to what will never be accepted.
pub(super) fn refuse(status: StatusCode, reason: &str) -> Response {
    answer(status, "refused", reason)
}

fn too_large() -> Response {
    let reason = format!("it has more than {LONGEST} bytes");
    refuse(StatusCode::PAYLOAD_TOO_LARGE, &reason)
}

/// The form of every answer but files: `result` for the sender, `reason` for a person.
pub(super) fn answer(status: StatusCode, result: &str, reason: &str) -> Response {
    let body = axum::Json(serde_json::json!({ "result": result, "reason": reason }));
    (status, [(header::CACHE_CONTROL, "no-store")], body).into_response()
}
