//! Who is let in, and to what.

use std::{path::Path, time::Duration};

use bailiwick_repository::{Init, Repository};
use tokio::net::TcpListener;

use super::{
    super::{Page, Role, Settings},
    desk::{Desk, device, enrolment},
};
use crate::{clock::now, server::Identity, store::Store};

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
            actions: crate::actions::Actions::new(
                crate::actions::Ledger::open(folder.path()).unwrap(),
            ),
            enrolment: enrolment(folder.path()),
            public: std::sync::Arc::new(folder.path().join("public")),
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
