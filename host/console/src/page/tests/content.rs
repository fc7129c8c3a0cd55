//! What pages say.

use serde_json::json;

use super::{
    super::Role,
    desk::{Desk, device},
};

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
async fn the_list_of_devices_says_what_is_wrong_and_is_filtered_by_it() {
    let desk = Desk::open().await;
    desk.report("plain").await;
    let cookie = desk.log_in(Role::Viewer).await;
    let found = async |show: &str| {
        let page = desk.get(&format!("/?show={show}"), &cookie).await;
        assert_eq!(page.status, 200, "{show}: {}", page.body);
        page.body.contains("<tbody>")
    };
    assert!(found("all").await && found("https").await);
    assert!(!found("mqtt").await && !found("quiet").await && !found("attention").await);
    let list = desk.get("/", &cookie).await.body;
    assert!(
        list.contains("over HTTPS") && list.contains(">Fine<"),
        "{list}"
    );
    for event in ["call-failed", "suspended"] {
        let body = json!({ "event": event, "for-ms": 60_000, "reason": "memory limit" });
        desk.event(Some("pressure"), body, "pressure failed").await;
    }
    assert!(found("attention").await);
    let list = desk.get("/?show=attention&q=plain", &cookie).await.body;
    assert!(list.contains("pressure suspended"), "{list}");
    assert!(!list.contains("pressure fails"), "{list}");
    assert!(
        !desk
            .get("/?show=attention&q=other", &cookie)
            .await
            .body
            .contains("<tbody>")
    );
    assert_eq!(desk.get("/?show=nonsense", &cookie).await.status, 400);
    let plugins = format!("/devices/{}/plugins", device());
    let plugins = desk.get(&plugins, &cookie).await.body;
    assert!(
        plugins.contains("the last time because: memory limit"),
        "{plugins}"
    );
}

#[tokio::test]
async fn a_session_is_shown_from_its_events() {
    let desk = Desk::open().await;
    let told = |event: &str, state: &str| {
        json!({
            "event": event, "session": "7#1", "user": "u-77", "kind": { "remote": "ssh" },
            "source": "logind", "state": state, "why": "restarted",
        })
    };
    desk.event(None, told("session-opened", "active"), "opened")
        .await;
    let cookie = desk.log_in(Role::Viewer).await;
    let list = format!("/devices/{}/sessions", device());
    let one = format!("{list}/7%231");
    let page = desk.get(&list, &cookie).await.body;
    assert!(
        page.contains("Remote (ssh)") && page.contains(">Active<"),
        "{page}"
    );
    assert!(page.contains(&format!("href=\"{one}\"")), "{page}");
    desk.event(None, told("session-changed", "locked"), "changed")
        .await;
    assert!(desk.get(&list, &cookie).await.body.contains(">Locked<"));
    desk.event(None, told("session-closed", ""), "closed").await;
    let page = desk.get(&list, &cookie).await.body;
    assert!(
        page.contains("Nobody is logged in") && page.contains("with a restart"),
        "{page}"
    );
    for query in [
        "",
        "?span=15m",
        "?span=7d&until=0",
        "?until=9000000000000000000",
    ] {
        let page = desk.get(&format!("{one}{query}"), &cookie).await;
        assert_eq!(page.status, 200, "{query}: {}", page.body);
        assert!(page.body.contains("Session of u-77"), "{}", page.body);
    }
    assert_eq!(
        desk.get(&format!("{one}?span=9d"), &cookie).await.status,
        400
    );
    assert_eq!(
        desk.get(&format!("{list}/8%231"), &cookie).await.status,
        404
    );
}

/// Whatever a device calls its sessions and users, and whenever they were.
#[tokio::test]
async fn hostile_sessions_stay_text_and_have_a_page() {
    const HOSTILE: &str = "\"><script>alert(1)</script>/../x?y#z";
    let desk = Desk::open().await;
    for (number, since) in [(0, json!(i64::MIN)), (1, json!(i64::MAX)), (2, json!("x"))] {
        let session = format!("{HOSTILE}{number}");
        for event in ["session-opened", "session-changed"] {
            let body = json!({
                "event": event, "session": session, "user": HOSTILE, "kind": HOSTILE,
                "source": HOSTILE, "state": HOSTILE, "since": since, "idle-since": since,
            });
            desk.event(None, body, HOSTILE).await;
        }
    }
    let cookie = desk.log_in(Role::Viewer).await;
    let list = format!("/devices/{}/sessions", device());
    let page = desk.get(&list, &cookie).await.body;
    let links: Vec<&str> = page
        .split(&format!("href=\"{list}/"))
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(links.len(), 3, "{page}");
    for path in links
        .iter()
        .map(|link| format!("{list}/{link}"))
        .chain([list.clone()])
    {
        let page = desk.get(&path, &cookie).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        assert!(page.body.contains("&lt;script&gt;"), "{}", page.body);
        assert!(!page.body.contains("<script"), "{}", page.body);
    }
}

#[tokio::test]
async fn changes_are_those_of_a_table_or_with_what_is_searched_for() {
    let desk = Desk::open().await;
    desk.report("bash").await;
    let cookie = desk.log_in(Role::Viewer).await;
    let list = format!("/devices/{}/changes", device());
    let found = async |query: &str| {
        let page = desk.get(&format!("{list}{query}"), &cookie).await;
        assert_eq!(page.status, 200, "{query}: {}", page.body);
        let sets = page.body.matches("class=\"card set\"").count();
        (sets, page.body)
    };
    let (sets, page) = found("").await;
    assert_eq!(sets, 2);
    assert!(
        page.contains("<option value=\"inventory/package\">Package<"),
        "{page}"
    );
    let (sets, page) = found("?in=inventory%2Fpackage").await;
    assert_eq!(sets, 2, "{page}");
    assert!(
        page.contains("1 item changed") && page.contains("First report: 1 item"),
        "{page}"
    );
    assert!(
        page.contains("value=\"inventory/package\" selected"),
        "{page}"
    );
    // The system did not change after the first report.
    assert_eq!(found("?in=inventory/system").await.0, 1);
    assert_eq!(found("?q=BASH2").await.0, 1);
    assert_eq!(found("?in=inventory/package&q=bash2").await.0, 1);
    let (sets, page) = found("?in=inventory/system&q=bash2").await;
    assert_eq!(sets, 0);
    assert!(page.contains("No change that is kept has that"), "{page}");
    assert_eq!(found("?in=other").await.0, 0);
    assert_eq!(
        desk.get(&format!("{list}?in=../x"), &cookie).await.status,
        404
    );
}
