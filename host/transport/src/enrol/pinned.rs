//! Trust in one authority that is known by its digest alone.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use bailiwick_core::digest::Sha256;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::certificate::to_pem;
use crate::verifier::digests;

/// Trusts exactly the authority with this digest. A console presents its authority with its
/// certificate, so nothing is fetched before it is trusted.
#[derive(Debug)]
pub(crate) struct Pinned {
    authority: Sha256,
    provider: Arc<CryptoProvider>,
    found: Mutex<Option<CertificateDer<'static>>>,
}

/// A server that did not present the authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotPresented {
    expected: Sha256,
    presented: Vec<Sha256>,
}

impl fmt::Display for NotPresented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "it is not the console that the token is for, or something in between answers in its \
             place: it does not present the authority that the token names (sha256 of what it \
             presented: {}; of the token's authority: {})",
            digests(&self.presented),
            self.expected
        )
    }
}

impl std::error::Error for NotPresented {}

impl Pinned {
    pub(crate) fn new(authority: Sha256, provider: Arc<CryptoProvider>) -> Self {
        Self {
            authority,
            provider,
            found: Mutex::default(),
        }
    }

    /// The authority in PEM form, once a server was accepted because of it.
    pub(crate) fn found_pem(&self) -> Option<String> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        to_pem(found.as_ref()?).ok()
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let named = |der: &&CertificateDer<'_>| Sha256::of(der) == self.authority;
        let Some(authority) = intermediates.iter().find(named) else {
            let presented = std::iter::once(end_entity).chain(intermediates);
            let stranger = NotPresented {
                expected: self.authority,
                presented: presented.map(|der| Sha256::of(der)).collect(),
            };
            return Err(CertificateError::Other(OtherError(Arc::new(stranger))).into());
        };
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let webpki =
            WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&self.provider))
                .build()
                .map_err(|error| Error::General(error.to_string()))?;
        let verified = webpki.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        *found = Some(authority.clone().into_owned());
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
