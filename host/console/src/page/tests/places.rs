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
    let mut encoder = Encoder::new(&schema);
    let number = |number| Some(Value::Unsigned(number));
    let vim = [number(1), Some("vim".into()), number(5), number(4_096)];
    encoder.row(0, &vim).unwrap();
    encoder.row(1, &[Some(client.into())]).unwrap();
    let rows = encoder.finish();
    let subject = Subject {
        plugin: "session-analyzer".to_owned(),
        version: "0.1.0".to_owned(),
        session: "7#1".to_owned(),
    };
    let mut writer = Writer::new(Arc::clone(&schema), subject);
    assert!(writer.add(5_000, Snapshot::decode(schema.clone(), &rows).unwrap()));
    writer.finish()
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
    let file = IncomingFile {
        key: "f-1".to_owned(),
        device: DeviceId::from_bytes(DEVICE),
        plugin: "session-analyzer".parse().unwrap(),
        session: SessionId::new("7", 1),
        made: Timestamp::from_ms(5_000),
        body: file("192.0.2.7<b>"),
    };
    desk.store
        .inlet()
        .file(file, Timestamp::from_ms(5_000))
        .await
        .unwrap();
    let page = desk.get(&path, &cookie).await.body;
    assert!(
        page.contains("Used from") && page.contains("192.0.2.7&lt;b&gt;"),
        "{page}"
    );
    assert!(!page.contains("<dt>At"), "{page}");
}
