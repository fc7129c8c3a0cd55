//! A console with a page, and a client that sends bytes as it likes.

use std::{path::Path, sync::Arc, time::Duration};

use bailiwick_core::ids::DeviceId;
use bailiwick_report::{
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
    sender::Sender,
    wire::Origin,
};
use bailiwick_repository::{Init, Repository};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use super::super::{LoginLink, Page, Role, Settings};
use crate::{
    clock::now,
    enrolment::{Enrolment, Strictness},
    server::Identity,
    store::{IncomingEvent, Store},
};

pub(super) const DEVICE: [u8; 16] = [0xab; 16];
/// Of a certificate.
pub(super) const LIFE: Duration = Duration::from_secs(3_600);

pub(super) struct Desk {
    pub(super) folder: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) address: String,
    _stop: watch::Sender<bool>,
    _serving: JoinHandle<()>,
}

/// The register of a desk that takes every device.
pub(super) fn enrolment(folder: &Path) -> Arc<Enrolment> {
    let opened = Enrolment::open(folder, &folder.join("tls"), Strictness::Open, LIFE);
    Arc::new(opened.unwrap())
}

/// An answer, in parts.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Desk {
    pub(super) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let init = Init {
            vendors: Vec::new(),
            server_names: Vec::new(),
            now: now(),
        };
        Repository::init(folder.path(), &init).unwrap();
        let store = Store::open(folder.path(), Duration::from_secs(5)).unwrap();
        let settings = Settings {
            data: folder.path().to_owned(),
            names: Vec::new(),
            identity: Identity::read(&folder.path().join("tls")).unwrap(),
            inlet: store.inlet(),
            actions: crate::actions::Actions::new(
                crate::actions::Ledger::open(folder.path()).unwrap(),
            ),
            enrolment: enrolment(folder.path()),
            public: Arc::new(folder.path().join("public")),
            now,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let page = Page::on(listener, settings).unwrap();
        let address = page.address().to_owned();
        let (stop, stopped) = watch::channel(false);
        Self {
            _serving: tokio::spawn(page.run(stopped)),
            _stop: stop,
            folder,
            store,
            address,
        }
    }

    pub(super) fn host(&self) -> &str {
        self.address.strip_prefix("http://").unwrap()
    }

    /// Sends a request with these headers and body as it is.
    pub(super) async fn send(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{line} HTTP/1.1\r\nconnection: close\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("content-length: {}\r\n\r\n{body}", body.len());
        let mut stream = TcpStream::connect(self.host()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    pub(super) async fn get(&self, path: &str, cookie: &str) -> Answer {
        let headers = [("host", self.host()), ("cookie", cookie)];
        self.send(&format!("GET {path}"), &headers, "").await
    }

    /// Posts a form as a browser does from the page itself.
    pub(super) async fn post(&self, path: &str, cookie: &str, body: &str) -> Answer {
        self.post_with(path, cookie, body, &[("origin", &self.address)])
            .await
    }

    pub(super) async fn post_with(
        &self,
        path: &str,
        cookie: &str,
        body: &str,
        more: &[(&str, &str)],
    ) -> Answer {
        let mut headers = vec![
            ("host", self.host()),
            ("cookie", cookie),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        headers.extend(more);
        self.send(&format!("POST {path}"), &headers, body).await
    }

    /// The secret of a new login link.
    pub(super) fn link(&self, role: Role) -> String {
        let link = LoginLink::make(self.folder.path(), &self.address, role, now()).unwrap();
        let secret = link.url.strip_prefix(&format!("{}/login/", self.address));
        secret.unwrap().to_owned()
    }

    /// Logs in and returns the cookie.
    pub(super) async fn log_in(&self, role: Role) -> String {
        let body = format!("link={}", self.link(role));
        let answer = self.post("/login", "", &body).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let cookie = answer.header("set-cookie").unwrap();
        assert!(cookie.starts_with("__Host-bailiwick="), "{cookie}");
        for rule in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
            assert!(cookie.contains(rule), "{cookie}");
        }
        cookie.split(';').next().unwrap().to_owned()
    }

    /// The token in the forms of this session.
    pub(super) async fn token(&self, cookie: &str) -> String {
        let page = self.get("/", cookie).await.body;
        let (_, rest) = page.split_once("name=\"form-token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// Stores two reports of a device whose texts are `text` wherever a text can be.
    pub(super) async fn report(&self, text: &str) {
        let origin = Origin::new(DEVICE, "inventory", "0.1.0").unwrap();
        let full = Sender::new(1).next(&origin, 1, snapshot(text, 1));
        let diff = full.sender.next(&origin, 2, snapshot(text, 2));
        let inlet = self.store.inlet();
        inlet
            .report("1".to_owned(), full.bytes, now())
            .await
            .unwrap();
        inlet
            .report("2".to_owned(), diff.bytes, now())
            .await
            .unwrap();
    }

    pub(super) async fn event(&self, plugin: Option<&str>, body: serde_json::Value, words: &str) {
        let event = IncomingEvent {
            device: DeviceId::from_bytes(DEVICE),
            at: now(),
            plugin: plugin.map(|plugin| plugin.parse().unwrap()),
            event: body["event"].as_str().unwrap().to_owned(),
            words: words.to_owned(),
            body: body.to_string(),
            log: None,
        };
        let key = format!("{body}");
        let inlet = self.store.inlet();
        inlet
            .events(key.clone(), key, vec![event], now())
            .await
            .unwrap();
    }

    /// The access log, once it has this many lines.
    pub(super) async fn access_log(&self, lines: usize) -> String {
        let path = self.folder.path().join("page/access.log");
        let read = async {
            loop {
                let log = std::fs::read_to_string(&path).unwrap_or_default();
                if log.lines().count() >= lines {
                    return log;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), read)
            .await
            .unwrap()
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(it, _)| it.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

fn snapshot(text: &str, size: u64) -> Snapshot {
    let field = |name: &str, kind, unit: &str, privacy| Field::new(name, kind, unit, 0, privacy);
    let system = vec![
        field("host-name", Kind::Text, "", Privacy::Personal).unwrap(),
        field("os", Kind::Text, "", Privacy::None).unwrap(),
    ];
    let package = vec![
        field("name", Kind::Text, "", Privacy::None).unwrap(),
        field(
            "size",
            Kind::Unsigned,
            text.get(..30).unwrap_or(text),
            Privacy::None,
        )
        .unwrap(),
        field("version", Kind::Text, "", Privacy::None).unwrap(),
    ];
    let schema = Schema::new(vec![
        Collection::new("system", 0, system).unwrap(),
        Collection::new("package", 1, package).unwrap(),
    ])
    .unwrap();
    let mut rows = Encoder::new(&schema);
    let texts = |count: usize| vec![Some(Value::Text(text)); count];
    rows.row(0, &texts(2)).unwrap();
    let version = format!("{text}{size}");
    let values = [
        Some(Value::Text(text)),
        Some(Value::Unsigned(size)),
        Some(Value::Text(&version)),
    ];
    rows.row(1, &values).unwrap();
    let buffer = rows.finish();
    Snapshot::decode(Arc::new(schema), &buffer).unwrap()
}

pub(super) fn device() -> String {
    DeviceId::from_bytes(DEVICE).to_string()
}
