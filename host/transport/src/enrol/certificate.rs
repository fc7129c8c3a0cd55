//! What is read of a certificate.

use bailiwick_core::{
    digest::Sha256, enrolment::renewal::Validity, ids::DeviceId, time::Timestamp,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use x509_cert::{
    der::{
        Decode as _, Encode as _,
        asn1::{ObjectIdentifier, PrintableStringRef, Utf8StringRef},
        pem::{LineEnding, encode_string},
    },
    name::Name,
    time::Time,
};

/// commonName, RFC 5280 appendix A.1.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// A device's certificate. That it can be read does not prove that anybody signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    device: DeviceId,
    validity: Validity,
    issuer: Vec<u8>,
}

/// Why a certificate is none of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// It can't be read.
    #[error("it is no certificate (X.509)")]
    NotACertificate,
    /// It names no device.
    #[error("its common name is no device id")]
    Name,
}

impl Certificate {
    /// Reads a certificate in DER form.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let not_one = |_| CertificateError::NotACertificate;
        let read = x509_cert::Certificate::from_der(der).map_err(not_one)?;
        let body = &read.tbs_certificate;
        let name = common_name(&body.subject).ok_or(CertificateError::Name)?;
        Ok(Self {
            device: name.parse().map_err(|_| CertificateError::Name)?,
            validity: Validity {
                from: timestamp(body.validity.not_before),
                until: timestamp(body.validity.not_after),
            },
            issuer: body.issuer.to_der().map_err(not_one)?,
            der: der.to_vec(),
        })
    }

    /// Reads a certificate in PEM form.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        let der = CertificateDer::from_pem_slice(text.as_bytes())
            .map_err(|_| CertificateError::NotACertificate)?;
        Self::from_der(&der)
    }

    /// The device that it names.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// When it holds.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// The certificate itself.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Digest of the certificate in DER form.
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(&self.der)
    }

    /// The name of who signed it, in DER form.
    pub(super) fn issuer(&self) -> &[u8] {
        &self.issuer
    }
}

/// A certificate as PEM.
///
/// # Errors
/// None that certificates cause: the text would be too long for the address space.
pub(super) fn to_pem(der: &[u8]) -> Result<String, CertificateError> {
    encode_string("CERTIFICATE", LineEnding::LF, der).map_err(|_| CertificateError::NotACertificate)
}

/// The common name, if there is exactly one and it is text.
pub(super) fn common_name(name: &Name) -> Option<String> {
    let mut names = name
        .0
        .iter()
        .flat_map(|set| set.0.iter())
        .filter(|attribute| attribute.oid == COMMON_NAME);
    let value = &names.next()?.value;
    if names.next().is_some() {
        return None;
    }
    let text = value
        .decode_as::<Utf8StringRef<'_>>()
        .map(|text| text.as_str().to_owned());
    let text = text.or_else(|_| {
        let text = value.decode_as::<PrintableStringRef<'_>>();
        text.map(|text| text.as_str().to_owned())
    });
    text.ok()
}

fn timestamp(time: Time) -> Timestamp {
    let ms = time.to_unix_duration().as_millis();
    Timestamp::from_ms(u64::try_from(ms).unwrap_or(u64::MAX))
}
