//! The console on loopback, over TLS, with a repository from `repo init`.

use std::{os::unix::fs::symlink, path::Path, sync::Arc, time::Duration};

use bailiwick_core::{
    bytes::ByteCount,
    ids::DeviceId,
    ports::{Fetch as _, FetchError},
    time::Timestamp,
};
use bailiwick_report::{
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
    sender::Sender,
    wire::Origin,
};
use bailiwick_repository::{Init, Repository};
use bailiwick_transport::{
    Address, Endpoint, EventLine, Events, Https, ProxySettings, Receipt, Reports, SendError, Trust,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Semaphore, watch},
    task::JoinHandle,
};

use super::{Context, Identity, Server};
use crate::actions::{Actions, Ledger};
use crate::broker::Door;
use crate::commands::decode::decode;
use crate::enrolment::{Enrolment, Strictness};
use crate::store::{
    FILE, Store,
    read::{Filter, Reader, StoredReport},
};

mod actions;
mod session_files;

struct Console {
    folder: tempfile::TempDir,
    store: Option<Store>,
    port: u16,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    https: Https,
}

impl Console {
    async fn start() -> Self {
        Self::with(None).await
    }

    async fn with(door: Option<Door>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let init = Init {
            vendors: vec!["acme".parse().unwrap()],
            server_names: Vec::new(),
            now: Timestamp::from_ms(1_795_000_000_000),
        };
        let made = Repository::init(folder.path(), &init).unwrap();
        // No patience: a database that is locked answers at once.
        let store = Store::open(folder.path(), Duration::ZERO).unwrap();
        let (open, life) = (Strictness::Open, Duration::from_secs(60));
        let enrolment = Enrolment::open(folder.path(), folder.path(), open, life).unwrap();
        let context = Context {
            actions: Actions::new(Ledger::open(folder.path()).unwrap()),
            public: Arc::new(made.public),
            inlet: store.inlet(),
            enrolment: Arc::new(enrolment),
            now: || Timestamp::from_ms(7),
            door,
        };
        let identity = Identity::read(&folder.path().join("tls")).unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind(listen, identity, context).await.unwrap();
        let port = server.address().unwrap().port();
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(server.run(stopped));
        let trust = Trust::os().and_file(made.ca);
        let https = Https::new(&trust, &ProxySettings::direct()).unwrap();
        Self {
            folder,
            store: Some(store),
            port,
            stop,
            serving,
            https,
        }
    }

    fn address(&self, path: &str) -> Address {
        format!("https://127.0.0.1:{}/{path}", self.port)
            .parse()
            .unwrap()
    }

    async fn send(&self, key: &str, body: &[u8]) -> Result<Receipt, SendError> {
        let reports = Reports::new(&self.https, &self.address(""));
        reports.send(key, body.to_vec()).await
    }

    fn stored(&self) -> Vec<StoredReport> {
        let reader = Reader::open(self.folder.path()).unwrap();
        let filter = Filter {
            last: 1_000,
            ..Filter::default()
        };
        reader.reports(&filter).unwrap()
    }

    fn keys(&self) -> Vec<String> {
        self.stored().into_iter().map(|report| report.key).collect()
    }

