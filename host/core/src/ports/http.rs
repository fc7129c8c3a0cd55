//! Requests that plugins make over HTTP.

use std::time::Duration;

use super::BoxFuture;
use crate::{
    bytes::ByteCount,
    http::{Method, Special, Target},
    ids::PluginName,
    policy::HttpAllowed,
};

/// A request, once its policy allows it: everything of it is decided but the address that a
/// name turns out to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOrder {
    /// What to do.
    pub method: Method,
    /// Where.
    pub target: Target,
    /// Names and values that [`crate::http::check_headers`] let pass.
    pub headers: Vec<(String, String)>,
    /// Empty for methods that take none.
    pub body: Vec<u8>,
    /// Under what it is sent.
    pub allowed: HttpAllowed,
    /// Longest body of an answer that is read.
    pub at_most: ByteCount,
    /// From the look-up of the name to the answer's last byte.
    pub time_limit: Duration,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// 200 to 999: what comes before the answer is not told.
    pub status: u16,
    /// Names in small letters, and values, in the server's order. Those of the connection
    /// are left out. A byte that is no ASCII is taken for ISO 8859-1.
    pub headers: Vec<(String, String)>,
    /// As it was sent: not decompressed.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// No address of the name may be reached under the grant.
    #[error("its name stands for {}", .0.in_words())]
    Denied(Special),
    /// Too many in a minute.
    #[error("the rate is used up for {} ms", .0.as_millis())]
    TooOften(Duration),
    /// The answer's body is longer than was allowed.
    #[error("the answer is too long")]
    TooLarge,
    /// The time was over.
    #[error("there was no answer in time")]
    TimedOut,
    /// No connection, or none that TLS accepts.
    #[error("it can't be reached: {0}")]
    Unreachable(String),
    /// What was answered can't be read as one answer.
    #[error("it answered what is no HTTP: {0}")]
    NotHttp(&'static str),
    /// This host can't send requests.
    #[error("requests can't be sent here: {0}")]
    Unavailable(String),
}

/// Sends requests of plugins.
pub trait Http: Send + Sync {
    /// Sends it once, follows no redirect, and keeps no connection, cookie or answer. It
    /// connects to an address that [`HttpAllowed::reaches`] allows, and to no other. Whoever
    /// drops the future closes the connection.
    fn request<'a>(
        &'a self,
        plugin: &'a PluginName,
        order: HttpOrder,
    ) -> BoxFuture<'a, Result<HttpAnswer, HttpError>>;
}

/// Asks nobody: for trials of plugins.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHttp;

impl Http for NoHttp {
    fn request<'a>(
        &'a self,
        _: &'a PluginName,
        _: HttpOrder,
    ) -> BoxFuture<'a, Result<HttpAnswer, HttpError>> {
        let reason = "nobody is asked here".to_owned();
        Box::pin(async { Err(HttpError::Unavailable(reason)) })
    }
}
