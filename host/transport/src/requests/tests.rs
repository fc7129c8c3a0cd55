//! Requests to real servers on loopback, which only grants that name it reach.

mod nginx;

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use bailiwick_core::{
    bytes::ByteCount,
    http::{Method, Special},
    time::{Monotonic, Timestamp},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

use super::*;
use crate::test_server::{TestServer, answer};

/// A clock that stands still: nothing here waits for a rate.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::ZERO
    }

    fn thread_cpu_ns(&self) -> u64 {
        0
    }
}

/// Names that stand for something else each time they are looked up, the last for ever.
struct Told {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Arc<AtomicUsize>,
}

impl Names for Told {
    fn look_up<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        self.asked.fetch_add(1, Relaxed);
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        };
        Box::pin(async move { Ok(answer) })
    }
}

fn told(answers: &[&[&str]]) -> (Box<dyn Names>, Arc<AtomicUsize>) {
    let ips = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let told = Told {
        answers: Mutex::new(answers.iter().map(ips).collect()),
        asked: Arc::clone(&asked),
    };
    (Box::new(told), asked)
}

fn direct(trust: Trust, answers: &[&[&str]]) -> (Requests, Arc<AtomicUsize>) {
    let (names, asked) = told(answers);
    let requests = Requests::with_names(Arc::new(Still), trust, ProxySettings::direct(), names);
    (requests, asked)
}

/// A GET of `url` where the grant names `networks`.
fn order(url: &str, networks: &[&str]) -> HttpOrder {
    HttpOrder {
        method: Method::Get,
        target: url.parse().unwrap(),
        headers: Vec::new(),
        body: Vec::new(),
        allowed: HttpAllowed {
            networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
            per_minute: 100,
        },
        at_most: ByteCount::kib(64),
        time_limit: Duration::from_secs(20),
    }
}

async fn ask(requests: &Requests, order: HttpOrder) -> Result<HttpAnswer, HttpError> {
    requests.request(&"sample".parse().unwrap(), order).await
}

/// A plain server at `ip` that answers each connection with `bytes`, and tells what it was
/// sent.
async fn plain(ip: &str, bytes: &'static [u8]) -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (seen, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            let _ = seen.send(String::from_utf8(head).unwrap());
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
        }
    });
    (port, requests)
}

const LOOPBACK: &[&str] = &["127.0.0.1/32"];

#[tokio::test]
async fn a_request_over_tls_is_answered_and_says_what_it_was_given() {
    let mut server =
        TestServer::named("a.example", &[&answer("201 Made", "X-A: b\r\n", "hello")]).await;
    let trust = Trust::os().and_pem(server.ca_pem.clone());
    let (requests, _) = direct(trust, &[&["127.0.0.1"]]);
    let url = format!("https://A.example:{}/v1/x?y=z", server.port);
    let mut order = order(&url, LOOPBACK);
    order.method = Method::Post;
    order.headers = vec![("Authorization".to_owned(), "Bearer t".to_owned())];
    order.body = b"body".to_vec();
    let got = ask(&requests, order).await.unwrap();
    assert_eq!((got.status, got.body.as_slice()), (201, &b"hello"[..]));
    assert!(got.headers.contains(&("x-a".to_owned(), "b".to_owned())));
    assert!(!got.headers.iter().any(|(name, _)| name == "connection"));
    let seen = server.requests.recv().await.unwrap();
    assert_eq!(seen.body, b"body");
    let lines: Vec<_> = seen.head.trim_end().lines().collect();
    assert_eq!(
        lines,
        [
            "post /v1/x?y=z http/1.1",
            &format!("host: a.example:{}", server.port),
            "connection: close",
            &format!("user-agent: bailiwick/{}", env!("CARGO_PKG_VERSION")),
            "content-length: 4",
            "authorization: bearer t",
        ]
    );
}

#[tokio::test]
async fn a_server_that_is_not_who_it_should_be_gets_no_request() {
    let mut server = TestServer::named("other.example", &[&answer("200 OK", "", "")]).await;
    let trust = Trust::os().and_pem(server.ca_pem.clone());
    let (requests, _) = direct(trust, &[&["127.0.0.1"]]);
    let url = format!("https://a.example:{}/", server.port);
    let refused = ask(&requests, order(&url, LOOPBACK)).await.unwrap_err();
    assert!(
        matches!(&refused, HttpError::Unreachable(why) if why.contains("another name")),
        "{refused}"
    );
    assert!(server.requests.try_recv().is_err());
}

