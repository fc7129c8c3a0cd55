//! Files of the update endpoint.

use super::BoxFuture;
use crate::bytes::ByteCount;

/// Fetches files of the update endpoint. It proves nothing: what it returns is bytes
/// that TUF has yet to verify.
pub trait Fetch: Send + Sync {
    /// The file at `path`, relative to the endpoint, at most `at_most` bytes long. `None`
    /// if the endpoint says that there is none.
    fn fetch<'a>(
        &'a self,
        path: &'a str,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, FetchError>>;
}

/// Why a file could not be fetched.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection, or none that TLS accepts.
    #[error("{url} can't be reached: {reason}")]
    Unreachable {
        /// Full address.
        url: String,
        /// The innermost cause, in words.
        reason: String,
    },
    /// The server answered with something else than the file.
    #[error("{url} answered {status}{hint}")]
    Status {
        /// Full address.
        url: String,
        /// HTTP status.
        status: u16,
        /// What it may mean, or empty.
        hint: String,
    },
    /// More than was allowed.
    #[error("{url} is longer than {at_most}")]
    TooLarge {
        /// Full address.
        url: String,
        /// The bound.
        at_most: ByteCount,
    },
    /// The path can't be part of an address on the endpoint.
    #[error("`{path}` is not a path on the update endpoint")]
    InvalidPath {
        /// As asked for.
        path: String,
    },
}
