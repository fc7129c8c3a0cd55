//! A TLS server for tests that answers what it is told, byte for byte.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{Address, Https, ProxySettings, Trust};

/// A request as it arrived.
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// A server on loopback with an authority of its own.
pub(crate) struct TestServer {
    pub(crate) port: u16,
    pub(crate) ca_pem: String,
    pub(crate) requests: mpsc::UnboundedReceiver<Received>,
}

impl TestServer {
    /// Answers connection after connection with `answers`, in order, the last one for
    /// ever. A connection takes one request and is closed.
    pub(crate) async fn start(answers: &[&[u8]]) -> Self {
        Self::named("127.0.0.1", answers).await
    }

    /// The same with a certificate for `name`.
    pub(crate) async fn named(name: &str, answers: &[&[u8]]) -> Self {
        let (acceptor, ca_pem) = tls_for(name);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, requests) = mpsc::unbounded_channel();
        let answers: Vec<Vec<u8>> = answers.iter().map(|answer| answer.to_vec()).collect();
        tokio::spawn(async move {
            let mut next = 0;
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that does not trust this server leaves here.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let received = receive(&mut stream).await;
                let answer = &answers[next.min(answers.len() - 1)];
                next += 1;
                let _ = seen.send(received);
                let _ = stream.write_all(answer).await;
                let _ = stream.shutdown().await;
            }
        });
        Self {
            port,
            ca_pem,
            requests,
        }
    }

    /// A client that trusts this server, and its address.
    pub(crate) fn client(&self) -> (Https, Address) {
        let trust = Trust::os().and_pem(self.ca_pem.clone());
        let https = Https::new(&trust, &ProxySettings::direct()).unwrap();
        (https, self.address())
    }

    pub(crate) fn address(&self) -> Address {
        format!("https://127.0.0.1:{}/base", self.port)
            .parse()
            .unwrap()
    }
}

/// TLS as `name`, and the authority to trust.
pub(crate) fn tls_for(name: &str) -> (TlsAcceptor, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new([name.to_owned()]).unwrap();
    let server = server.signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![server.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}

async fn receive(stream: &mut TlsStream<tokio::net::TcpStream>) -> Received {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            break bytes.len();
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            break;
        }
    }
    Received {
        head,
        body: bytes.split_off(end),
    }
}

/// An answer of `status` with `headers` (each ended by CRLF) and `body`.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
