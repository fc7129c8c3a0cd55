//! Drafts of actions, and how actions stand.

use serde_json::json;

use super::desk::{Answer, Desk, device};
use crate::page::{Role, routes::devices::encoded};

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
        (
            "run-program",
            id.as_str(),
            "%5B%22kept%22%5D",
            "no JSON object",
        ),
        (
            "run-program",
            id.as_str(),
            "%5B%22kept%22%5D",
            "[&quot;kept&quot;]</textarea>",
        ),
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

/// The device starts the handler and passes on what it takes.
async fn takes(desk: &Desk, version: &str, schema: serde_json::Value) {
    let started = json!({ "event": "plugin-started", "version": version });
    desk.event(Some("tool"), started, "started").await;
    let takes = json!({ "event": "takes-arguments", "version": version, "schema": schema });
    desk.event(Some("tool"), takes, "told").await;
}

/// In the order of its author.
const SCHEMA: &str = r#"{
    "type": "object", "title": "A tool", "required": ["path"],
    "properties": {
        "path": { "type": "string", "title": "Path", "description": "Where it is." },
        "times": { "type": "integer", "minimum": 1, "maximum": 9 },
        "loud": { "type": "boolean" },
        "words": { "type": "array", "items": { "type": "string" } }
    }
}"#;

async fn send(desk: &Desk, operator: &str, fields: &[(&str, &str)]) -> Answer {
    let (token, id) = (desk.token(operator).await, device().to_string());
    let mut body = format!("form-token={token}&handler=tool&devices={id}");
    for (name, value) in fields {
        body += &format!("&{}={}", encoded(name), encoded(value));
    }
    desk.post("/actions", operator, &body).await
}

