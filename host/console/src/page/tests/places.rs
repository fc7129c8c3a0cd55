//! From where a session is used, as a plugin's file tells it.

use std::sync::Arc;

use bailiwick_core::{ids::DeviceId, session::SessionId, time::Timestamp};
use bailiwick_report::{
    columnar::{Subject, Writer},
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
};
use serde_json::json;

use super::{
    super::Role,
    desk::{DEVICE, Desk, device},
};
use crate::store::IncomingFile;

/// One sample with a process, and what is told of the session.
fn file(client: &str) -> Vec<u8> {
    let field = |name, kind, privacy| Field::new(name, kind, "", 0, privacy).unwrap();
    let process = vec![
        field("pid", Kind::Unsigned, Privacy::None),
        field("application", Kind::Text, Privacy::None),
        Field::new("cpu", Kind::Unsigned, "ms", 0, Privacy::None).unwrap(),
        Field::new("memory", Kind::Unsigned, "bytes", 0, Privacy::None).unwrap(),
    ];
    let session = vec![field("client-address", Kind::Text, Privacy::Personal)];
    let schema = Arc::new(
        Schema::new(vec![
            Collection::new("process", 1, process).unwrap(),
            Collection::new("session", 0, session).unwrap(),
        ])
        .unwrap(),
    );
    let rows = |cpu| {
        let mut encoder = Encoder::new(&schema);
        let number = |number| Some(Value::Unsigned(number));
        let vim = [number(1), Some("vim".into()), number(cpu), number(4_096)];
        encoder.row(0, &vim).unwrap();
        encoder.row(1, &[Some(client.into())]).unwrap();
        Snapshot::decode(Arc::clone(&schema), &encoder.finish()).unwrap()
    };
    let subject = Subject {
        plugin: "session-analyzer".to_owned(),
        version: "0.1.0".to_owned(),
        session: "7#1".to_owned(),
    };
    let mut writer = Writer::new(Arc::clone(&schema), subject);
    assert!(writer.add(5_000, rows(5)) && writer.add(20_000, rows(1_505)));
    writer.finish()
}

fn incoming() -> IncomingFile {
    IncomingFile {
        key: "f-1".to_owned(),
        device: DeviceId::from_bytes(DEVICE),
        plugin: "session-analyzer".parse().unwrap(),
        session: SessionId::new("7", 1),
        made: Timestamp::from_ms(5_000),
        body: file("192.0.2.7<b>"),
    }
}

#[tokio::test]
async fn from_where_a_session_is_used_is_shown_where_a_plugin_may_tell() {
    let desk = Desk::open().await;
    let opened = json!({ "event": "session-opened", "session": "7#1", "user": "u-77" });
    desk.event(None, opened, "opened").await;
    let cookie = desk.log_in(Role::Viewer).await;
    let path = format!("/devices/{}/sessions/7%231", device());
    let before = desk.get(&path, &cookie).await.body;
    assert!(!before.contains("Used from"), "{before}");
    desk.store
        .inlet()
        .file(incoming(), Timestamp::from_ms(5_000))
        .await
        .unwrap();
    let page = desk.get(&path, &cookie).await.body;
    assert!(
        page.contains("Used from") && page.contains("192.0.2.7&lt;b&gt;"),
        "{page}"
    );
    assert!(!page.contains("<dt>At"), "{page}");
}

#[tokio::test]
async fn who_uses_what_is_told_of_open_sessions_and_of_those_that_ended_meanwhile() {
    let desk = Desk::open().await;
    let path = format!("/devices/{}/use", device());
    let cookie = desk.log_in(Role::Viewer).await;
    for (session, user) in [("7#1", "u-77"), ("8#2", "u-88")] {
        let opened = json!({ "event": "session-opened", "session": session, "user": user });
        desk.event(None, opened, "opened").await;
    }
    let before = desk.get(&path, &cookie).await.body;
    assert!(before.contains("No usage"), "{before}");
    desk.store
        .inlet()
        .file(incoming(), Timestamp::from_ms(5_000))
        .await
        .unwrap();
    for asked in ["", "?span=1d&by=memory"] {
        let page = desk.get(&format!("{path}{asked}"), &cookie).await.body;
        assert!(page.contains("u-77") && !page.contains("u-88"), "{page}");
        assert!(page.contains("vim"), "{page}");
    }
    let odd = desk.get(&format!("{path}?span=9y"), &cookie).await;
    assert_eq!(odd.status, 400, "{}", odd.body);
}
