//! Tells whose certificate was refused, and which authority was expected.

use std::{fmt, sync::Arc};

use bailiwick_core::digest::Sha256;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};

/// Certificates that are named in a text; of more only the number is told.
const NAMED: usize = 3;

/// Decides as webpki does, and puts a refusal for want of a trusted authority into words
/// that let a person compare: digests of what came, and of what was configured.
#[derive(Debug)]
pub(crate) struct Telling {
    pub(crate) webpki: Arc<WebPkiServerVerifier>,
    /// Digests of the configured authorities, in DER form as `repo init` prints them.
    pub(crate) configured: Vec<Sha256>,
}

/// A server that nobody whom the device trusts vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stranger {
    /// What the server's certificate was refused for.
    pub(crate) why: Why,
    /// Digests of the certificates that the server presented, its own first.
    presented: Vec<Sha256>,
    configured: Vec<Sha256>,
}

/// Why no trusted authority vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// No authority of that name is trusted.
    Unknown,
    /// One of that name is, and it has another key: two runs of `repo init` make such.
    Namesake,
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let presented = digests(&self.presented);
        match (self.why, self.configured.as_slice()) {
            (Why::Unknown, []) => write!(
                f,
                "its certificate comes from an authority that this device does not trust: name the \
                 server's CA in the settings; if another server should have answered, a proxy or an \
                 interception stands in between (sha256 of what the server presented: {presented}; no CA is configured)"
            ),
            (Why::Unknown, configured) => write!(
                f,
                "its certificate comes from an authority that this device does not trust: name the \
                 server's CA in the settings; if another server should have answered, a proxy or an \
                 interception stands in between (sha256 of what the server presented: {presented}; of the configured CA: {})",
                digests(configured)
            ),
            (Why::Namesake, configured) => write!(
                f,
                "its certificate comes from an authority that this device does not trust, although one \
                 of the same name is trusted, with another key: the CA in the settings is that of \
                 another repository or an older one; take the server's, whose sha256 `repo init` printed \
                 (sha256 of what the server presented: {presented}; of the configured CA: {})",
                digests(configured)
            ),
        }
    }
}

impl std::error::Error for Stranger {}

/// Some digests for a text.
pub(crate) fn digests(all: &[Sha256]) -> String {
    let named: Vec<String> = all.iter().take(NAMED).map(Sha256::to_string).collect();
    match all.len().saturating_sub(NAMED) {
        0 if named.is_empty() => "none".to_owned(),
        0 => named.join(", "),
        more => format!("{}, and {more} more", named.join(", ")),
    }
}

impl ServerCertVerifier for Telling {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.webpki.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        verified.map_err(|error| {
            let why = match error {
                Error::InvalidCertificate(CertificateError::UnknownIssuer) => Why::Unknown,
                Error::InvalidCertificate(CertificateError::BadSignature) => Why::Namesake,
                other => return other,
            };
            let presented = std::iter::once(end_entity).chain(intermediates);
            let stranger = Stranger {
                why,
                presented: presented.map(|der| Sha256::of(der)).collect(),
                configured: self.configured.clone(),
            };
            CertificateError::Other(OtherError(Arc::new(stranger))).into()
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}
