//! The server's certificate and its key, and whom it asks for theirs.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use bailiwick_transport::enrol::accepting_expired;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::enrolment::{AUTHORITY, Peer, authority_certificate};

/// Certificate chain of the server, in the folder that `repo init` makes.
pub(crate) const CERTIFICATE: &str = "server.pem";
/// Its key.
pub(crate) const KEY: &str = "server-key.pem";

/// What the server proves itself with. Clones are one: a renewed certificate counts for all.
#[derive(Clone)]
pub(crate) struct Identity {
    acceptor: Arc<RwLock<TlsAcceptor>>,
    folder: PathBuf,
    read: fn(&Path) -> Result<TlsAcceptor, IdentityError>,
}

impl Identity {
    /// Reads certificate and key from `folder`. Nobody is asked for a certificate.
    pub(crate) fn read(folder: &Path) -> Result<Self, IdentityError> {
        Self::with(folder, asking_nobody)
    }

    /// The same for devices: each is asked for a certificate of the authority in `folder`,
    /// and need not show one. The authority goes along with the server's certificate, for
    /// devices that know its digest alone.
    pub(crate) fn for_devices(folder: &Path) -> Result<Self, IdentityError> {
        Self::with(folder, asking_devices)
    }

    fn with(
        folder: &Path,
        read: fn(&Path) -> Result<TlsAcceptor, IdentityError>,
    ) -> Result<Self, IdentityError> {
        Ok(Self {
            acceptor: Arc::new(RwLock::new(read(folder)?)),
            folder: folder.to_owned(),
            read,
        })
    }

    /// Reads the files again. What can't be used changes nothing.
    pub(super) fn reload(&self) -> Result<(), IdentityError> {
        let acceptor = (self.read)(&self.folder)?;
        *self
            .acceptor
            .write()
            .unwrap_or_else(PoisonError::into_inner) = acceptor;
        Ok(())
    }

    /// What it is read from.
    pub(super) fn files(&self) -> [PathBuf; 3] {
        [CERTIFICATE, KEY, AUTHORITY].map(|file| self.folder.join(file))
    }

    /// Shakes hands with a client, and tells who that is.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        address: SocketAddr,
    ) -> io::Result<(TlsStream<TcpStream>, Peer)> {
        let acceptor = self.acceptor.read();
        let acceptor = acceptor.unwrap_or_else(PoisonError::into_inner).clone();
        let stream = acceptor.accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates();
        let certificate = shown
            .and_then(|shown| shown.first())
            .map(|der| der.to_vec());
        let peer = Peer {
            address,
            certificate,
        };
        Ok((stream, peer))
    }
}

fn asking_nobody(folder: &Path) -> Result<TlsAcceptor, IdentityError> {
    let (chain, key) = own(folder)?;
    let config = builder(folder)?.with_no_client_auth();
    acceptor(config.with_single_cert(chain, key), folder)
}

fn asking_devices(folder: &Path) -> Result<TlsAcceptor, IdentityError> {
    let (mut chain, key) = own(folder)?;
    let refused = |error: &dyn ToString| IdentityError::new(folder, error.to_string());
    let authority = authority_certificate(folder).map_err(|error| refused(&error))?;
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).map_err(|e| refused(&e))?;
    if !chain.contains(&authority) {
        chain.push(authority);
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let devices = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| refused(&error))?;
    let config = builder(folder)?.with_client_cert_verifier(accepting_expired(devices));
    acceptor(config.with_single_cert(chain, key), folder)
}

fn acceptor(
    config: Result<ServerConfig, rustls::Error>,
    folder: &Path,
) -> Result<TlsAcceptor, IdentityError> {
    let mut config = config.map_err(|error| IdentityError::new(folder, error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn own(folder: &Path) -> Result<Own, IdentityError> {
    let path = folder.join(CERTIFICATE);
    let chain = CertificateDer::pem_file_iter(&path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| IdentityError::new(&path, error))?;
    let path = folder.join(KEY);
    let key =
        PrivateKeyDer::from_pem_file(&path).map_err(|error| IdentityError::new(&path, error))?;
    Ok((chain, key))
}

fn builder(
    folder: &Path,
) -> Result<rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier>, IdentityError> {
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| IdentityError::new(folder, error))
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
