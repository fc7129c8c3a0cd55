//! Drafts of actions, and how actions stand.

use super::desk::{Desk, device};
use crate::page::Role;

/// A form as a browser sends it.
fn form(token: &str, handler: &str, devices: &str, arguments: &str) -> String {
    format!(
        "form-token={token}&handler={handler}&devices={devices}&arguments={arguments}\
         &expires=1+h"
    )
}

#[tokio::test]
async fn an_operator_drafts_and_is_told_how_to_sign_and_a_viewer_only_looks() {
    let desk = Desk::open().await;
    let operator = desk.log_in(Role::Operator).await;
    let token = desk.token(&operator).await;
    let (id, arguments) = (device().to_string(), "%7B%22a%22%3A%22%3Cb%3E%22%7D");
    let body = form(&token, "run-program", &id, arguments);
    let answer = desk.post("/actions", &operator, &body).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let place = answer.header("location").unwrap().to_owned();
    let action = place.strip_prefix("/actions/").unwrap();

    let shown = desk.get(&place, &operator).await.body;
    assert!(shown.contains("Draft") && shown.contains(&id), "{shown}");
    assert!(
        shown.contains("&lt;b&gt;") && !shown.contains("<b>"),
        "{shown}"
    );
    let command =
        format!("bailiwick-console action sign --key KEY.json --out action-{action}.signed");
    assert!(shown.contains(&command), "{shown}");
    let draft = desk.get(&format!("{place}/draft.json"), &operator).await;
    let draft: crate::actions::Draft = serde_json::from_str(&draft.body).unwrap();
    assert_eq!(draft.id.to_string(), action);
    assert_eq!(draft.expires_in_s, 3_600);

    let viewer = desk.log_in(Role::Viewer).await;
    let list = desk.get("/actions", &viewer).await.body;
    assert!(
        list.contains(action) && !list.contains("Draft an action"),
        "{list}"
    );
    let body = form(&desk.token(&viewer).await, "run-program", &id, "%7B%7D");
    assert_eq!(desk.post("/actions", &viewer, &body).await.status, 403);
}

#[tokio::test]
async fn what_could_not_be_signed_is_no_draft() {
    let desk = Desk::open().await;
    let operator = desk.log_in(Role::Operator).await;
    let token = desk.token(&operator).await;
    let id = device().to_string();
    for (handler, devices, arguments, words) in [
        ("Run", id.as_str(), "%7B%7D", "not a name"),
        ("run-program", "ab", "%7B%7D", "not a device id"),
        ("run-program", "", "%7B%7D", "0 devices"),
        ("run-program", id.as_str(), "%5B%5D", "no JSON object"),
    ] {
        let body = form(&token, handler, devices, arguments);
        let answer = desk.post("/actions", &operator, &body).await;
        assert_eq!(answer.status, 400, "{words}: {}", answer.body);
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
    }
    let list = desk.get("/actions", &operator).await.body;
    assert!(list.contains("No actions yet"), "{list}");
    let strange = desk.get("/actions/ab", &operator).await;
    assert_eq!(strange.status, 404);
}
