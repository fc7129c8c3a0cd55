//! The server's certificate and its key.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

/// Certificate chain of the server, in the folder that `repo init` makes.
pub(crate) const CERTIFICATE: &str = "server.pem";
/// Its key.
pub(crate) const KEY: &str = "server-key.pem";

/// What the server proves itself with.
#[derive(Clone)]
pub(crate) struct Identity(pub(crate) TlsAcceptor);

impl Identity {
    /// Reads certificate and key from `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, IdentityError> {
        let path = folder.join(CERTIFICATE);
        let chain = CertificateDer::pem_file_iter(&path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| IdentityError::new(&path, error))?;
        let path = folder.join(KEY);
        let key = PrivateKeyDer::from_pem_file(&path)
            .map_err(|error| IdentityError::new(&path, error))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| IdentityError::new(folder, error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

/// Certificate or key can't be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "the server's certificate and key can't be read from {path}: {reason}; `bailiwick-console repo init` makes them"
)]
pub(crate) struct IdentityError {
    path: PathBuf,
    reason: String,
}

impl IdentityError {
    fn new(path: &Path, reason: impl ToString) -> Self {
        Self {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}
