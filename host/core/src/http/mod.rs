//! What a request over HTTP is (RFC 9110), and which machines one may reach.
//!
//! All that decides about a request is here and in [`crate::policy::Http`], without a socket:
//! who sends it asks again for each address that a name turns out to have.

mod header;
mod method;
mod network;
mod reach;
mod url;

pub use header::{HeaderError, LONGEST_HEADERS, MOST_HEADERS, check_headers};
pub use method::Method;
pub use network::{Network, NetworkError};
pub use reach::{Special, may_reach};
pub use url::{LONGEST_URL, Origin, PathPrefix, Scheme, Target, UrlError};
