//! The device's way to the console that signs its certificate.

use std::time::Duration;

use bailiwick_core::{bytes::ByteCount, enrolment::Secret, ids::DeviceId};
use reqwest::{RequestBuilder, StatusCode, Url, header};
use serde::Serialize;

use super::{
    Certificate,
    wire::{Enrol, Issued, Renew},
};
use crate::{
    Address, Https,
    answer::{Answer, bytes},
    cause,
};

/// For one question, answer included.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest answer.
const ANSWER: ByteCount = ByteCount::kib(16);

/// Asks the console at one address.
#[derive(Clone, Debug)]
pub struct Enroller {
    https: Https,
    address: Address,
}

/// What a device got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The certificate.
    pub certificate: Certificate,
    /// The same as PEM, as it came.
    pub pem: String,
    /// Address of the MQTT broker over which the device is to report, if there is one.
    pub mqtt: Option<String>,
}

/// Why there is no certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolError {
    /// The console did not answer, or something else did. Another attempt can succeed.
    #[error("{0}")]
    Unanswered(String),
    /// The console said no.
    #[error("the console refused: {0}")]
    Refused(String),
}

impl Enroller {
    /// The console at `address`, reached through `https`.
    pub fn new(https: &Https, address: &Address) -> Self {
        Self {
            https: https.clone(),
            address: address.clone(),
        }
    }

    /// Shows a token's secret and asks for the certificate of `request` (PKCS#10, PEM). The
    /// same request can be sent again after an answer that was lost.
    ///
    /// # Errors
    /// See [`EnrolError`].
    pub async fn enrol(&self, secret: &Secret, request: String) -> Result<Enrolled, EnrolError> {
        self.issue("v1/enrol", &Enrol::new(secret, request)).await
    }

    /// Asks for the certificate of `request` as the device that the connection's own
    /// certificate names. The same request can be sent again.
    ///
    /// # Errors
    /// See [`EnrolError`].
    pub async fn renew(&self, request: String) -> Result<Enrolled, EnrolError> {
        self.issue("v1/renew", &Renew { request }).await
    }

    /// Whether the console takes the connection's certificate as that of `device`.
    ///
    /// # Errors
    /// See [`EnrolError`].
    pub async fn is_known_as(&self, device: DeviceId) -> Result<(), EnrolError> {
        let url = self.address.append("v1/device");
        let answer = self.ask(&url, self.https.0.get(url.clone())).await?;
        match Answer::parse(&answer) {
            Some(answer) if answer.result == "known" && answer.reason == device.to_string() => {
                Ok(())
            }
            _ => Err(strange(&url)),
        }
    }

    async fn issue(&self, path: &str, body: &impl Serialize) -> Result<Enrolled, EnrolError> {
        let url = self.address.append(path);
        let body = serde_json::to_vec(body).map_err(|error| {
            EnrolError::Unanswered(format!("the request has no JSON form: {error}"))
        })?;
        let request = self
            .https
            .0
            .post(url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        let answer = self.ask(&url, request).await?;
        let issued: Issued = serde_json::from_slice(&answer).map_err(|_| strange(&url))?;
        let certificate = Certificate::from_pem(&issued.certificate).map_err(|_| strange(&url))?;
        Ok(Enrolled {
            certificate,
            pem: issued.certificate,
            mqtt: issued.mqtt.and_then(|broker| broker.address(&url)),
        })
    }

    /// The body of an answer 200.
    async fn ask(&self, url: &Url, request: RequestBuilder) -> Result<Vec<u8>, EnrolError> {
        let answered = request.timeout(PATIENCE).send().await.map_err(|error| {
            EnrolError::Unanswered(format!("{url} can't be reached: {}", cause::words(&error)))
        })?;
        let status = answered.status();
        let body = bytes(answered, ANSWER).await.ok_or_else(|| strange(url))?;
        if status == StatusCode::OK {
            return Ok(body);
        }
        match Answer::parse(&body) {
            Some(answer) if matches!(answer.result.as_str(), "refused" | "forbidden") => {
                Err(EnrolError::Refused(answer.reason))
            }
            Some(answer) => Err(EnrolError::Unanswered(format!(
                "{url} answered {}: {}",
                status.as_u16(),
                answer.reason
            ))),
            None => Err(strange(url)),
        }
    }
}

fn strange(url: &Url) -> EnrolError {
    EnrolError::Unanswered(format!(
        "{url} answered what no console answers: a proxy or another server may answer in its \
         place; check the address"
    ))
}