    /// Sends `request` as it is and returns all that comes back.
    async fn raw(&self, request: &str) -> String {
        let ca = CertificateDer::from_pem_file(self.folder.path().join("tls/ca.pem")).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(ca).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn get(&self, target: &str) -> String {
        self.raw(&format!(
            "GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ))
        .await
    }
}

fn sample(values: &[(&str, u64)]) -> Snapshot {
    let fields = vec![
        Field::new("name", Kind::Text, "", 0, Privacy::None).unwrap(),
        Field::new("size", Kind::Unsigned, "bytes", 0, Privacy::None).unwrap(),
    ];
    let schema = Schema::new(vec![Collection::new("disks", 1, fields).unwrap()]).unwrap();
    let mut rows = Encoder::new(&schema);
    for (name, size) in values {
        let row = [Some(Value::Text(name)), Some(Value::Unsigned(*size))];
        rows.row(0, &row).unwrap();
    }
    let buffer = rows.finish();
    Snapshot::decode(Arc::new(schema), &buffer).unwrap()
}

/// A full report and the differential one after it.
fn pair(epoch: u64) -> (Vec<u8>, Vec<u8>) {
    let origin = Origin::new([7; 16], "inventory", "0.1.0").unwrap();
    let rows: Vec<(String, u64)> = (0..50).map(|n| (format!("disk-{n}"), n)).collect();
    let mut rows: Vec<(&str, u64)> = rows.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let full = Sender::new(epoch).next(&origin, 10, sample(&rows));
    rows[3].1 = 1_000;
    let diff = full.sender.next(&origin, 20, sample(&rows));
    assert!(full.envelope.is_full() && !diff.envelope.is_full());
    (full.bytes, diff.bytes)
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

#[tokio::test]
async fn what_is_no_websocket_for_mqtt_is_told_so() {
    let answer = Console::start().await.get("/mqtt").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "no broker: {answer}");
    let (door, _arrived) = Door::new(Arc::new(Semaphore::new(1)));
    let answer = Console::with(Some(door)).await.get("/mqtt").await;
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
    assert!(answer.contains("upgrade: websocket"), "{answer}");
}

#[tokio::test]
async fn the_repository_is_served_as_it_lies_in_its_folder() {
    let console = Console::start().await;
    let endpoint = Endpoint::new(&console.https, console.address("updates/"));
    let most = ByteCount::mib(1);
    for name in ["timestamp.json", "1.root.json"] {
        let expected = std::fs::read(console.folder.path().join("public").join(name)).unwrap();
        assert_eq!(endpoint.fetch(name, most).await.unwrap(), Some(expected));
    }
    assert_eq!(endpoint.fetch("2.root.json", most).await.unwrap(), None);
    assert_eq!(endpoint.fetch("policies", most).await.unwrap(), None);
    let large = vec![b'x'; 300_000];
    std::fs::write(console.folder.path().join("public/large.bin"), &large).unwrap();
    assert_eq!(
        endpoint.fetch("large.bin", most).await.unwrap(),
        Some(large)
    );
    let bound = ByteCount::new(299_999);
    let error = endpoint.fetch("large.bin", bound).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_timestamp_is_never_cached_and_a_versioned_file_is() {
    let console = Console::start().await;
    let head = console.get("/updates/timestamp.json").await;
    assert!(head.contains("cache-control: no-store"), "{head}");
    assert!(head.contains("content-length: "), "{head}");
    let head = console.get("/updates/1.root.json").await;
    assert!(head.contains("immutable"), "{head}");
}

#[tokio::test]
async fn nothing_outside_the_public_folder_is_served() {
    let console = Console::start().await;
    let folder = console.folder.path();
    write(folder, "secret", "SECRET");
    write(&folder.join("public"), ".hidden", "SECRET");
    symlink(folder.join("secret"), folder.join("public/link")).unwrap();
    symlink("../secret", folder.join("public/relative")).unwrap();
    symlink(folder, folder.join("public/up")).unwrap();
    for target in [
        "/",
        "/secret",
        "/updates",
        "/updates/",
        "/updates/../secret",
        "/updates/../updates/../secret",
        "/updates/./../secret",
        "/updates//secret",
        "/updates/..%2fsecret",
        "/updates/%2e%2e/secret",
        "/updates/%2e%2e%2fsecret",
        "/updates/..%252fsecret",
        "/updates/..\\secret",
        "/updates/%5c..%5csecret",
        "/updates/policies/../../secret",
        "/updates/.hidden",
        "/updates/link",
        "/updates/relative",
        "/updates/up/secret",
        "/updates/up/tls/server-key.pem",
        "/updates/policies",
        "/updates/policies/",
        "/updates/timestamp.json/",
        "/updates/timestamp.json?x=1",
        "/updates/timestamp.json%00",
        "/updates/timestamp%2ejson",
        "/updates/etc/passwd",
        "//updates/timestamp.json",
    ] {
        let answer = console.get(target).await;
        let refused = answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 400");
        assert!(refused, "{target}: {answer}");
        assert!(
            !answer.contains("SECRET") && !answer.contains("PRIVATE"),
            "{target}"
        );
    }
    let served = console.get("/updates/timestamp.json").await;
    assert!(served.starts_with("HTTP/1.1 200"), "{served}");
}

#[tokio::test]
async fn a_full_report_and_its_difference_are_stored_once_each() {
    let console = Console::start().await;
    let (full, diff) = pair(1);
    for _ in 0..2 {
        assert_eq!(console.send("a", &full).await, Ok(Receipt::Stored));
    }
    for _ in 0..2 {
        assert_eq!(console.send("b", &diff).await, Ok(Receipt::Stored));
    }
    // The same report under another key says nothing new.
    assert_eq!(console.send("c", &full).await, Ok(Receipt::Stored));
    let stored = console.stored();
    let kinds: Vec<_> = stored
        .iter()
        .map(|r| (&*r.key, &*r.kind, r.counter))
        .collect();
    assert_eq!(kinds, [("a", "full", 0), ("b", "differential", 1)]);
    assert_eq!(stored[1].body, diff);
    assert_eq!(stored[1].received_ms, 7);
    let reader = Reader::open(console.folder.path()).unwrap();
    let full = decode(&reader, &stored[0]).unwrap().json().unwrap();
    assert_eq!(full["rows"]["disks"].as_array().unwrap().len(), 50);
    let diff = decode(&reader, &stored[1]).unwrap();
    let changed = serde_json::json!([{ "key": { "name": "disk-3" }, "fields": { "size": 1_000 } }]);
    assert_eq!(diff.json().unwrap()["changes"]["disks"]["changed"], changed);
    assert!(
        diff.to_string().contains("~ disk-3: size 1000 bytes"),
        "{diff}"
    );
}

#[tokio::test]
async fn a_difference_without_its_base_asks_for_a_full_report_and_keeps_to_it() {
    let console = Console::start().await;
    let (full, diff) = pair(1);
    assert_eq!(console.send("b", &diff).await, Ok(Receipt::NeedFull));
    assert_eq!(console.send("a", &full).await, Ok(Receipt::Stored));
    assert_eq!(console.send("b", &diff).await, Ok(Receipt::NeedFull));
    assert_eq!(console.keys(), ["b", "a"]);
}

#[tokio::test]
async fn a_report_that_later_ones_overtook_is_kept_and_changes_nothing() {
    let console = Console::start().await;
    let ((full, late), (next, after)) = (pair(1), pair(2));
    for (key, report) in [("a", &full), ("c", &next), ("d", &after)] {
        assert_eq!(console.send(key, report).await, Ok(Receipt::Stored));
    }
    for _again in 0..2 {
        assert_eq!(console.send("b", &late).await, Ok(Receipt::Stored));
        assert_eq!(console.keys(), ["a", "c", "d", "b"]);
    }
    assert_eq!(console.send("c", &next).await, Ok(Receipt::Stored));
}

#[tokio::test]
async fn what_was_known_survives_a_restart() {
    let mut console = Console::start().await;
    let (full, diff) = pair(1);
    assert_eq!(console.send("a", &full).await, Ok(Receipt::Stored));
    console.stop.send(true).unwrap();
    (&mut console.serving).await.unwrap();
    console.store.take().unwrap().close();
    let again = Store::open(console.folder.path(), Duration::ZERO).unwrap();
    let now = Timestamp::from_ms(8);
    let answer = again.inlet().report("b".to_owned(), diff, now).await;
    assert_eq!(answer.unwrap().as_str(), "stored");
}

#[tokio::test]
async fn what_is_no_report_is_refused_with_the_reason() {
    let console = Console::start().await;
    let (full, _) = pair(1);
    let mut damaged = full.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    let bodies: [&[u8]; 4] = [b"", b"not a report", &full[..full.len() - 1], &damaged];
    for (number, body) in bodies.into_iter().enumerate() {
        let sent = console.send(&format!("key-{number}"), body).await;
        let Err(SendError::Refused { reason }) = sent else {
            panic!("{number}: {sent:?}");
        };
        assert!(!reason.is_empty());
    }
    assert_eq!(console.send("a", &full).await, Ok(Receipt::Stored));
    let (other, _) = pair(2);
    let sent = console.send("a", &other).await;
    assert!(matches!(sent, Err(SendError::Refused { .. })), "{sent:?}");
    assert_eq!(console.keys(), ["a"]);
}

#[tokio::test]
async fn a_post_is_bounded_and_needs_one_plain_key() {
    let console = Console::start().await;
    let long = "k".repeat(201);
    for headers in [
        "content-length: 0\r\n",
        "content-length: 0\r\nidempotency-key: \r\n",
        "content-length: 0\r\nidempotency-key: a b\r\n",
        "content-length: 0\r\nidempotency-key: a\r\nidempotency-key: b\r\n",
        &format!("content-length: 0\r\nidempotency-key: {long}\r\n"),
    ] {
        let request =
            format!("POST /v1/reports HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        let answer = console.raw(&request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{headers}: {answer}");
        assert!(answer.contains("Idempotency-Key"), "{answer}");
    }
    let head =
        "POST /v1/reports HTTP/1.1\r\nhost: x\r\nconnection: close\r\nidempotency-key: a\r\n";
    let chunk = "x".repeat(4_194_305);
    for body in [
        "content-length: 4194305\r\n\r\n".to_owned(),
        format!("transfer-encoding: chunked\r\n\r\n400001\r\n{chunk}"),
    ] {
        let answer = console.raw(&format!("{head}{body}")).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
}

#[tokio::test]
async fn an_oversize_or_malformed_body_of_each_kind_is_refused_and_the_next_one_is_taken() {
    let console = Console::start().await;
    // Of files only the length and the headers are looked at: see `session_files`.
    for kind in ["reports", "events", "outcomes"] {
        let head = format!(
            "POST /v1/{kind} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nidempotency-key: a\r\n"
        );
        let announced = format!("{head}content-length: 4194305\r\n\r\n");
        let answer = console.raw(&announced).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{kind}: {answer}");
        for junk in ["", "junk", "{\"device\":7}", "{\"a\":", "[[[[[["] {
            let length = junk.len();
            let request = format!("{head}content-length: {length}\r\n\r\n{junk}");
            let answer = console.raw(&request).await;
            let refused = ["HTTP/1.1 400", "HTTP/1.1 422"];
            assert!(
                refused.iter().any(|status| answer.starts_with(status)),
                "{kind} {junk}: {answer}"
            );
        }
    }
    let (full, _) = pair(1);
    assert_eq!(console.send("a", &full).await, Ok(Receipt::Stored));
    assert_eq!(console.keys(), ["a"]);
}

#[tokio::test]
async fn a_report_that_is_not_committed_is_not_acknowledged() {
    let console = Console::start().await;
    let (full, _) = pair(1);
    let other = rusqlite::Connection::open(console.folder.path().join(FILE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let sent = console.send("a", &full).await;
    let Err(SendError::Retry { after, .. }) = sent else {
        panic!("{sent:?}");
    };
    assert_eq!(after, Some(Duration::from_secs(5)));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(console.keys(), Vec::<String>::new());
    assert_eq!(console.send("a", &full).await, Ok(Receipt::Stored));
    assert_eq!(console.keys(), ["a"]);
}

#[tokio::test]
async fn events_are_stored_once_and_listed_in_order() {
    let console = Console::start().await;
    let events = Events::new(&console.https, &console.address(""));
    let line = |name: &str, plugin: Option<&str>| EventLine {
        device: DeviceId::from_bytes([7; 16]),
        at: Timestamp::from_ms(5),
        words: format!("{name}!"),
        event: serde_json::json!({ "event": name, "plugin": plugin }),
        log: None,
    };
    let lines = [line("pulled", Some("inventory")), line("started", None)];
    for _ in 0..2 {
        events.send("a", &lines).await.unwrap();
    }
    let sent = events.send("a", &lines[..1]).await;
    assert!(matches!(sent, Err(SendError::Refused { .. })), "{sent:?}");
    let sent = events.send("b", &[line("Bad Name", None)]).await;
    assert!(matches!(sent, Err(SendError::Refused { .. })), "{sent:?}");
    let reader = Reader::open(console.folder.path()).unwrap();
    let all = Filter {
        last: 10,
        ..Filter::default()
    };
    let names: Vec<_> = reader.events(&all).unwrap();
    let names: Vec<_> = names.iter().map(|event| event.event.as_str()).collect();
    assert_eq!(names, ["pulled", "started"]);
    let one = Filter {
        plugin: Some("inventory".to_owned()),
        ..all
    };
    assert_eq!(reader.events(&one).unwrap().len(), 1);
}

#[tokio::test]
async fn the_end_waits_for_what_was_accepted() {
    let mut console = Console::start().await;
    let (full, _) = pair(1);
    assert_eq!(console.send("a", &full).await, Ok(Receipt::Stored));
    console.stop.send(true).unwrap();
    (&mut console.serving).await.unwrap();
    console.store.take().unwrap().close();
    assert_eq!(console.keys(), ["a"]);
    let sent = console.send("b", &full).await;
    assert!(matches!(sent, Err(SendError::Retry { .. })), "{sent:?}");
}
