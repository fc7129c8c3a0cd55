//! What a device shows of itself, wherever TLS asks for it.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::{
    SignatureScheme,
    client::ResolvesClientCert,
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::CertifiedKey,
};

use super::{Certificate, DeviceKey};

/// A certificate and its key, for every connection of a process. Cloning shares them: once
/// they are replaced, the next connection shows the new ones.
#[derive(Clone, Debug)]
pub struct Credentials(Arc<Shown>);

#[derive(Debug)]
struct Shown(RwLock<Current>);

#[derive(Debug)]
struct Current {
    /// The name of the authority, in DER form.
    issuer: Vec<u8>,
    key: Arc<CertifiedKey>,
}

/// A certificate and a key that do not belong together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate and the key do not belong together: {0}")]
pub struct CredentialsError(String);

impl Credentials {
    /// Shows `certificate`, whose key is `key`.
    ///
    /// # Errors
    /// They do not belong together.
    pub fn new(certificate: &Certificate, key: &DeviceKey) -> Result<Self, CredentialsError> {
        Ok(Self(Arc::new(Shown(RwLock::new(current(
            certificate,
            key,
        )?)))))
    }

    /// From the next connection on another certificate is shown.
    ///
    /// # Errors
    /// It does not belong to `key`; the last one stays.
    pub fn replace(
        &self,
        certificate: &Certificate,
        key: &DeviceKey,
    ) -> Result<(), CredentialsError> {
        let new = current(certificate, key)?;
        // A value is whole between two calls, whoever panicked.
        *self.0.0.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    pub(crate) fn resolver(&self) -> Arc<dyn ResolvesClientCert> {
        Arc::clone(&self.0) as Arc<dyn ResolvesClientCert>
    }
}

fn current(certificate: &Certificate, key: &DeviceKey) -> Result<Current, CredentialsError> {
    let refused = |error: rustls::Error| CredentialsError(error.to_string());
    let signing = any_supported_type(&PrivateKeyDer::from(key.pkcs8())).map_err(refused)?;
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = CertifiedKey::new(chain, signing);
    key.keys_match().map_err(refused)?;
    Ok(Current {
        issuer: certificate.issuer().to_vec(),
        key: Arc::new(key),
    })
}

impl ResolvesClientCert for Shown {
    /// A server that names the authorities it takes sees the certificate only if this one's
    /// is among them: others need not learn which device comes.
    fn resolve(
        &self,
        root_hint_subjects: &[&[u8]],
        _: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let named = root_hint_subjects.contains(&current.issuer.as_slice());
        (named || root_hint_subjects.is_empty()).then(|| Arc::clone(&current.key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
