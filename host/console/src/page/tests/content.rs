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