#[tokio::test]
async fn a_handler_that_has_told_gets_a_form_with_a_field_for_each_argument() {
    let desk = Desk::open().await;
    let operator = desk.log_in(Role::Operator).await;
    takes(&desk, "1.0.0", SCHEMA.into()).await;
    let plugins = desk.get("/actions/new", &operator).await.body;
    assert!(
        plugins.contains(r#"href="/actions/new?handler=tool""#),
        "{plugins}"
    );
    let devices = desk.get("/actions/new?handler=tool", &operator).await.body;
    let tick = format!(r#"type="checkbox" name="device" value="{}""#, device());
    assert!(devices.contains(&tick), "{devices}");
    let address = format!("/actions/new?handler=tool&device={}", device());
    let form = desk.get(&address, &operator).await.body;
    for part in [
        r#"<label for="argument-0"><strong>Path</strong> <code>path</code></label>"#,
        r#"<p class="help" id="argument-0-help">Where it is.</p>"#,
        r#"name="argument:path" type="text""#,
        r#"aria-describedby="argument-0-help""#,
        "A whole number from 1 to 9.",
        r#"<select id="argument-2" name="argument:loud">"#,
        r#"<textarea id="argument-3" name="argument:words""#,
    ] {
        assert!(form.contains(part), "{part}: {form}");
    }
    assert!(!form.contains(r#"name="arguments""#), "{form}");
    let plain = desk
        .get(&format!("{address}&plain=1"), &operator)
        .await
        .body;
    assert!(plain.contains(r#"<textarea id="arguments""#), "{plain}");

    let written = [
        ("argument:path", "/bin/<b>"),
        ("argument:times", "3"),
        ("argument:loud", "false"),
        ("argument:words", "a b\r\nc"),
        ("expires", "2 h"),
    ];
    let answer = send(&desk, &operator, &written).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let place = answer.header("location").unwrap().to_owned();
    let draft = desk
        .get(&format!("{place}/draft.json"), &operator)
        .await
        .body;
    let draft: crate::actions::Draft = serde_json::from_str(&draft).unwrap();
    let bailiwick_core::action::Order::Run { arguments } = draft.order else {
        panic!()
    };
    assert_eq!(
        arguments,
        r#"{"loud":false,"path":"/bin/<b>","times":3,"words":["a b","c"]}"#
    );
    assert_eq!(draft.expires_in_s, 7_200);
    let of_device = format!("/devices/{}", device());
    let shown = desk.get(&of_device, &operator).await.body;
    assert!(shown.contains(&format!("href=\"{place}\"")), "{shown}");
    assert!(shown.contains("Awaits a signature"), "{shown}");
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_its_field_and_nothing_written_is_lost() {
    let desk = Desk::open().await;
    let operator = desk.log_in(Role::Operator).await;
    takes(&desk, "1.0.0", SCHEMA.into()).await;
    let written = [
        ("argument:path", ""),
        ("argument:times", "<ten>"),
        ("argument:loud", "true"),
        ("argument:words", "\nfirst\nsecond"),
        ("expires", "soon"),
    ];
    let answer = send(&desk, &operator, &written).await;
    assert_eq!(answer.status, 400);
    let form = answer.body;
    for part in [
        "To be corrected",
        r##"<a href="#argument-0">Path</a>: Fill this in."##,
        r#"<p class="fault" id="argument-0-fault">Fill this in.</p>"#,
        r#"aria-describedby="argument-1-fault argument-1-help" aria-invalid="true""#,
        r#"value="&lt;ten&gt;""#,
        r#"<option value="true" selected>Yes</option>"#,
        "\n\nfirst\nsecond</textarea>",
        r#"value="soon""#,
        r##"<a href="#expires">May begin within</a>"##,
    ] {
        assert!(form.contains(part), "{part}: {form}");
    }
    let list = desk.get("/actions", &operator).await.body;
    assert!(list.contains("No actions yet"), "{list}");

    // Another version takes over while somebody writes.
    let other = json!({ "type": "object", "properties": { "file": { "type": "string" } } });
    takes(&desk, "2.0.0", other.to_string().into()).await;
    let written = [("argument:path", "/kept"), ("expires", "1 h")];
    let answer = send(&desk, &operator, &written).await;
    assert_eq!(answer.status, 400);
    assert!(
        answer
            .body
            .contains("`path` is not taken any more. There was written: /kept"),
        "{}",
        answer.body
    );
    takes(&desk, "3.0.0", json!(null)).await;
    let answer = send(&desk, &operator, &written).await;
    assert_eq!(answer.status, 400);
    assert!(
        answer
            .body
            .contains("&quot;path&quot;: &quot;/kept&quot;\n}</textarea>"),
        "{}",
        answer.body
    );
    assert!(
        answer.body.contains("described at a length"),
        "{}",
        answer.body
    );
}

/// What a device tells comes from nobody who is trusted.
#[tokio::test]
async fn a_description_that_attacks_is_refused_or_shown_as_text() {
    let desk = Desk::open().await;
    let operator = desk.log_in(Role::Operator).await;
    let address = format!("/actions/new?handler=tool&device={}", device());
    let script = "\"><script>x</script>\u{202e}'";
    let name = "\"><script>x</script>'";
    let schema = json!({
        "type": "object", "title": script, "description": script, "required": [name],
        "properties": { (name): { "enum": [name], "title": script, "description": script } },
    });
    takes(&desk, "1.0.0", schema.to_string().into()).await;
    let form = desk.get(&address, &operator).await;
    assert_eq!(form.status, 200);
    assert!(
        !form.body.contains("<script>") && !form.body.contains('\u{202e}'),
        "{}",
        form.body
    );
    assert!(
        form.body.contains("<select id=\"argument-0\""),
        "{}",
        form.body
    );
    let field = format!("argument:{name}");
    let answer = send(&desk, &operator, &[(&field, "other"), ("expires", "1 h")]).await;
    assert_eq!(answer.status, 400);
    assert!(
        !answer.body.contains("<script>") && !answer.body.contains('\u{202e}'),
        "{}",
        answer.body
    );
    let answer = send(&desk, &operator, &[(&field, name), ("expires", "1 h")]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let place = answer.header("location").unwrap().to_owned();
    let shown = desk.get(&place, &operator).await.body;
    assert!(
        !shown.contains("<script>") && !shown.contains('\u{202e}'),
        "{shown}"
    );

    for (version, schema, words) in [
        ("2.0.0", json!("{"), "it is no JSON"),
        ("3.0.0", json!("x".repeat(15_000)), "it is no JSON"),
        ("4.0.0", json!({ "type": "object" }), "has not told"),
        ("5.0.0", json!(7), "has not told"),
        (
            "6.0.0",
            json!(r#"{"type":"object","allOf":[]}"#),
            "it uses `allOf`",
        ),
    ] {
        takes(&desk, version, schema).await;
        let form = desk.get(&address, &operator).await.body;
        assert!(form.contains(words), "{words}: {form}");
        assert!(form.contains(r#"<textarea id="arguments""#), "{form}");
    }
    // What it told is of another version than it runs.
    takes(&desk, "7.0.0", SCHEMA.into()).await;
    let went_back = json!({ "event": "went-back", "to": "6.0.0" });
    desk.event(Some("tool"), went_back, "back").await;
    let form = desk.get(&address, &operator).await.body;
    assert!(form.contains("has not told"), "{form}");
}

#[tokio::test]
async fn what_an_address_can_not_mean_is_said_where_it_is_asked_for() {
    let desk = Desk::open().await;
    let operator = desk.log_in(Role::Operator).await;
    let page = desk
        .get("/actions/new?handler=%3Cb%3E", &operator)
        .await
        .body;
    assert!(
        page.contains("Which plugin?") && page.contains("value=\"&lt;b&gt;\""),
        "{page}"
    );
    assert!(page.contains("id=\"handler-fault\""), "{page}");
    let page = desk
        .get("/actions/new?handler=tool&devices=zz", &operator)
        .await
        .body;
    assert!(
        page.contains("On which devices?") && page.contains("zz is not a device"),
        "{page}"
    );
    let unknown = "0f".repeat(16);
    let page = desk
        .get(
            &format!("/actions/new?handler=tool&devices={unknown}"),
            &operator,
        )
        .await
        .body;
    assert!(page.contains("has not told which arguments"), "{page}");
    let viewer = desk.log_in(Role::Viewer).await;
    assert_eq!(desk.get("/actions/new", &viewer).await.status, 403);
}
