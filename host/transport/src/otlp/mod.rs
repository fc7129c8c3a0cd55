//! Metrics for an OpenTelemetry collector: OTLP over HTTP, encoded as protobuf, which every
//! receiver takes (JSON is optional for some). Source: OpenTelemetry Protocol Specification
//! 1.9, "OTLP/HTTP".
//!
//! Sums are cumulative, so nothing is kept for a second attempt: the next export has all.

mod export;
mod protobuf;

use std::time::Duration;

use bailiwick_core::bytes::ByteCount;
use reqwest::{Response, StatusCode, Url, header};

pub use self::export::{Export, Instrument, Kind, Number, Point};
use self::protobuf::{Field, fields};
use crate::{Address, Https, answer, cause, retry_after};

const PROTOBUF: &str = "application/x-protobuf";

/// For one export, answer included. It has some kilobytes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers are empty, or a sentence.
const ANSWER: ByteCount = ByteCount::kib(16);

/// Longest text of a receiver that is passed on, in characters.
const TOLD: usize = 300;

/// Sends metrics to `v1/metrics` beneath an address.
#[derive(Clone, Debug)]
pub struct Otlp {
    https: Https,
    url: Url,
}

/// Why an export was not taken, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct OtlpError {
    /// No export before this time, if the receiver asked for that; at most one hour.
    pub after: Option<Duration>,
    /// Who did not answer, or what they answered, and what to do.
    pub reason: String,
}

impl OtlpError {
    fn new(reason: String) -> Self {
        Self {
            after: None,
            reason,
        }
    }
}

impl Otlp {
    /// Metrics go to the collector at `address`.
    pub fn new(https: &Https, address: &Address) -> Self {
        Self {
            https: https.clone(),
            url: address.append("v1/metrics"),
        }
    }

    /// Sends one export, once.
    ///
    /// # Errors
    /// Nobody took it, or not all of it. It is not to be sent again: the next one has all.
    pub async fn send(&self, export: Export) -> Result<(), OtlpError> {
        let url = &self.url;
        let request = self
            .https
            .0
            .post(url.clone())
            .timeout(PATIENCE)
            .header(header::CONTENT_TYPE, PROTOBUF)
            .body(export.into_bytes());
        let response = request.send().await.map_err(|error| {
            OtlpError::new(format!("{url} can't be reached: {}", cause::words(&error)))
        })?;
        let status = response.status();
        let after = retry_after::wait(response.headers());
        let is_protobuf = is_protobuf(&response);
        let body = answer::bytes(response, ANSWER).await;
        match (status, body) {
            // Some receivers say nothing at all, not even of what kind. A captive page does.
            (StatusCode::OK, Some(body)) if is_protobuf || body.is_empty() => partial(url, &body),
            (status, body) => Err(OtlpError {
                // RFC 9110 also knows the header where it does not mean this.
                after: after.filter(|_| is_retryable(status)),
                reason: refusal(url, status, body.filter(|_| is_protobuf).as_deref()),
            }),
        }
    }
}

/// Whether the receiver may take the next one ("Retryable Response Codes"). Where it may not,
/// something has to be mended; it is tried again all the same, for nobody tells when it was.
fn is_retryable(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

fn is_protobuf(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with(PROTOBUF))
}

/// What an `ExportMetricsServiceResponse` says ("Partial Success").
fn partial(url: &Url, body: &[u8]) -> Result<(), OtlpError> {
    let Some(partial) = bytes(body, 1) else {
        return Ok(());
    };
    let rejected = fields(partial).find_map(|field| match field {
        Field::Varint(1, rejected) => Some(rejected),
        _ => None,
    });
    match rejected {
        // A remark on what was taken.
        None | Some(0) => Ok(()),
        Some(rejected) => Err(OtlpError::new(format!(
            "{url} did not take {rejected} values: {}",
            told(partial)
        ))),
    }
}

