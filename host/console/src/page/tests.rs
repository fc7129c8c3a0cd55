//! The page on loopback, asked byte by byte.

use std::{path::Path, sync::Arc, time::Duration};

use bailiwick_core::ids::DeviceId;
use bailiwick_report::{
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
    sender::Sender,
    wire::Origin,
};
use bailiwick_repository::{Init, Repository};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use super::{LoginLink, Page, Role, Settings};
use crate::{
    clock::now,
    server::Identity,
    store::{IncomingEvent, Store},
};

const DEVICE: [u8; 16] = [0xab; 16];

struct Desk {
    folder: tempfile::TempDir,
    store: Store,
    address: String,
    _stop: watch::Sender<bool>,
    _serving: JoinHandle<()>,
}

/// An answer, in parts.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Desk {
    async fn open() -> Self {
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

    fn host(&self) -> &str {
        self.address.strip_prefix("http://").unwrap()
    }

    /// Sends a request with these headers and body as it is.
    async fn send(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
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

    async fn get(&self, path: &str, cookie: &str) -> Answer {
        let headers = [("host", self.host()), ("cookie", cookie)];
        self.send(&format!("GET {path}"), &headers, "").await
    }

    /// Posts a form as a browser does from the page itself.
    async fn post(&self, path: &str, cookie: &str, body: &str) -> Answer {
        self.post_with(path, cookie, body, &[("origin", &self.address)])
            .await
    }

    async fn post_with(
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
    fn link(&self, role: Role) -> String {
        let link = LoginLink::make(self.folder.path(), &self.address, role, now()).unwrap();
        let secret = link.url.strip_prefix(&format!("{}/login/", self.address));
        secret.unwrap().to_owned()
    }

    /// Logs in and returns the cookie.
    async fn log_in(&self, role: Role) -> String {
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
    async fn token(&self, cookie: &str) -> String {
        let page = self.get("/", cookie).await.body;
        let (_, rest) = page.split_once("name=\"form-token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// Stores two reports of a device whose texts are `text` wherever a text can be.
    async fn report(&self, text: &str) {
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

    async fn event(&self, plugin: Option<&str>, body: serde_json::Value, words: &str) {
        let event = IncomingEvent {
            device: DeviceId::from_bytes(DEVICE),
            at: now(),
            plugin: plugin.map(|plugin| plugin.parse().unwrap()),
            event: body["event"].as_str().unwrap().to_owned(),
            words: words.to_owned(),
            body: body.to_string(),
        };
        let key = format!("{body}");
        let inlet = self.store.inlet();
        inlet
            .events(key.clone(), key, vec![event], now())
            .await
            .unwrap();
    }

    /// The access log, once it has this many lines.
    async fn access_log(&self, lines: usize) -> String {
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
    fn header(&self, name: &str) -> Option<&str> {
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

fn device() -> String {
    DeviceId::from_bytes(DEVICE).to_string()
}

#[tokio::test]
async fn nobody_sees_anything_without_logging_in() {
    let desk = Desk::open().await;
    desk.report("plain").await;
    let of_device = |path: &str| format!("/devices/{}{path}", device());
    for path in [
        "/",
        "/approvals",
        &of_device(""),
        &of_device("/inventory"),
        &of_device("/inventory/inventory/package"),
        &of_device("/changes"),
        &of_device("/changes/2"),
        &of_device("/plugins"),
        &of_device("/events"),
    ] {
        for cookie in ["", &format!("__Host-bailiwick={}", "0".repeat(64))] {
            let answer = desk.get(path, cookie).await;
            assert_eq!(answer.status, 403, "{path}");
            assert!(!answer.body.contains("plain"), "{path}");
            assert!(answer.body.contains("bailiwick-console login"), "{path}");
        }
        let viewer = desk.log_in(Role::Viewer).await;
        assert_eq!(desk.get(path, &viewer).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_login_link_lets_in_once() {
    let desk = Desk::open().await;
    let secret = desk.link(Role::Operator);
    // A preview of the link does not use it.
    for _ in 0..2 {
        let look = desk.get(&format!("/login/{secret}"), "").await;
        assert_eq!(look.status, 200);
        assert!(look.body.contains("operator"));
        assert_eq!(look.header("set-cookie"), None);
    }
    let body = format!("link={secret}");
    let first = desk.post("/login", "", &body).await;
    assert_eq!((first.status, first.header("location")), (303, Some("/")));
    let second = desk.post("/login", "", &body).await;
    assert_eq!((second.status, second.header("set-cookie")), (403, None));
    assert!(second.body.contains("used already"));
    assert_eq!(desk.get(&format!("/login/{secret}"), "").await.status, 403);
}

#[tokio::test]
async fn another_site_can_not_send_a_form() {
    let desk = Desk::open().await;
    let cookie = desk.log_in(Role::Operator).await;
    let body = format!("form-token={}", desk.token(&cookie).await);
    for more in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[],
    ] {
        let answer = desk.post_with("/logout", &cookie, &body, more).await;
        assert_eq!(answer.status, 403, "{more:?}");
        assert_eq!(desk.get("/", &cookie).await.status, 200);
        let link = format!("link={}", desk.link(Role::Viewer));
        let answer = desk.post_with("/login", "", &link, more).await;
        assert_eq!(
            (answer.status, answer.header("set-cookie")),
            (403, None),
            "{more:?}"
        );
    }
}

#[tokio::test]
async fn another_name_for_this_machine_is_refused() {
    let desk = Desk::open().await;
    let cookie = desk.log_in(Role::Operator).await;
    let port = desk.host().rsplit_once(':').unwrap().1;
    for host in [format!("evil.example:{port}"), "127.0.0.1".to_owned()] {
        let headers = [("host", host.as_str()), ("cookie", cookie.as_str())];
        let answer = desk.send("GET /", &headers, "").await;
        assert_eq!(answer.status, 421, "{host}");
        assert!(!answer.body.contains("Devices"));
    }
    let twice = [("host", desk.host()), ("host", "evil.example")];
    let answer = desk.send("GET /", &twice, "").await;
    assert!(matches!(answer.status, 400 | 421), "{}", answer.status);
    let local = format!("localhost:{port}");
    let headers = [("host", local.as_str()), ("cookie", cookie.as_str())];
    assert_eq!(desk.send("GET /", &headers, "").await.status, 200);
}

#[tokio::test]
async fn a_form_needs_the_token_of_its_session() {
    let desk = Desk::open().await;
    let (mine, other) = (
        desk.log_in(Role::Viewer).await,
        desk.log_in(Role::Viewer).await,
    );
    let strange = format!("form-token={}", desk.token(&other).await);
    for body in ["", "form-token=", &strange] {
        assert_eq!(
            desk.post("/logout", &mine, body).await.status,
            403,
            "{body}"
        );
    }
    assert_eq!(desk.get("/", &mine).await.status, 200);
    let body = format!("form-token={}", desk.token(&mine).await);
    let left = desk.post("/logout", &mine, &body).await;
    assert_eq!(left.status, 200);
    assert!(left.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(desk.get("/", &mine).await.status, 403);
    assert_eq!(desk.get("/", &other).await.status, 200);
}

#[tokio::test]
async fn a_viewer_changes_nothing() {
    let desk = Desk::open().await;
    desk.report("plain").await;
    let path = format!("/devices/{}/name", device());
    let name = async |role| {
        let cookie = desk.log_in(role).await;
        let body = format!("form-token={}&name=Front+desk", desk.token(&cookie).await);
        let answer = desk.post(&path, &cookie, &body).await;
        let list = desk.get("/", &cookie).await.body;
        (answer.status, list.contains("Front desk"))
    };
    assert_eq!(name(Role::Viewer).await, (403, false));
    assert_eq!(name(Role::Operator).await, (303, true));
    assert_eq!(name(Role::Approver).await, (303, true));
    let viewer = desk.log_in(Role::Viewer).await;
    let shown = desk.get(&format!("/devices/{}", device()), &viewer).await;
    assert!(!shown.body.contains("Name on this page"));
}

#[tokio::test]
async fn a_name_is_checked_and_can_be_taken_back() {
    let desk = Desk::open().await;
    desk.report("plain").await;
    let cookie = desk.log_in(Role::Operator).await;
    let token = desk.token(&cookie).await;
    let post = async |device: &str, name: &str| {
        let body = format!("form-token={token}&name={name}");
        desk.post(&format!("/devices/{device}/name"), &cookie, &body)
            .await
            .status
    };
    let device = device();
    assert_eq!(post(&device, &"x".repeat(61)).await, 400);
    assert_eq!(post(&device, "a%0Ab").await, 400);
    assert_eq!(post(&device, "Front").await, 303);
    assert!(desk.get("/", &cookie).await.body.contains("Front"));
    assert_eq!(post(&device, "+").await, 303);
    let list = desk.get("/", &cookie).await.body;
    assert!(
        list.contains(">plain<") && !list.contains("Front"),
        "{list}"
    );
    assert_eq!(post(&"0".repeat(32), "Front").await, 404);
    assert_eq!(post("nonsense", "Front").await, 404);
}

#[tokio::test]
async fn failed_logins_are_slowed_down() {
    let desk = Desk::open().await;
    let good = format!("link={}", desk.link(Role::Viewer));
    for attempt in 0..10u32 {
        let body = format!("link={attempt:064x}");
        assert_eq!(desk.post("/login", "", &body).await.status, 403);
    }
    let answer = desk.post("/login", "", &good).await;
    assert_eq!(answer.status, 429);
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
}

#[tokio::test]
async fn every_answer_is_closed_in() {
    let desk = Desk::open().await;
    let cookie = desk.log_in(Role::Viewer).await;
    let answers = [
        desk.get("/", &cookie).await,
        desk.get("/", "").await,
        desk.get("/style.css", "").await,
        desk.get("/nothing", "").await,
        desk.post("/", &cookie, "").await,
        desk.send("GET /", &[("host", "evil.example")], "").await,
    ];
    for answer in &answers {
        for (name, value) in [
            ("content-security-policy", "default-src 'none'; "),
            ("content-security-policy", "frame-ancestors 'none'"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            let found = answer.header(name).unwrap_or_default();
            assert!(found.contains(value), "{}\n{name}", answer.head);
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"));
        for inline in ["<script", "style=", "onclick", "javascript:"] {
            assert!(!answer.body.contains(inline), "{inline}");
        }
    }
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 403, 200, 404, 405, 421]);
}

#[tokio::test]
async fn hostile_text_of_a_device_stays_text() {
    const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'";
    let desk = Desk::open().await;
    desk.report(HOSTILE).await;
    let reason = format!("{HOSTILE} asks for more than is approved: {HOSTILE}; {HOSTILE}");
    let refused = json!({ "event": "refused", "version": HOSTILE, "reason": reason });
    desk.event(Some("inventory"), refused, HOSTILE).await;
    let granted = json!({ "event": "granted", "grants": [HOSTILE], "approved-by": [HOSTILE] });
    desk.event(Some("inventory"), granted, HOSTILE).await;
    let limits = json!({ "event": "limits-proven", "limits": [HOSTILE] });
    desk.event(Some("inventory"), limits, HOSTILE).await;
    let started = json!({ "event": "started", "version": HOSTILE });
    desk.event(None, started, HOSTILE).await;
    let cookie = desk.log_in(Role::Operator).await;
    let name = format!(
        "form-token={}&name={}",
        desk.token(&cookie).await,
        "%3Cscript%3E%22"
    );
    let of_device = |path: &str| format!("/devices/{}{path}", device());
    assert_eq!(
        desk.post(&of_device("/name"), &cookie, &name).await.status,
        303
    );
    for path in [
        "/",
        "/?q=%3Cscript%3E",
        "/approvals",
        &of_device(""),
        &of_device("/inventory"),
        &of_device("/inventory?q=%3Cscript%3E"),
        &of_device("/inventory?q=%22%3E%3Cscript%3Enothing"),
        &of_device("/inventory/inventory/package"),
        &of_device("/inventory/inventory/package?q=%3Cscript%3E&page=0"),
        &of_device("/changes"),
        &of_device("/changes/2"),
        &of_device("/plugins"),
        &of_device("/events"),
    ] {
        let answer = desk.get(path, &cookie).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(
            answer.body.contains("&lt;script&gt;"),
            "{path}: {}",
            answer.body
        );
        assert!(!answer.body.contains("<script"), "{path}");
        assert!(!answer.body.contains("<img"), "{path}");
        assert!(!answer.body.contains("\"\">"), "{path}");
    }
}

#[tokio::test]
async fn a_change_is_told_from_what_to_what() {
    let desk = Desk::open().await;
    desk.report("bash").await;
    let cookie = desk.log_in(Role::Viewer).await;
    let page = desk
        .get(&format!("/devices/{}/changes", device()), &cookie)
        .await
        .body;
    assert!(page.contains("1 item changed"), "{page}");
    assert!(page.contains("First report: 2 items"), "{page}");
    assert!(page.contains("<span class=\"old\">bash1</span>"), "{page}");
    assert!(page.contains("<span class=\"new\">bash2</span>"), "{page}");
    let inventory = desk
        .get(&format!("/devices/{}/inventory", device()), &cookie)
        .await
        .body;
    assert!(inventory.contains("class=\"tag personal\""), "{inventory}");
}

#[tokio::test]
async fn what_needs_attention_comes_first_until_it_is_put_right() {
    let desk = Desk::open().await;
    desk.report("plain").await;
    let cookie = desk.log_in(Role::Viewer).await;
    let told = async || {
        desk.get("/", &cookie)
            .await
            .body
            .contains("1 device needs attention")
    };
    assert!(!told().await);
    let failed = json!({ "event": "refresh-failed", "reason": "" });
    desk.event(None, failed, "repository not read").await;
    assert!(told().await);
    desk.event(None, json!({ "event": "refreshed" }), "repository verified")
        .await;
    assert!(!told().await);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let desk = Desk::open().await;
    desk.report("plain").await;
    let cookie = desk.log_in(Role::Viewer).await;
    let of_device = |path: &str| format!("/devices/{}{path}", device());
    for path in [
        "/devices",
        "/devices/nonsense",
        &format!("/devices/{}", "0".repeat(32)),
        &format!("/devices/{}/events", "0".repeat(32)),
        &of_device("/changes/99"),
        &of_device("/inventory/inventory/nothing"),
        &of_device("/inventory/nothing/package"),
        &of_device("/inventory/..%2f/package"),
    ] {
        assert_eq!(desk.get(path, &cookie).await.status, 404, "{path}");
    }
    for path in ["/?page=x", "/?page=70000", &of_device("/events?before=x")] {
        assert_eq!(desk.get(path, &cookie).await.status, 400, "{path}");
    }
    let last = desk
        .get(
            &of_device("/inventory/inventory/package?page=65535"),
            &cookie,
        )
        .await;
    assert_eq!(last.status, 200);
}

#[tokio::test]
async fn lists_go_on_over_pages() {
    let desk = Desk::open().await;
    for number in 0..120 {
        let body = json!({ "event": "refreshed", "serial": number });
        desk.event(None, body, &format!("event number {number}."))
            .await;
    }
    let cookie = desk.log_in(Role::Viewer).await;
    let mut path = format!("/devices/{}/events", device());
    let mut seen = Vec::new();
    loop {
        let page = desk.get(&path, &cookie).await.body;
        let found = page.split("event number ").skip(1);
        seen.extend(found.filter_map(|rest| rest.split('.').next()?.parse::<u32>().ok()));
        let Some((_, rest)) = page.split_once("events?before=") else {
            break;
        };
        let before = rest.split('"').next().unwrap();
        path = format!("/devices/{}/events?before={before}", device());
    }
    let expected: Vec<u32> = (0..120).rev().collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn the_access_log_says_who_did_what_and_keeps_no_secret() {
    let desk = Desk::open().await;
    desk.report("plain").await;
    let secret = desk.link(Role::Operator);
    desk.get(&format!("/login/{secret}"), "").await;
    let answer = desk.post("/login", "", &format!("link={secret}")).await;
    let cookie = answer.header("set-cookie").unwrap();
    let cookie = cookie.split(';').next().unwrap();
    desk.get("/?q=someone", cookie).await;
    desk.get("/approvals", "").await;
    let log = desk.access_log(4).await;
    let lines: Vec<Vec<&str>> = log
        .lines()
        .map(|line| line.split(' ').skip(1).collect())
        .collect();
    let session = lines[1][1];
    assert_eq!(session.len(), 8);
    assert_eq!(lines[0], ["nobody", "-", "GET", "/login/...", "200"]);
    assert_eq!(lines[1], ["operator", session, "POST", "/login", "303"]);
    assert_eq!(lines[2], ["operator", session, "GET", "/", "200"]);
    assert_eq!(lines[3], ["nobody", "-", "GET", "/approvals", "403"]);
    let cookie_secret = cookie.split_once('=').unwrap().1;
    for kept in [secret.as_str(), cookie_secret, "someone"] {
        assert!(!log.contains(kept), "{log}");
    }
    let kept = everything(&desk.folder.path().join("page"));
    assert!(!kept.contains(&secret) && !kept.contains(cookie_secret));
}

/// The content of every file beneath a folder, and its name.
fn everything(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all += &path.display().to_string();
        all += &match path.is_dir() {
            true => everything(&path),
            false => String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
        };
    }
    all
}

#[tokio::test]
async fn beyond_loopback_the_page_speaks_tls_alone() {
    let folder = tempfile::tempdir().unwrap();
    let init = Init {
        vendors: Vec::new(),
        server_names: Vec::new(),
        now: now(),
    };
    Repository::init(folder.path(), &init).unwrap();
    let store = Store::open(folder.path(), Duration::from_secs(5)).unwrap();
    let open = async |names: &[&str]| {
        let settings = Settings {
            data: folder.path().to_owned(),
            names: names.iter().map(ToString::to_string).collect(),
            identity: Identity::read(&folder.path().join("tls")).unwrap(),
            inlet: store.inlet(),
            now,
        };
        let everywhere = TcpListener::bind("0.0.0.0:0").await.unwrap();
        Page::on(everywhere, settings).map(|page| page.address().to_owned())
    };
    let nameless = open(&[]).await.unwrap_err().to_string();
    assert!(nameless.contains("--page-name"), "{nameless}");
    let address = open(&["desk.example"]).await.unwrap();
    assert!(address.starts_with("https://desk.example:"), "{address}");
}
