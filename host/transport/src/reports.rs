//! Upload to the orchestration layer, acknowledged after its commit.

use std::time::Duration;

use bailiwick_core::{bytes::ByteCount, sending::Blame};
use reqwest::{Response, StatusCode, Url, header};

use crate::{
    Address, EventLine, Https,
    answer::{self, Answer},
    cause,
    event::event_lines,
    retry_after,
};

/// For one upload, answer included: a report is at most a few MB.
const PATIENCE: Duration = Duration::from_secs(120);

/// Answers are one short JSON object.
const ANSWER: ByteCount = ByteCount::kib(16);

/// Sends encoded reports to `v1/reports` beneath an address.
#[derive(Clone, Debug)]
pub struct Reports(Ingest);

impl Reports {
    /// Reports go to the orchestration layer at `address`.
    pub fn new(https: &Https, address: &Address) -> Self {
        Self(Ingest::new(
            https,
            address,
            "v1/reports",
            "application/vnd.bailiwick.report",
        ))
    }

    /// Sends one encoded report. `idempotency_key` stays the same in every attempt for
    /// this report and is used for no other one, so the receiver keeps it once however
    /// often it arrives.
    ///
    /// # Errors
    /// [`SendError::Retry`] for everything that another attempt can cure, whoever
    /// answered; [`SendError::Refused`] only when the receiver itself said that this
    /// report will never be accepted.
    pub async fn send(&self, idempotency_key: &str, body: Vec<u8>) -> Result<Receipt, SendError> {
        self.0.post(idempotency_key, &[], body).await
    }
}

/// Sends what happens to plugins, one JSON object per line, to `v1/events` beneath an
/// address.
#[derive(Clone, Debug)]
pub struct Events(Ingest);

impl Events {
    /// Events go to the orchestration layer at `address`.
    pub fn new(https: &Https, address: &Address) -> Self {
        Self(Ingest::new(
            https,
            address,
            "v1/events",
            "application/x-ndjson",
        ))
    }

    /// Sends events; all of them are kept or none. The same key goes with the same events
    /// in every attempt.
    ///
    /// # Errors
    /// As [`Reports::send`].
    pub async fn send<E: serde::Serialize>(
        &self,
        idempotency_key: &str,
        events: &[EventLine<E>],
    ) -> Result<(), SendError> {
        let lines = event_lines(events).map_err(|error| SendError::Refused {
            reason: format!("the event has no JSON form: {error}"),
        })?;
        match self.0.post(idempotency_key, &[], lines).await? {
            Receipt::Stored => Ok(()),
            Receipt::NeedFull => Err(strange_receipt("events")),
        }
    }
}

/// A full report was asked for where none was sent.
pub(crate) fn strange_receipt(sent: &str) -> SendError {
    SendError::Retry {
        after: None,
        blame: Blame::PerhapsThis,
        reason: format!(
            "the orchestration layer answered {sent} as if that were a report: check the address \
             in the settings"
        ),
    }
}

/// What the receiver did with a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is committed: the sender may forget it.
    Stored,
    /// The receiver has not the base of this differential report: the sender may forget
    /// it and sends a full one next.
    NeedFull,
}

/// Why there is no receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Keep it and try again.
    #[error("not delivered, will be tried again: {reason}")]
    Retry {
        /// Not sooner than this, if the receiver asked for it; at most one hour.
        after: Option<Duration>,
        /// Whether what was sent may be at fault.
        blame: Blame,
        /// Who did not answer or what they answered.
        reason: String,
    },
    /// The receiver will never accept it: set it aside and tell.
    #[error("refused by the orchestration layer: {reason}")]
    Refused {
        /// What the receiver said.
        reason: String,
    },
}

/// One address that takes posts.
#[derive(Clone, Debug)]
pub(crate) struct Ingest {
    https: Https,
    url: Url,
    content_type: &'static str,
}

impl Ingest {
    pub(crate) fn new(
        https: &Https,
        address: &Address,
        path: &str,
        content_type: &'static str,
    ) -> Self {
        Self {
            https: https.clone(),
            url: address.append(path),
            content_type,
        }
    }

    pub(crate) async fn post(
        &self,
        key: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Receipt, SendError> {
        let url = &self.url;
        let mut request = self
            .https
            .0
            .post(url.clone())
            .timeout(PATIENCE)
            .header("idempotency-key", key)
            .header(header::CONTENT_TYPE, self.content_type)
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.map_err(|error| SendError::Retry {
            after: None,
            blame: Blame::Everything,
            reason: format!("{url} can't be reached: {}", cause::words(&error)),
        })?;
        let status = response.status();
        let after = retry_after::wait(response.headers());
        // Only an answer in the receiver's own form is a receipt or a refusal: a captive
        // page answers 200 and a proxy 403 or 404 to everything.
        let answer = read(response).await;
        match (status, answer.as_ref().map(|a| a.result.as_str())) {
            (StatusCode::OK | StatusCode::CREATED, Some("stored")) => Ok(Receipt::Stored),
            (StatusCode::CONFLICT, Some("need-full")) => Ok(Receipt::NeedFull),
            (
                StatusCode::BAD_REQUEST
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::UNPROCESSABLE_ENTITY,
                Some("refused"),
            ) => Err(SendError::Refused {
                reason: answer.map(|a| a.reason).unwrap_or_default(),
            }),
            _ => Err(SendError::Retry {
                after,
                blame: blame(status),
                reason: format!("{url} answered {}", strange(status, answer)),
            }),
        }
    }
}

/// A server that fails, or refuses without a receipt, may do so because of what it got. Not
/// where it speaks of who asks or of when, and not where the answer is a page.
pub(crate) fn blame(status: StatusCode) -> Blame {
    match status {
        StatusCode::UNAUTHORIZED
        | StatusCode::PROXY_AUTHENTICATION_REQUIRED
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_EARLY
        | StatusCode::TOO_MANY_REQUESTS => Blame::Everything,
        status if status.is_server_error() || status.is_client_error() => Blame::PerhapsThis,
        _ => Blame::Everything,
    }
}

fn strange(status: StatusCode, answer: Option<Answer>) -> String {
    let code = status.as_u16();
    match answer {
        Some(answer) if !answer.reason.is_empty() => format!("{code}: {}", answer.reason),
        Some(answer) => format!("{code} with the result `{}`", answer.result),
        None => format!(
            "{code} without a receipt: a proxy or another server may answer in its place; check \
             the address in the settings"
        ),
    }
}

async fn read(response: Response) -> Option<Answer> {
    Answer::parse(&answer::bytes(response, ANSWER).await?)
}
