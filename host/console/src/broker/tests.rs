//! The broker's side of a connection, over a stream in memory and with the real database.

use bailiwick_core::ids::DeviceId;
use bailiwick_report::{
    rows::Snapshot,
    schema::{Collection, Field, Kind, Privacy, Schema},
    sender::Sender,
    wire::Origin,
};
use bailiwick_transport::mqtt::{
    Leaving,
    wire::{self, *},
};
use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    time::Instant,
};

use super::*;
use crate::actions::{
    Actions, Ledger,
    tests::{listing, signed},
};
use crate::enrolment::Strictness;
use crate::store::{
    Store,
    read::{Filter, Reader},
};

const DEVICE: DeviceId = DeviceId::from_bytes([0xab; 16]);

/// Any device is let in.
fn open(folder: &std::path::Path) -> Enrolment {
    let (strictness, life) = (Strictness::Open, Duration::from_secs(60));
    Enrolment::open(folder, folder, strictness, life).unwrap()
}

/// Who shows no certificate.
fn nobody() -> crate::enrolment::Peer {
    crate::enrolment::Peer {
        address: "127.0.0.1:1".parse().unwrap(),
        certificate: None,
    }
}

/// A broker with its database.
struct Desk {
    shared: Shared,
    hint: watch::Sender<Option<u64>>,
    stop: watch::Sender<bool>,
    folder: tempfile::TempDir,
    _store: Store,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Duration::from_secs(1)).unwrap();
        let (hint, hinted) = watch::channel(None);
        let (stop, stopped) = watch::channel(false);
        let entrance = Entrance {
            inlet: store.inlet(),
            actions: Actions::new(Ledger::open(folder.path()).unwrap()),
            enrolment: Arc::new(open(folder.path())),
            now: || Timestamp::from_ms(7),
        };
        Self {
            shared: Shared {
                inlet: store.inlet(),
                enrolment: Arc::clone(&entrance.enrolment),
                now: entrance.now,
                entrance,
                hub: Arc::default(),
                posts: Arc::new(Semaphore::new(POSTS)),
                bodies: Arc::new(Semaphore::new(BODIES)),
                hint: hinted,
                stop: stopped,
            },
            hint,
            stop,
            folder,
            _store: store,
        }
    }

    /// A connection on which nothing was said.
    fn connect(&self) -> Peer {
        let (ours, theirs) = duplex(64 * 1024);
        tokio::spawn(connection::speak(theirs, nobody(), self.shared.clone()));
        Peer {
            stream: ours,
            arrived: BytesMut::new(),
        }
    }

    /// A connection of the device.
    async fn device(&self) -> Peer {
        let mut peer = self.connect();
        peer.send(Packet::Connect(Connect::new(DEVICE.to_string())))
            .await;
        let accepted = ConnAck::new(ConnectReturnCode::Success, false);
        assert_eq!(peer.next().await, Some(Packet::ConnAck(accepted)));
        peer
    }

    fn keys(&self) -> Vec<String> {
        let reader = Reader::open(self.folder.path()).unwrap();
        let filter = Filter {
            last: 1_000,
            ..Filter::default()
        };
        let reports = reader.reports(&filter).unwrap();
        reports.into_iter().map(|report| report.key).collect()
    }
}

/// A client that says anything.
struct Peer {
    stream: DuplexStream,
    arrived: BytesMut,
}

impl Peer {
    async fn send(&mut self, packet: Packet) {
        let mut leaving = Leaving::default();
        leaving.push(&packet).unwrap();
        leaving.finish(&mut self.stream).await.unwrap();
    }

    /// The next packet; none where the broker closed the connection.
    async fn next(&mut self) -> Option<Packet> {
        loop {
            let read = wire::read(&mut self.arrived, From::Server, 100_000).unwrap();
            if read.is_some() {
                return read;
            }
            if self.stream.read_buf(&mut self.arrived).await.unwrap() == 0 {
                return None;
            }
        }
    }

    async fn subscribe(&mut self, filter: &str) -> SubscribeReasonCode {
        let mut subscribe = Subscribe::new(filter, QoS::AtLeastOnce);
        subscribe.pkid = 9;
        self.send(Packet::Subscribe(subscribe)).await;
        match self.next().await {
            Some(Packet::SubAck(answer)) => answer.return_codes[0],
            other => panic!("{other:?}"),
        }
    }
}

