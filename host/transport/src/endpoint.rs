//! The update endpoint: static files over HTTPS.

use std::time::Duration;

use bailiwick_core::{
    bytes::ByteCount,
    ports::{BoxFuture, Fetch, FetchError},
};
use reqwest::{Response, StatusCode, Url, header};

use crate::{Address, Https, cause};

/// A whole fetch may take this, plus the time that its bound needs at [`SLOWEST`]: so an
/// endpoint that trickles can't hold up updates for ever (TUF: slow retrieval attack).
const PATIENCE: Duration = Duration::from_secs(60);

/// Slowest line that is served, in bytes per second.
const SLOWEST: u64 = 16 * 1024;

/// Fetches files beneath one address. What it returns is bytes that nobody has verified.
#[derive(Clone, Debug)]
pub struct Endpoint {
    https: Https,
    address: Address,
}

impl Endpoint {
    /// The endpoint at `address`, reached through `https`.
    pub fn new(https: &Https, address: Address) -> Self {
        Self {
            https: https.clone(),
            address,
        }
    }

    async fn fetch_file(
        &self,
        path: &str,
        at_most: ByteCount,
    ) -> Result<Option<Vec<u8>>, FetchError> {
        let url = self
            .address
            .join(path)
            .ok_or_else(|| FetchError::InvalidPath {
                path: path.chars().take(200).collect(),
            })?;
        let patience = PATIENCE + Duration::from_secs(at_most.get() / SLOWEST);
        let request = self.https.0.get(url.clone()).timeout(patience);
        let response = request.send().await.map_err(|e| unreachable(&url, &e))?;
        match response.status() {
            StatusCode::OK if !is_page(&response) => read(response, &url, at_most).await.map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(FetchError::Status {
                url: url.into(),
                status: status.as_u16(),
                hint: hint(&response),
            }),
        }
    }
}

impl Fetch for Endpoint {
    fn fetch<'a>(
        &'a self,
        path: &'a str,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, FetchError>> {
        Box::pin(self.fetch_file(path, at_most))
    }
}

fn unreachable(url: &Url, error: &reqwest::Error) -> FetchError {
    FetchError::Unreachable {
        url: url.to_string(),
        reason: cause::words(error),
    }
}

/// Reads by chunks, so that no length the server claims is ever allocated.
async fn read(
    mut response: Response,
    url: &Url,
    at_most: ByteCount,
) -> Result<Vec<u8>, FetchError> {
    let too_large = || FetchError::TooLarge {
        url: url.to_string(),
        at_most,
    };
    if response.content_length().is_some_and(|n| n > at_most.get()) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| unreachable(url, &e))? {
        if (bytes.len() + chunk.len()) as u64 > at_most.get() {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    if looks_like_a_page(&bytes) {
        return Err(FetchError::Status {
            url: url.to_string(),
            status: StatusCode::OK.as_u16(),
            hint: A_PAGE.to_owned(),
        });
    }
    Ok(bytes)
}

const A_PAGE: &str = ", but with a web page instead of the file: a proxy, a captive portal or an \
                      error page answers in its place; open the address in a browser on this \
                      network to see it";

fn is_page(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html"))
}

/// Pages that come without a content type. No metadata, manifest or component begins so.
fn looks_like_a_page(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    ["<!doctype html", "<html"].iter().any(|mark| {
        start
            .get(..mark.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(mark.as_bytes()))
    })
}

fn hint(response: &Response) -> String {
    let status = response.status();
    if status == StatusCode::OK {
        return A_PAGE.to_owned();
    }
    if status.is_redirection() {
        let to = response.headers().get(header::LOCATION);
        let to = to.and_then(|to| response.url().join(to.to_str().ok()?).ok());
        let to = to.map_or_else(String::new, |to| {
            format!(" to {}", to.origin().ascii_serialization())
        });
        return format!(
            ", a redirect{to}: redirects are not followed; name the final address in the \
             settings, or, if a sign-in page of the network answers, sign in"
        );
    }
    let text = match status {
        StatusCode::FORBIDDEN => {
            ": the server or a proxy refuses the file; an object store answers so for a file \
             that is missing when its list must not be read"
        }
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => ": the proxy asks for credentials",
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            ": it is overloaded; the next refresh tries again"
        }
        _ if status.is_server_error() => ": the server failed; the next refresh tries again",
        _ => "",
    };
    text.to_owned()
}
