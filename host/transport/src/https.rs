//! The one HTTPS client of a process.

use std::time::Duration;

use reqwest::{Client, redirect};

use crate::{ProxyError, ProxySettings, Trust, TrustError};

/// For the name look-up, TCP and TLS together.
const CONNECT: Duration = Duration::from_secs(15);

/// Longest silence of a server in the middle of an answer.
const SILENCE: Duration = Duration::from_secs(30);

/// An idle connection is closed after this: keeping one costs buffers, and making a new
/// one a few milliseconds.
const IDLE: Duration = Duration::from_secs(30);

/// The connections and the TLS configuration that everything in this crate shares.
/// Cloning shares them.
#[derive(Clone, Debug)]
pub struct Https(pub(crate) Client);

impl Https {
    /// Reads the authorities of `trust` and builds the client. Blocks on files: call it at
    /// start, outside of latency-sensitive tasks.
    ///
    /// # Errors
    /// When a configured CA or proxy can't be used, or no authority is trusted at all.
    pub fn new(trust: &Trust, proxy: &ProxySettings) -> Result<Self, BuildError> {
        let mut builder = Client::builder()
            .tls_backend_preconfigured(trust.client_config()?)
            .https_only(true)
            // An update endpoint has one address. A redirect is how captive pages and
            // interceptors announce themselves: it is reported, never followed.
            .redirect(redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("bailiwick/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(IDLE)
            .no_proxy();
        if let Some(proxy) = proxy.proxy()? {
            builder = builder.proxy(proxy);
        }
        let client = builder
            .build()
            .map_err(|error| BuildError::Client(crate::cause::words(&error)))?;
        Ok(Self(client))
    }
}

/// Why there is no client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Whom to trust can't be settled.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The proxy can't be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The HTTP library refused its configuration.
    #[error("the HTTPS client can't be set up: {0}")]
    Client(String),
}
