//! Requests of plugins to a server that is not ours: nginx, over TLS, by a name that the
//! operating system knows.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, ChildStdout, Stdio},
};

use bailiwick_needs::{NGINX_LISTENS, program};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::*;

/// A server that ends with its test.
struct Nginx {
    child: Child,
    /// Held open: nginx goes on to write into it.
    _log: BufReader<ChildStdout>,
    port: u16,
    _folder: tempfile::TempDir,
    requests: Requests,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// What nginx shows, and the authority to trust.
fn write_certificate(folder: &Path) -> String {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let server = server.signed_by(&key, &authority).unwrap();
    fs::write(folder.join("cert.pem"), server.pem()).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    authority.pem()
}

fn served(folder: &Path, port: u16) -> String {
    let place = folder.display();
    format!(
        "access_log off;\n\
         server {{\nlisten 127.0.0.1:{port} ssl;\n\
         ssl_certificate {place}/cert.pem;\nssl_certificate_key {place}/key.pem;\n\
         root {place};\n\
         location = /v1/page.html {{ ssi on; ssi_types *; }}\n\
         location = /v1/moved {{ return 302 http://169.254.169.254/latest/; }}\n\
         location / {{ return 200 \"$request_method $request_uri $http_host $http_x_a\"; }}\n\
         }}\n"
    )
}

/// One that can't listen says why, and ends.
fn wait_until_it_listens(log: &mut BufReader<ChildStdout>) {
    let mut told = String::new();
    while !told.contains(NGINX_LISTENS) {
        let read = log.read_line(&mut told).unwrap();
        assert_ne!(read, 0, "nginx does not listen: {told}");
    }
}

impl Nginx {
    fn start(nginx: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = write_certificate(folder.path());
        fs::create_dir(folder.path().join("v1")).unwrap();
        // What is put together on the way has no length beforehand.
        let page = "<!--#echo var=\"request_method\" --> ".to_owned() + &"x".repeat(100_000);
        fs::write(folder.path().join("v1/page.html"), page).unwrap();
        let port = free_port();
        let served = served(folder.path(), port);
        let mut command = bailiwick_needs::nginx(nginx, folder.path(), &served).unwrap();
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap());
        wait_until_it_listens(&mut log);
        let trust = Trust::os().and_pem(authority);
        Self {
            child,
            _log: log,
            port,
            _folder: folder,
            requests: Requests::new(Arc::new(Still), trust, ProxySettings::direct()),
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        networks: &[&str],
        at_most: u64,
    ) -> Result<HttpAnswer, HttpError> {
        let url = format!("https://localhost:{}{path}", self.port);
        let order = HttpOrder {
            method,
            headers: vec![("x-a".to_owned(), "b".to_owned())],
            at_most: ByteCount::new(at_most),
            ..order(&url, networks)
        };
        ask(&self.requests, order).await
    }
}

/// Which of both a machine takes its own name for is its own affair.
const HERE: &[&str] = &["127.0.0.1/32", "::1/128"];

#[tokio::test]
async fn a_server_that_is_not_ours_answers() {
    let Some(nginx) = program("nginx") else {
        return;
    };
    let server = Nginx::start(&nginx);
    let ask = async |method, path, at_most| server.ask(method, path, HERE, at_most).await;

    let got = ask(Method::Get, "/v1/a%20b?c=d", 1_000).await.unwrap();
    let text = String::from_utf8(got.body).unwrap();
    let expected = format!("GET /v1/a%20b?c=d localhost:{} b", server.port);
    assert_eq!(text, expected);
    let got = ask(Method::Delete, "/v1/x", 1_000).await.unwrap();
    assert!(got.body.starts_with(b"DELETE /v1/x "));
    let head = ask(Method::Head, "/v1/x", 0).await.unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));

    // In chunks, whole and too long.
    let page = ask(Method::Get, "/v1/page.html", 200_000).await.unwrap();
    let has_length = page
        .headers
        .iter()
        .any(|(name, _)| name == "content-length");
    assert!(!has_length, "{:?}", page.headers);
    assert_eq!((&page.body[..4], page.body.len()), (&b"GET "[..], 100_004));
    let long = ask(Method::Get, "/v1/page.html", 100_003).await;
    assert_eq!(long, Err(HttpError::TooLarge));

    // Where to is told, and nobody goes there.
    let moved = ask(Method::Get, "/v1/moved", 10_000).await.unwrap();
    assert_eq!(moved.status, 302);
    let place = "http://169.254.169.254/latest/".to_owned();
    assert!(moved.headers.contains(&("location".to_owned(), place)));

    // The same server, without a grant for where it is.
    let refused = server.ask(Method::Get, "/v1/x", &[], 1_000).await;
    assert_eq!(refused, Err(HttpError::Denied(Special::Loopback)));
}
