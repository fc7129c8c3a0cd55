//! Requests over HTTP to servers that the policy names.
//!
//! ```
//! use bailiwick_sdk::{
//!     fake::Device,
//!     http::{self, Error, Request, Response},
//! };
//!
//! fn is_healthy() -> Result<bool, Error> {
//!     let request = Request::get("https://status.example.com/v1/health");
//!     let answer = http::send(&request.with_header("accept", "text/plain"))?;
//!     Ok(answer.status == 200 && answer.body == b"well")
//! }
//!
//! let answer = Response {
//!     status: 200,
//!     headers: Vec::new(),
//!     body: b"well".to_vec(),
//! };
//! let device = Device::new().server("https://status.example.com/v1/health", Ok(answer));
//! assert_eq!(device.run(is_healthy), Ok(true));
//! assert_eq!(device.requests()[0].headers[0].name, "accept");
//! assert_eq!(Device::new().run(is_healthy), Err(Error::Denied));
//! ```
//!
//! No redirect is followed: where [`Response::header`] has a `location`, ask there if you mean
//! to, and take your `authorization` along only to a server that is to have it.

pub use crate::bindings::bailiwick::plugin::http::{Error, Header, Method, Request, Response};
use crate::host::http;

/// Longest body of an answer that a request takes unless it says otherwise, in bytes.
const USUAL_ANSWER: u32 = 1024 * 1024;

/// Sends one request and waits for its answer.
///
/// # Errors
/// See [`Error`].
pub fn send(request: &Request) -> Result<Response, Error> {
    http::send(request)
}

impl Request {
    /// Asks for what is at `url`: an answer of at most 1 MiB, within 30 s.
    pub fn get(url: &str) -> Self {
        Self {
            method: Method::Get,
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            at_most: USUAL_ANSWER,
            timeout_ms: 0,
        }
    }

    /// Sends `body` to `url`; the rest as [`Self::get`].
    pub fn post(url: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: Method::Post,
            body: body.into(),
            ..Self::get(url)
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(Header {
            name: name.to_owned(),
            value: value.to_owned(),
        });
        self
    }
}

impl Response {
    /// The value of the first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|header| header.name.eq_ignore_ascii_case(name))?;
        Some(&found.value)
    }
}

impl From<Error> for crate::CollectError {
    /// For a plugin that can't do without the answer.
    fn from(error: Error) -> Self {
        Self::Unavailable(match error {
            Error::Denied => return Self::Denied("http".to_owned()),
            Error::Invalid(reason) | Error::Unreachable(reason) | Error::NotHttp(reason) => reason,
            Error::TooOften(wait) => format!("the rate is used up for {wait} ms"),
            Error::TooLarge => "the answer is too long".to_owned(),
            Error::TimedOut => "there was no answer in time".to_owned(),
            Error::Cancelled => "the action was called off".to_owned(),
            Error::Unavailable => "requests can't be sent here".to_owned(),
        })
    }
}
