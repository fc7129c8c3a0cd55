//! Whose certificates are trusted.

use std::{path::PathBuf, sync::Arc};

use bailiwick_core::digest::Sha256;
use rustls::{
    ClientConfig, RootCertStore,
    client::{Resumption, WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{
    enrol::{Credentials, Pinned},
    verifier::Telling,
};

/// The authorities that a device trusts: those of its operating system, plus what its
/// settings add. Nothing here can turn verification off.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    ca_files: Vec<PathBuf>,
    ca_pems: Vec<Vec<u8>>,
    /// If it is there, it alone is trusted.
    pinned: Option<Arc<Pinned>>,
    credentials: Option<Credentials>,
}

impl Trust {
    /// The operating system's authorities.
    pub fn os() -> Self {
        Self::default()
    }

    /// The one authority with this digest (of its DER form), and nobody else. A server must
    /// present it with its certificate, as a console does.
    pub fn authority(digest: Sha256) -> Self {
        let pinned = Pinned::new(digest, Arc::new(aws_lc_rs::default_provider()));
        Self {
            pinned: Some(Arc::new(pinned)),
            ..Self::default()
        }
    }

    /// The authority of [`Self::authority`] in PEM form, once a server was accepted because
    /// of it.
    pub fn found(&self) -> Option<String> {
        self.pinned.as_ref()?.found_pem()
    }

    /// Shows a certificate to servers that ask for one.
    #[must_use]
    pub fn and_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Trusts the authorities in a PEM file too.
    #[must_use]
    pub fn and_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_files.push(path.into());
        self
    }

    /// Trusts the authorities in PEM text too.
    #[must_use]
    pub fn and_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_pems.push(pem.into());
        self
    }

    /// The TLS configuration of a client that trusts these.
    ///
    /// # Errors
    /// A configured file or text that holds no authority, or no authority at all.
    pub(crate) fn client_config(&self) -> Result<ClientConfig, TrustError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| TrustError::Tls(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(&provider)?);
        let mut config = match &self.credentials {
            None => config.with_no_client_auth(),
            Some(credentials) => {
                let mut config = config.with_client_cert_resolver(credentials.resolver());
                // A session that goes on shows the certificate that began it, which may have
                // been replaced since.
                config.resumption = Resumption::disabled();
                config
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TrustError> {
        if let Some(pinned) = &self.pinned {
            return Ok(Arc::clone(pinned) as Arc<dyn ServerCertVerifier>);
        }
        let (roots, configured) = self.roots()?;
        let webpki =
            WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider))
                .build()
                .map_err(|error| TrustError::Tls(error.to_string()))?;
        // It decides as webpki does, and only words a refusal.
        Ok(Arc::new(Telling { webpki, configured }))
    }

    /// Whom to trust, and the digests of those that were configured.
    fn roots(&self) -> Result<(RootCertStore, Vec<Sha256>), TrustError> {
        let mut roots = RootCertStore::empty();
        let mut configured = Vec::new();
        let os = rustls_native_certs::load_native_certs();
        // Stores of real systems hold old certificates that webpki can't read: they are
        // left out, as every other client of this verifier does.
        roots.add_parsable_certificates(os.certs);
        for path in &self.ca_files {
            let name = path.display().to_string();
            let pem = std::fs::read(path).map_err(|error| TrustError::Unreadable {
                name: name.clone(),
                reason: error.to_string(),
            })?;
            configured.extend(add_pem(&mut roots, &name, &pem)?);
        }
        for pem in &self.ca_pems {
            configured.extend(add_pem(&mut roots, "the configured CA", pem)?);
        }
        if roots.is_empty() {
            let reasons: Vec<String> = os.errors.iter().map(ToString::to_string).collect();
            return Err(TrustError::Nobody(reasons.join("; ")));
        }
        Ok((roots, configured))
    }
}

/// What was configured must work as configured: one certificate that can't be read is an
/// error, not a server that will be refused later. Returns the digests of the certificates.
fn add_pem(roots: &mut RootCertStore, name: &str, pem: &[u8]) -> Result<Vec<Sha256>, TrustError> {
    let error = |reason: String| TrustError::NotACertificate {
        name: name.to_owned(),
        reason,
    };
    let mut digests = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|e| error(e.to_string()))?;
        let digest = Sha256::of(&certificate);
        roots.add(certificate).map_err(|e| error(e.to_string()))?;
        digests.push(digest);
    }
    if digests.is_empty() {
        return Err(error("it holds no `BEGIN CERTIFICATE`".to_owned()));
    }
    Ok(digests)
}

/// Why no TLS configuration could be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// A configured file can't be read.
    #[error("the CA file {name} can't be read: {reason}; correct the path in the settings")]
    Unreadable {
        /// The file.
        name: String,
        /// What the operating system said.
        reason: String,
    },
    /// A configured file or text is no PEM certificate.
    #[error("{name} is not a CA certificate in PEM form: {reason}")]
    NotACertificate {
        /// The file, or where the text came from.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Neither the operating system nor the settings name an authority.
    #[error(
        "no certificate authority is trusted: install the operating system's CA certificates \
         or name a CA file in the settings ({0})"
    )]
    Nobody(String),
    /// The TLS library refused the configuration.
    #[error("TLS can't be set up: {0}")]
    Tls(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_file_must_hold_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let load = || {
            Trust::os()
                .and_file(&path)
                .client_config()
                .map(|_| ())
                .unwrap_err()
        };
        assert!(matches!(load(), TrustError::Unreadable { .. }));
        for text in [
            "",
            "no certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n",
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(
                matches!(load(), TrustError::NotACertificate { .. }),
                "{text}"
            );
        }
    }
}
