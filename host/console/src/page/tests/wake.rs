//! Waking a device through its neighbours, by what they reported.

use std::{sync::Arc, time::Duration};

use bailiwick_core::{ids::DeviceId, time::Timestamp};
use bailiwick_report::{
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
    sender::Sender,
    wire::Origin,
};
use serde_json::json;

use super::desk::Desk;
use crate::{clock::now, page::Role, store::IncomingEvent};

const MAC: &str = "02:5e:10:4a:93:c1";

fn id(byte: u8) -> String {
    DeviceId::from_bytes([byte; 16]).to_string()
}

fn before(minutes: u64) -> Timestamp {
    let passed = Duration::from_secs(minutes * 60).as_millis();
    Timestamp::from_ms(now().as_ms() - u64::try_from(passed).unwrap())
}

fn links(name: &str, ip: &str) -> Snapshot {
    let text = |name: &str| Field::new(name, Kind::Text, "", 0, Privacy::None).unwrap();
    let bits = Field::new("prefix", Kind::Unsigned, "bits", 0, Privacy::None).unwrap();
    let schema = Schema::new(vec![
        Collection::new("links", 1, vec![text("name"), text("mac")]).unwrap(),
        Collection::new("addresses", 2, vec![text("link"), text("ip"), bits]).unwrap(),
    ]);
    let schema = Arc::new(schema.unwrap());
    let mut rows = Encoder::new(&schema);
    rows.row(0, &[Some(name.into()), Some(MAC.into())]).unwrap();
    let values = [
        Some(name.into()),
        Some(ip.into()),
        Some(Value::Unsigned(24)),
    ];
    rows.row(1, &values).unwrap();
    Snapshot::decode(Arc::clone(&schema), &rows.finish()).unwrap()
}

/// A device reports its link, so many minutes ago.
async fn reports(desk: &Desk, device: u8, link: &str, ip: &str, minutes: u64) {
    let origin = Origin::new([device; 16], "inventory", "0.1.0").unwrap();
    let report = Sender::new(1).next(&origin, 1, links(link, ip));
    let key = format!("report-{device}");
    let inlet = desk.store.inlet();
    inlet
        .report(key, report.bytes, before(minutes))
        .await
        .unwrap();
}

/// Its handler starts, and it tells what that takes.
async fn has_handler(desk: &Desk, device: u8, minutes: u64) {
    let schema = r#"{ "type": "object", "minProperties": 1, "maxProperties": 1, "properties": {
        "wake": { "type": "object", "required": ["mac"],
            "properties": { "mac": { "type": "string" }, "target": { "type": "string", "format": "ipv4" } } },
        "fitness": { "type": "object",
            "properties": { "target": { "type": "string", "format": "ipv4" } } } } }"#;
    let told = |event: serde_json::Value| IncomingEvent {
        device: DeviceId::from_bytes([device; 16]),
        at: before(minutes),
        plugin: Some("wake-on-lan".parse().unwrap()),
        event: event["event"].as_str().unwrap().to_owned(),
        words: String::new(),
        body: event.to_string(),
        log: None,
    };
    let events = vec![
        told(json!({ "event": "plugin-started", "version": "0.1.0" })),
        told(json!({ "event": "takes-arguments", "version": "0.1.0", "schema": schema })),
    ];
    let key = format!("events-{device}");
    let inlet = desk.store.inlet();
    inlet
        .events(key.clone(), key, events, before(minutes))
        .await
        .unwrap();
}

#[tokio::test]
async fn fit_neighbours_are_picked_and_the_form_is_filled_in() {
    let desk = Desk::open().await;
    let operator = desk.log_in(Role::Operator).await;
    reports(&desk, 1, "eth0", "192.0.2.17", 2 * 24 * 60).await;
    for (device, link, ip, minutes) in [
        (2, "wlan0", "192.0.2.20", 5),
        (3, "eth0", "192.0.2.30", 5),
        (4, "eth0", "198.51.100.4", 5),
        (5, "eth0", "192.0.2.50", 24 * 60),
    ] {
        reports(&desk, device, link, ip, minutes).await;
        has_handler(&desk, device, minutes).await;
    }
    let sleeper = desk
        .get(&format!("/devices/{}", id(1)), &operator)
        .await
        .body;
    let place = format!("/actions/wake?device={}", id(1));
    assert!(sleeper.contains(&format!("href=\"{place}\"")), "{sleeper}");
    let awake = desk
        .get(&format!("/devices/{}", id(3)), &operator)
        .await
        .body;
    assert!(!awake.contains("/actions/wake"), "{awake}");

    let page = desk.get(&place, &operator).await.body;
    assert_eq!(page.matches(">Picked<").count(), 2, "{page}");
    assert!(
        page.contains(MAC) && page.contains("192.0.2.17/24"),
        "{page}"
    );
    assert!(page.contains("is in another network"), "{page}");
    // The cable first.
    let form = format!(
        "/actions/new?handler=wake-on-lan&device={}&device={}&way=wake\
         &argument%3Amac=02%3A5e%3A10%3A4a%3A93%3Ac1&argument%3Atarget=192.0.2.17",
        id(3),
        id(2)
    );
    assert!(
        page.contains(&format!("href=\"{}\"", form.replace('&', "&amp;"))),
        "{page}"
    );
    let form = desk.get(&form, &operator).await.body;
    assert!(form.contains(&format!("value=\"{MAC}\"")), "{form}");
    assert!(form.contains("value=\"192.0.2.17\""), "{form}");
    let viewer = desk.log_in(Role::Viewer).await;
    assert_eq!(desk.get(&place, &viewer).await.status, 403);
    let seen = desk.get(&format!("/devices/{}", id(1)), &viewer).await.body;
    assert!(!seen.contains("/actions/wake"), "{seen}");
}

#[tokio::test]
async fn who_can_not_be_woken_is_told_why() {
    let desk = Desk::open().await;
    let operator = desk.log_in(Role::Operator).await;
    desk.report("plain").await;
    let place = format!("/actions/wake?device={}", super::desk::device());
    let page = desk.get(&place, &operator).await.body;
    assert!(page.contains("It is not known where plain is"), "{page}");
    reports(&desk, 1, "eth0", "192.0.2.17", 2 * 24 * 60).await;
    let place = format!("/actions/wake?device={}", id(1));
    let page = desk.get(&place, &operator).await.body;
    assert!(
        page.contains("No other device has told that it runs"),
        "{page}"
    );
    reports(&desk, 4, "eth0", "198.51.100.4", 5).await;
    has_handler(&desk, 4, 5).await;
    let page = desk.get(&place, &operator).await.body;
    assert!(
        page.contains("so none is picked") && !page.contains("Draft it for"),
        "{page}"
    );
    assert_eq!(
        desk.get("/actions/wake?device=zz", &operator).await.status,
        404
    );
    let unknown = format!("/actions/wake?device={}", id(9));
    assert_eq!(desk.get(&unknown, &operator).await.status, 404);
}
