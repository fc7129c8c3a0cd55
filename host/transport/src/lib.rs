//! The only user of the network: TLS, proxies, HTTPS, MQTT.
//!
//! One [`Https`] per process holds the TLS configuration (what is trusted) and the
//! connections. [`Endpoint`] fetches the files of an update endpoint through it, and
//! [`Reports`] and [`Events`] send to the orchestration layer; [`mqtt`] does so over a
//! [`Connector`] that shares what is trusted and the decision about proxies. TLS proves which server
//! answers, never that what it sends is what a plugin's vendor published: that is TUF's part.
//!
//! There is no switch that weakens the verification of certificates, and no plain http.

pub mod actions;
mod address;
mod answer;
mod backoff;
mod cause;
mod connector;
mod endpoint;
pub mod enrol;
mod event;
mod files;
mod https;
pub mod mqtt;
pub mod otlp;
mod proxy;
mod reports;
mod requests;
mod retry_after;
mod trust;
mod verifier;

pub use address::{Address, AddressError, is_path};
pub use backoff::full_jitter;
pub use connector::{
    BrokerAddress, BrokerAddressError, ConnectError, Connector, Hop, Upgrade, WebSocket,
};
pub use endpoint::Endpoint;
pub use event::{EventLine, event_lines};
pub use files::{FileOrigin, Files, LONGEST_FILE};
pub use https::{BuildError, Https};
pub use proxy::{ProxyError, ProxySettings};
pub use reports::{Events, Receipt, Reports, SendError};
pub use requests::Requests;
pub use trust::{Trust, TrustError};

#[cfg(test)]
mod test_server;
#[cfg(test)]
mod tests;
