//! What is said over HTTPS: JSON objects, closed.

use bailiwick_core::enrolment::Secret;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::Url;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Posted to `v1/enrol`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// The token's secret in base64.
    secret: String,
    /// The certificate request in PEM form.
    pub request: String,
}

impl Enrol {
    /// What a device posts.
    pub fn new(secret: &Secret, request: String) -> Self {
        let secret = BASE64_STANDARD.encode(secret.as_bytes());
        Self { secret, request }
    }

    /// The secret; none if it has another length.
    pub fn secret(&self) -> Option<Secret> {
        let bytes = BASE64_STANDARD.decode(&self.secret).ok()?;
        bytes.try_into().ok().map(Secret::from_bytes)
    }
}

/// Posted to `v1/renew`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renew {
    /// The certificate request in PEM form, of another key.
    pub request: String,
}

/// The answer to both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issued {
    /// `issued`.
    pub result: String,
    /// The certificate in PEM form.
    pub certificate: String,
    /// The MQTT broker over which devices are to report, if there is one.
    #[serde(default)]
    pub mqtt: Option<Broker>,
}

/// Where the broker is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Broker {
    /// The console itself, at this port of the host where the device found it.
    Port(u16),
    /// Elsewhere: `mqtts://` or `wss://`.
    Address(String),
}

impl Broker {
    /// Its address for a device that found the console at `console`.
    pub(super) fn address(self, console: &Url) -> Option<String> {
        match self {
            Self::Port(port) => Some(format!("mqtts://{}:{port}", console.host_str()?)),
            Self::Address(address) => Some(address),
        }
    }
}

impl Issued {
    /// Its `result`.
    pub const RESULT: &str = "issued";

    /// What the console answers.
    pub fn new(certificate_der: &[u8], mqtt: Option<Broker>) -> Option<Self> {
        Some(Self {
            result: Self::RESULT.to_owned(),
            certificate: super::certificate::to_pem(certificate_der).ok()?,
            mqtt,
        })
    }
}

/// A posted object.
///
/// # Errors
/// It is none, or has other fields; in words.
pub fn read_request<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