/// A `google.rpc.Status`, or no answer of a receiver's at all.
fn refusal(url: &Url, status: StatusCode, body: Option<&[u8]>) -> String {
    let code = status.as_u16();
    match body.map(told).filter(|told| !told.is_empty()) {
        Some(told) => format!("{url} answered {code}: {told}"),
        None => format!(
            "{url} answered {code}, and not as a collector does: check `otlp-url`, which is the \
             address without `v1/metrics`; a proxy may answer in its place"
        ),
    }
}

/// Field 2 of either answer, for logs and the screen of an administrator.
fn told(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes(message, 2).unwrap_or_default());
    text.chars()
        .filter(|c| !c.is_control())
        .take(TOLD)
        .collect()
}

fn bytes(message: &[u8], wanted: u64) -> Option<&[u8]> {
    fields(message).find_map(|field| match field {
        Field::Bytes(number, bytes) if number == wanted => Some(bytes),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use bailiwick_core::time::Timestamp;

    use super::*;
    use crate::test_server::{TestServer, answer};

    fn export() -> Export {
        let at = Timestamp::from_ms(1_795_000_000_000);
        let mut export = Export::new(&[("service.name", "bailiwick")], ("scope", "1"), at);
        let calls = Instrument {
            name: "bailiwick.plugin.calls",
            unit: "{call}",
            description: "Calls.",
            kind: Kind::Counter,
        };
        let point = Point {
            attributes: &[("bailiwick.plugin.name", "inventory")],
            start: Timestamp::from_ms(1_794_000_000_000),
            value: Number::Count(7),
        };
        export.metric(&calls, &[point]);
        export.metric(&calls, &[]);
        export
    }

    async fn sent_to(status: &str, headers: &str, body: &str) -> Result<(), OtlpError> {
        let server = TestServer::start(&[&answer(status, headers, body)]).await;
        let (https, address) = server.client();
        Otlp::new(&https, &address).send(export()).await
    }

    const KIND: &str = "content-type: application/x-protobuf\r\n";

    #[tokio::test]
    async fn a_collector_gets_one_post_of_protobuf() {
        let mut server = TestServer::start(&[&answer("200 OK", KIND, "")]).await;
        let (https, address) = server.client();
        Otlp::new(&https, &address).send(export()).await.unwrap();
        let received = server.requests.recv().await.unwrap();
        assert!(received.head.starts_with("post /base/v1/metrics http/1.1"));
        assert!(received.head.contains(KIND.trim_end()));
        assert_eq!(received.body, export().into_bytes());
        let text = String::from_utf8_lossy(&received.body);
        assert_eq!(text.matches("bailiwick.plugin.calls").count(), 1);
    }

    #[tokio::test]
    async fn who_is_throttled_waits_as_long_as_asked() {
        for status in ["429 Too Many Requests", "503 Service Unavailable"] {
            let headers = format!("{KIND}retry-after: 90\r\n");
            let refused = sent_to(status, &headers, "\u{12}\u{4}full")
                .await
                .unwrap_err();
            assert_eq!(refused.after, Some(Duration::from_secs(90)));
            assert!(refused.reason.ends_with(": full"), "{refused}");
        }
        let headers = format!("{KIND}retry-after: 9\r\n");
        let bad = sent_to("400 Bad Request", &headers, "").await.unwrap_err();
        assert_eq!(bad.after, None);
        assert!(bad.reason.contains("check `otlp-url`"), "{bad}");
    }

    #[tokio::test]
    async fn a_page_is_no_collector() {
        let page = sent_to("200 OK", "content-type: text/html\r\n", "<html>").await;
        let reason = page.unwrap_err().reason;
        assert!(
            reason.contains("a proxy may answer in its place"),
            "{reason}"
        );
        assert_eq!(sent_to("200 OK", "", "").await, Ok(()));
    }

    #[tokio::test]
    async fn values_that_were_not_taken_are_told() {
        let rejected = "\u{a}\u{9}\u{8}\u{3}\u{12}\u{5}clock";
        let reason = sent_to("200 OK", KIND, rejected).await.unwrap_err().reason;
        assert!(reason.ends_with("did not take 3 values: clock"), "{reason}");
        let remark = "\u{a}\u{7}\u{12}\u{5}clock";
        assert_eq!(sent_to("200 OK", KIND, remark).await, Ok(()));
    }
}