#[tokio::test]
async fn an_address_that_no_grant_names_is_not_connected_to() {
    let (port, mut seen) = plain("127.0.0.1", b"HTTP/1.1 200 OK\r\n\r\n").await;
    for (name, networks, special) in [
        ("127.0.0.1", &[][..], Special::Loopback),
        (
            "127.0.0.1",
            &["10.0.0.0/8", "127.0.0.2/32"],
            Special::Loopback,
        ),
        ("::ffff:127.0.0.1", &["10.0.0.0/8"], Special::Loopback),
        (
            "169.254.169.254",
            &["127.0.0.0/8", "169.254.0.0/16"],
            Special::Metadata,
        ),
        ("fd00:ec2::254", &["fd00::/8"], Special::Metadata),
        ("10.0.0.1", &["127.0.0.0/8"], Special::Private),
        ("0.0.0.0", &["127.0.0.0/8", "0.0.0.0/0"], Special::Unusable),
    ] {
        // By name, and written into the address.
        let (requests, _) = direct(Trust::os(), &[&[name]]);
        let by_name = order(&format!("http://inside.example:{port}/"), networks);
        assert_eq!(
            ask(&requests, by_name).await,
            Err(HttpError::Denied(special)),
            "{name}"
        );
        let host = if name.contains(':') {
            format!("[{name}]")
        } else {
            name.to_owned()
        };
        let written = order(&format!("http://{host}:{port}/"), networks);
        assert_eq!(
            ask(&requests, written).await,
            Err(HttpError::Denied(special)),
            "{name}"
        );
    }
    assert!(seen.try_recv().is_err());
    // The system's own answer for a name, too.
    let requests = Requests::new(Arc::new(Still), Trust::os(), ProxySettings::direct());
    let localhost = ask(&requests, order(&format!("http://localhost:{port}/"), &[])).await;
    assert_eq!(localhost, Err(HttpError::Denied(Special::Loopback)));
    let granted = order(
        &format!("http://localhost:{port}/"),
        &["127.0.0.0/8", "::1/128"],
    );
    assert_eq!(ask(&requests, granted).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_name_that_changes_between_check_and_connection_changes_nothing() {
    // The first answer is granted, every later one is where somebody else listens.
    let (port, mut seen) = plain("127.0.0.1", b"HTTP/1.1 200 OK\r\n\r\n").await;
    let other = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let (requests, asked) = direct(Trust::os(), &[&["127.0.0.1"], &["127.0.0.2"]]);
    let url = format!("http://rebinding.example:{port}/");
    let got = ask(&requests, order(&url, LOOPBACK)).await.unwrap();
    assert_eq!((got.status, asked.load(Relaxed)), (200, 1));
    assert!(seen.recv().await.unwrap().starts_with("GET / HTTP/1.1\r\n"));
    // The next request looks again, and is refused.
    let refused = ask(&requests, order(&url, LOOPBACK)).await;
    assert_eq!(refused, Err(HttpError::Denied(Special::Loopback)));
    let nobody = tokio::time::timeout(Duration::from_millis(1), other.accept()).await;
    assert!(nobody.is_err(), "somebody connected to the second address");
}

#[tokio::test]
async fn of_several_addresses_only_those_that_are_granted_are_tried() {
    let (port, mut seen) = plain("127.0.0.3", b"HTTP/1.1 200 OK\r\n\r\n").await;
    let refused = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    // One that is not granted, one where nothing listens, one that answers.
    let (requests, _) = direct(Trust::os(), &[&["127.0.0.2", "127.0.0.4", "127.0.0.3"]]);
    let networks = &["127.0.0.3/32", "127.0.0.4/32"];
    let url = format!("http://several.example:{port}/");
    assert_eq!(
        ask(&requests, order(&url, networks)).await.unwrap().status,
        200
    );
    assert!(seen.recv().await.is_some());
    let nobody = tokio::time::timeout(Duration::from_millis(1), refused.accept()).await;
    assert!(
        nobody.is_err(),
        "somebody connected to the address that is not granted"
    );
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (inner, mut inside) = plain("127.0.0.1", b"HTTP/1.1 200 OK\r\n\r\nsecret").await;
    for place in [
        format!("http://127.0.0.1:{inner}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let redirect = answer("302 Found", &format!("Location: {place}\r\n"), "");
        let server = TestServer::named("a.example", &[&redirect]).await;
        let trust = Trust::os().and_pem(server.ca_pem.clone());
        let (requests, _) = direct(trust, &[&["127.0.0.1"]]);
        let mut order = order(&format!("https://a.example:{}/", server.port), LOOPBACK);
        order.headers = vec![("Authorization".to_owned(), "Bearer t".to_owned())];
        let got = ask(&requests, order).await.unwrap();
        assert_eq!(got.status, 302);
        assert!(got.headers.contains(&("location".to_owned(), place)));
    }
    assert!(inside.try_recv().is_err());
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_address_that_was_checked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap().port();
    let server = TestServer::named("a.example", &[&answer("200 OK", "", "far")]).await;
    let port = server.port;
    let (told_by_proxy, mut asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
        told_by_proxy
            .send(String::from_utf8(head).unwrap())
            .unwrap();
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    });
    let settings = ProxySettings::new(Some(&format!("http://127.0.0.1:{proxy}")), |_| None);
    let (names, _) = told(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let trust = Trust::os().and_pem(server.ca_pem.clone());
    let requests = Requests::with_names(Arc::new(Still), trust, settings, names);
    let url = format!("https://a.example:{port}/");
    let got = ask(&requests, order(&url, LOOPBACK)).await.unwrap();
    assert_eq!(got.body, b"far");
    let connect = asked.recv().await.unwrap();
    assert!(
        connect.starts_with(&format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n")),
        "{connect}"
    );
    // And where the address is not granted, no proxy is asked.
    let refused = ask(&requests, order(&url, LOOPBACK)).await;
    assert_eq!(refused, Err(HttpError::Denied(Special::Private)));
}

#[tokio::test]
async fn answers_are_bounded_and_read_strictly() {
    for (bytes, expected) in [
        (
            &b"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n"[..],
            HttpError::TooLarge,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
            HttpError::TooLarge,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n",
            HttpError::TooLarge,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            HttpError::NotHttp("it says twice how long it is"),
        ),
        (
            b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
            HttpError::NotHttp("it changed to another protocol"),
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
            HttpError::NotHttp("it ended in the middle"),
        ),
        (
            b"SSH-2.0-OpenSSH\r\n\r\n",
            HttpError::NotHttp("its head can't be read"),
        ),
        (
            b"",
            HttpError::Unreachable("it closed the connection".to_owned()),
        ),
    ] {
        let (port, _seen) = plain("127.0.0.1", bytes).await;
        let (requests, _) = direct(Trust::os(), &[&["127.0.0.1"]]);
        let got = ask(
            &requests,
            order(&format!("http://a.example:{port}/"), LOOPBACK),
        )
        .await;
        assert_eq!(got, Err(expected), "{}", String::from_utf8_lossy(bytes));
    }
    let endless: &'static [u8] =
        Vec::leak([b"HTTP/1.1 200 OK\r\n".to_vec(), b"a: b\r\n".repeat(9_000)].concat());
    let (port, _seen) = plain("127.0.0.1", endless).await;
    let (requests, _) = direct(Trust::os(), &[&["127.0.0.1"]]);
    let got = ask(
        &requests,
        order(&format!("http://a.example:{port}/"), LOOPBACK),
    )
    .await;
    assert_eq!(got, Err(HttpError::NotHttp("its head is too long")));
    let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 204 No\r\n\r\n";
    let (port, _seen) = plain("127.0.0.1", interim).await;
    let (requests, _) = direct(Trust::os(), &[&["127.0.0.1"]]);
    let got = ask(
        &requests,
        order(&format!("http://a.example:{port}/"), LOOPBACK),
    )
    .await;
    assert_eq!(got.unwrap().status, 204);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    // Time stands still while a task can run, and moves on to the limit when none can.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (requests, _) = direct(Trust::os(), &[&["127.0.0.1"]]);
    let got = ask(
        &requests,
        order(&format!("http://a.example:{port}/"), LOOPBACK),
    )
    .await;
    assert_eq!(got, Err(HttpError::TimedOut));
}

#[tokio::test]
async fn the_rate_counts_what_is_looked_up() {
    let (requests, asked) = direct(Trust::os(), &[&["10.0.0.1"]]);
    let mut order = order("http://a.example/", &[]);
    order.allowed.per_minute = 1;
    let first = ask(&requests, order.clone()).await;
    assert_eq!(first, Err(HttpError::Denied(Special::Private)));
    let second = ask(&requests, order).await;
    assert_eq!(second, Err(HttpError::TooOften(Duration::from_secs(60))));
    assert_eq!(asked.load(Relaxed), 1);
}