fn report(device: DeviceId, plugin: &str) -> Vec<u8> {
    let field = Field::new("name", Kind::Text, "", 0, Privacy::None).unwrap();
    let schema = Schema::new(vec![Collection::new("disks", 1, vec![field]).unwrap()]).unwrap();
    let origin = Origin::new(*device.as_bytes(), plugin, "0.1.0").unwrap();
    let snapshot = Snapshot::empty(Arc::new(schema));
    Sender::new(1).next(&origin, 10, snapshot).bytes
}

fn post(key: &str, pkid: u16, body: Vec<u8>) -> Packet {
    post_of("inventory", key, pkid, body)
}

fn post_of(plugin: &str, key: &str, pkid: u16, body: Vec<u8>) -> Packet {
    let topic = format!("bailiwick/1/{DEVICE}/reports/{plugin}/{key}");
    let mut publish = Publish::new(topic, QoS::AtLeastOnce, body);
    publish.pkid = pkid;
    Packet::Publish(publish)
}

fn receipts() -> String {
    format!("bailiwick/1/{DEVICE}/receipts/+")
}

fn payload(packet: Option<Packet>) -> String {
    match packet {
        Some(Packet::Publish(publish)) => String::from_utf8(publish.payload.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_puback_comes_after_the_commit_and_after_the_receipt() {
    let desk = Desk::new();
    let mut device = desk.device().await;
    let granted = SubscribeReasonCode::Success(QoS::AtMostOnce);
    assert_eq!(device.subscribe(&receipts()).await, granted);
    for pkid in [5, 6] {
        // The second is a repetition: kept once, acknowledged twice.
        device
            .send(post("k", pkid, report(DEVICE, "inventory")))
            .await;
        let receipt = payload(device.next().await);
        assert_eq!(receipt, r#"{"reason":"","result":"stored"}"#);
        assert_eq!(device.next().await, Some(Packet::PubAck(PubAck::new(pkid))));
        assert_eq!(desk.keys(), ["k"]);
    }
}

#[tokio::test]
async fn what_is_refused_is_acknowledged_and_told() {
    let desk = Desk::new();
    let mut device = desk.device().await;
    device.subscribe(&receipts()).await;
    let other = DeviceId::from_bytes([1; 16]);
    for (body, reason) in [
        (b"no report".to_vec(), "no report"),
        (report(other, "inventory"), "another device or plugin"),
        (report(DEVICE, "other"), "another device or plugin"),
    ] {
        device.send(post("k", 5, body)).await;
        let receipt = payload(device.next().await);
        assert!(
            receipt.contains("refused") && receipt.contains(reason),
            "{receipt}"
        );
        assert_eq!(device.next().await, Some(Packet::PubAck(PubAck::new(5))));
    }
    let event =
        format!(r#"{{"device":"{other}","at":5,"words":"","event":{{"event":"started"}}}}"#);
    let mut publish = Publish::new(
        format!("bailiwick/1/{DEVICE}/events/e"),
        QoS::AtLeastOnce,
        event,
    );
    publish.pkid = 8;
    device.send(Packet::Publish(publish)).await;
    let receipt = payload(device.next().await);
    assert!(receipt.contains("of another device"), "{receipt}");
    assert_eq!(desk.keys(), [""; 0]);
}

#[tokio::test]
async fn a_malformed_post_of_each_kind_is_refused_and_the_next_one_is_taken() {
    let desk = Desk::new();
    let mut device = desk.device().await;
    device.subscribe(&receipts()).await;
    let mut pkid = 5;
    for kind in ["reports/inventory", "events", "outcomes"] {
        for junk in ["", "junk", "{\"device\":7}", "{\"a\":", "[[[[[["] {
            let topic = format!("bailiwick/1/{DEVICE}/{kind}/k");
            let mut publish = Publish::new(topic, QoS::AtLeastOnce, junk);
            publish.pkid = pkid;
            device.send(Packet::Publish(publish)).await;
            let receipt = payload(device.next().await);
            assert!(receipt.contains("refused"), "{kind} {junk}: {receipt}");
            assert_eq!(device.next().await, Some(Packet::PubAck(PubAck::new(pkid))));
            pkid += 1;
        }
    }
    device.send(post("k", 4, report(DEVICE, "inventory"))).await;
    let receipt = payload(device.next().await);
    assert!(receipt.contains("stored"), "{receipt}");
    assert_eq!(desk.keys(), ["k"]);
}

#[tokio::test]
async fn an_oversize_packet_of_each_kind_closes_its_connection_alone() {
    let desk = Desk::new();
    let mut other = desk.connect();
    let id = DeviceId::from_bytes([1; 16]);
    other
        .send(Packet::Connect(Connect::new(id.to_string())))
        .await;
    other.next().await.unwrap();
    for kind in ["reports/inventory", "events", "outcomes"] {
        let mut device = desk.device().await;
        let topic = format!("bailiwick/1/{DEVICE}/{kind}/k");
        // What the first bytes announce is too long: the rest is not waited for.
        let mut head = BytesMut::new();
        let length = wire::LONGEST_PACKET + 1;
        head.extend_from_slice(&[0x32]);
        head.extend((0..4).map(|at| {
            let seven = u8::try_from((length >> (7 * at)) & 0x7f).unwrap();
            if at < 3 { seven | 0x80 } else { seven }
        }));
        head.extend_from_slice(&u16::try_from(topic.len()).unwrap().to_be_bytes());
        head.extend_from_slice(topic.as_bytes());
        device.stream.write_all(&head).await.unwrap();
        assert_eq!(device.next().await, None, "{kind}");
    }
    other.send(Packet::PingReq).await;
    assert_eq!(other.next().await, Some(Packet::PingResp));
    let mut device = desk.device().await;
    device.send(post("k", 4, report(DEVICE, "inventory"))).await;
    assert_eq!(device.next().await, Some(Packet::PubAck(PubAck::new(4))));
    assert_eq!(desk.keys(), ["k"]);
}

#[tokio::test]
async fn a_connection_that_oversteps_is_closed() {
    let desk = Desk::new();
    let other = DeviceId::from_bytes([1; 16]);
    let publish = |topic: String| Packet::Publish(Publish::new(topic, QoS::AtMostOnce, "x"));
    for packet in [
        publish(format!("bailiwick/1/{other}/reports/inventory/k")),
        publish(format!("bailiwick/1/{DEVICE}/receipts/k")),
        publish("bailiwick/1/all/hints/updates".to_owned()),
        publish("$SYS/x".to_owned()),
        Packet::Connect(Connect::new(DEVICE.to_string())),
    ] {
        let mut device = desk.device().await;
        device.send(packet).await;
        assert_eq!(device.next().await, None);
    }
    let mut device = desk.device().await;
    for filter in [
        "#".to_owned(),
        "bailiwick/#".into(),
        receipts().replace("ab", "cd"),
    ] {
        assert_eq!(
            device.subscribe(&filter).await,
            SubscribeReasonCode::Failure
        );
    }
}

#[tokio::test]
async fn who_is_no_device_is_refused_with_the_right_code() {
    let desk = Desk::new();
    let mut will = Connect::new(DEVICE.to_string());
    will.last_will = Some(LastWill::new("a", "b", QoS::AtMostOnce, false));
    for (connect, code) in [
        (Connect::new("somebody"), ConnectReturnCode::BadClientId),
        (Connect::new(""), ConnectReturnCode::BadClientId),
        (will, ConnectReturnCode::NotAuthorized),
    ] {
        let mut peer = desk.connect();
        peer.send(Packet::Connect(connect)).await;
        assert_eq!(
            peer.next().await,
            Some(Packet::ConnAck(ConnAck::new(code, false)))
        );
        assert_eq!(peer.next().await, None);
    }
    let mut peer = desk.connect();
    peer.stream
        .write_all(b"\x10\x0d\0\x04MQTT\x05\x02\0\x0a\0\x01a")
        .await
        .unwrap();
    let code = ConnectReturnCode::RefusedProtocolVersion;
    assert_eq!(
        peer.next().await,
        Some(Packet::ConnAck(ConnAck::new(code, false)))
    );
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\xc0\0",
        b"\x10\xff\xff\xff\x7f",
    ] {
        let mut peer = desk.connect();
        peer.stream.write_all(bytes).await.unwrap();
        assert_eq!(peer.next().await, None);
    }
}

#[tokio::test]
async fn a_second_connection_of_a_device_ends_the_first() {
    let desk = Desk::new();
    let mut first = desk.device().await;
    let mut second = desk.device().await;
    assert_eq!(first.next().await, None);
    second.send(Packet::PingReq).await;
    assert_eq!(second.next().await, Some(Packet::PingResp));
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_left_also_while_nothing_is_read_from_it() {
    let desk = Desk::new();
    let mut peer = desk.connect();
    let mut connect = Connect::new(DEVICE.to_string());
    connect.keep_alive = 10;
    peer.send(Packet::Connect(connect)).await;
    peer.next().await.unwrap();
    // No place for what it publishes, for ever.
    let _all = desk
        .shared
        .posts
        .clone()
        .acquire_many_owned(POSTS as u32)
        .await;
    peer.send(post("k", 1, report(DEVICE, "inventory"))).await;
    let start = Instant::now();
    assert_eq!(peer.next().await, None);
    assert_eq!(start.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_at_all_is_left() {
    let desk = Desk::new();
    let start = Instant::now();
    assert_eq!(desk.connect().next().await, None);
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_long_packet_has_five_minutes_and_then_makes_room() {
    let desk = Desk::new();
    let mut peer = desk.connect();
    let mut connect = Connect::new(DEVICE.to_string());
    connect.keep_alive = 0;
    peer.send(Packet::Connect(connect)).await;
    peer.next().await.unwrap();
    let body = vec![0; 200_000];
    let mut leaving = BytesMut::new();
    wire::write(&mut leaving, &post("k", 1, body)).unwrap();
    let start = Instant::now();
    peer.stream.write_all(&leaving[..150_000]).await.unwrap();
    assert_eq!(peer.next().await, None);
    assert_eq!(start.elapsed().as_secs(), 300);
    assert_eq!(desk.shared.bodies.available_permits(), BODIES);
}

#[tokio::test(start_paused = true)]
async fn who_pings_without_end_is_closed_and_who_pings_often_is_not() {
    let desk = Desk::new();
    let mut device = desk.device().await;
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        device.send(Packet::PingReq).await;
        assert_eq!(device.next().await, Some(Packet::PingResp));
    }
    let mut answered = 0;
    for _ in 0..1_000 {
        device.send(Packet::PingReq).await;
        match device.next().await {
            Some(packet) => assert_eq!(packet, Packet::PingResp),
            None => break,
        }
        answered += 1;
    }
    assert!((50..100).contains(&answered), "{answered}");
}

#[tokio::test]
async fn a_hint_is_retained_and_then_pushed() {
    let desk = Desk::new();
    desk.hint.send_replace(Some(4));
    let mut device = desk.device().await;
    device.subscribe("bailiwick/1/all/hints/updates").await;
    let Some(Packet::Publish(retained)) = device.next().await else {
        panic!("no hint");
    };
    assert_eq!((retained.retain, &retained.payload[..]), (true, &b"4"[..]));
    desk.hint.send_replace(Some(5));
    let Some(Packet::Publish(pushed)) = device.next().await else {
        panic!("no hint");
    };
    assert_eq!((pushed.retain, &pushed.payload[..]), (false, &b"5"[..]));
}

#[tokio::test]
async fn what_waits_for_its_commit_is_answered_when_the_broker_stops() {
    let desk = Desk::new();
    let mut device = desk.device().await;
    for pkid in 1..=10 {
        let plugin = format!("p{pkid}");
        let body = report(DEVICE, &plugin);
        device.send(post_of(&plugin, &plugin, pkid, body)).await;
    }
    assert_eq!(device.next().await, Some(Packet::PubAck(PubAck::new(1))));
    desk.stop.send(true).unwrap();
    let mut acknowledged = vec![1];
    while let Some(Packet::PubAck(PubAck { pkid })) = device.next().await {
        acknowledged.push(pkid);
    }
    let stored = desk.keys().len();
    assert!(stored >= acknowledged.len(), "{acknowledged:?} {stored}");
    assert!(acknowledged.is_sorted(), "{acknowledged:?}");
}

proptest::proptest! {
    /// Whatever a client sends after its CONNECT, or in its place: no panic, no report, and
    /// an end.
    #[test]
    fn hostile_clients(greets: bool, packets: Vec<(u8, Vec<u8>)>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let desk = Desk::new();
            let (mut ours, theirs) = duplex(64 * 1024);
            let mut bytes = BytesMut::new();
            if greets {
                let connect = Packet::Connect(Connect::new(DEVICE.to_string()));
                wire::write(&mut bytes, &connect).unwrap();
            }
            for (kind, body) in packets {
                let length = u8::try_from(body.len().min(127)).unwrap();
                bytes.extend_from_slice(&[kind, length]);
                bytes.extend_from_slice(&body);
            }
            let hostile = async {
                let _ = ours.write_all(&bytes).await;
                let _ = ours.shutdown().await;
            };
            tokio::join!(hostile, connection::speak(theirs, nobody(), desk.shared.clone()));
            assert_eq!(desk.keys(), [""; 0]);
        });
    }
}

fn actions() -> String {
    format!("bailiwick/1/{DEVICE}/actions/+")
}

/// Hands an action in that an operator signed for the device.
async fn hand_in(desk: &Desk, id: u8) -> Vec<u8> {
    let devices = bailiwick_core::action::Audience::Devices(vec![DEVICE]);
    let envelope = signed(desk.folder.path(), id, devices);
    let actions = &desk.shared.entrance.actions;
    let (bytes, listed) = (envelope.to_bytes(), listing(&envelope));
    let taken = actions.take(bytes.clone(), listed, Timestamp::from_ms(7));
    taken.await.unwrap();
    bytes
}

/// What the device is handed: to which topic, and the envelope.
async fn handed(device: &mut Peer) -> (String, Vec<u8>) {
    match device.next().await {
        Some(Packet::Publish(publish)) => {
            assert_eq!(publish.qos, QoS::AtLeastOnce);
            let answer = PubAck::new(publish.pkid);
            device.send(Packet::PubAck(answer)).await;
            (publish.topic, publish.payload.to_vec())
        }
        other => panic!("{other:?}"),
    }
}

fn ended(action: u8, device: DeviceId, pkid: u16) -> Packet {
    let id = bailiwick_core::action::ActionId::from_bytes([action; 16]);
    let body = serde_json::json!({
        "device": device.to_string(),
        "action": id,
        "at-ms": 5,
        "outcome": { "ended": "done", "result": "{}" },
    });
    let topic = format!("bailiwick/1/{DEVICE}/outcomes/{id}.ended");
    let mut publish = Publish::new(topic, QoS::AtLeastOnce, body.to_string());
    publish.pkid = pkid;
    Packet::Publish(publish)
}

#[tokio::test]
async fn an_action_is_handed_over_at_once_and_in_each_connection_until_its_outcome_is_in() {
    let desk = Desk::new();
    let first = hand_in(&desk, 1).await;
    let mut device = desk.device().await;
    let granted = SubscribeReasonCode::Success(QoS::AtLeastOnce);
    assert_eq!(device.subscribe(&actions()).await, granted);
    let topic = |id: &str| format!("bailiwick/1/{DEVICE}/actions/{}", id.repeat(16));
    assert_eq!(handed(&mut device).await, (topic("01"), first.clone()));
    let second = hand_in(&desk, 2).await;
    assert_eq!(handed(&mut device).await, (topic("02"), second.clone()));
    drop(device);

    let mut device = desk.device().await;
    device.subscribe(&actions()).await;
    assert_eq!(handed(&mut device).await, (topic("01"), first));
    assert_eq!(handed(&mut device).await, (topic("02"), second.clone()));
    device.send(ended(1, DEVICE, 6)).await;
    assert_eq!(device.next().await, Some(Packet::PubAck(PubAck::new(6))));
    drop(device);

    let mut device = desk.device().await;
    device.subscribe(&actions()).await;
    assert_eq!(handed(&mut device).await, (topic("02"), second));
}

#[tokio::test]
async fn a_bad_outcome_is_refused_and_told_and_harms_nothing_else() {
    let desk = Desk::new();
    let mut device = desk.device().await;
    device.subscribe(&receipts()).await;
    let bad = [
        (b"{}".to_vec(), "missing field"),
        (vec![b'x'; 3 * 1024 * 1024], "expected value"),
    ];
    for (pkid, (body, reason)) in (5..).zip(bad) {
        let topic = format!("bailiwick/1/{DEVICE}/outcomes/k");
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, body);
        publish.pkid = pkid;
        device.send(Packet::Publish(publish)).await;
        let receipt = payload(device.next().await);
        assert!(
            receipt.contains("refused") && receipt.contains(reason),
            "{receipt}"
        );
        assert_eq!(device.next().await, Some(Packet::PubAck(PubAck::new(pkid))));
    }
    let other = DeviceId::from_bytes([1; 16]);
    device.send(ended(1, other, 7)).await;
    let receipt = payload(device.next().await);
    assert!(receipt.contains("another device"), "{receipt}");
    assert_eq!(device.next().await, Some(Packet::PubAck(PubAck::new(7))));
    // A word that is none is lost, and the connection goes on.
    let word = format!("bailiwick/1/{DEVICE}/progress/{}", "01".repeat(16));
    let word = Publish::new(word, QoS::AtMostOnce, "junk");
    device.send(Packet::Publish(word)).await;
    device.send(ended(1, DEVICE, 8)).await;
    let receipt = payload(device.next().await);
    assert_eq!(receipt, r#"{"reason":"","result":"stored"}"#);
}
