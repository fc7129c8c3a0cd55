//! A client's connections over streams in memory, with a clock that moves on when nothing
//! else can happen.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    client::{ClientOptions, Event, Keep},
    connection::{self, Ending, Order},
    session::{Outgoing, Retain, Session},
    wire::{self, *},
};
use crate::connector::Connected;

/// The broker's end of a connection.
struct Broker {
    stream: DuplexStream,
    arrived: BytesMut,
}

impl Broker {
    async fn next(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = wire::read(&mut self.arrived, From::Client, 10_000).unwrap() {
                return Some(packet);
            }
            if self.stream.read_buf(&mut self.arrived).await.unwrap() == 0 {
                return None;
            }
        }
    }

    async fn publish(&mut self) -> Publish {
        match self.next().await {
            Some(Packet::Publish(publish)) => publish,
            other => panic!("{other:?}"),
        }
    }

    async fn send(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        wire::write(&mut bytes, &packet).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// Takes the CONNECT and accepts it.
    async fn accept(&mut self, session_present: bool) -> Connect {
        let Some(Packet::Connect(connect)) = self.next().await else {
            panic!("no CONNECT");
        };
        let code = ConnectReturnCode::Success;
        self.send(Packet::ConnAck(ConnAck::new(code, session_present)))
            .await;
        connect
    }
}

/// A client's state over its connections.
struct Fixture {
    options: ClientOptions,
    session: Session<oneshot::Sender<()>>,
    orders: mpsc::UnboundedReceiver<Order>,
    give: mpsc::UnboundedSender<Order>,
    events: mpsc::Sender<Event>,
    told: mpsc::Receiver<Event>,
}

impl Fixture {
    fn new(subscriptions: &[&str]) -> Self {
        let (give, orders) = mpsc::unbounded_channel();
        let (events, told) = mpsc::channel(64);
        Self {
            options: ClientOptions {
                address: "mqtts://broker.example".parse().unwrap(),
                client_id: "device".to_owned(),
                login: None,
                keep: Keep::Session,
                subscriptions: subscriptions.iter().map(|one| (*one).to_owned()).collect(),
                longest: 10_000,
            },
            session: Session::new(),
            orders,
            give,
            events,
            told,
        }
    }

    fn publish(&self, n: u8) -> oneshot::Receiver<()> {
        let (token, delivered) = oneshot::channel();
        let message = Outgoing {
            topic: format!("t/{n}"),
            payload: Bytes::from(vec![n; 100]),
            retain: Retain::No,
            token,
        };
        self.give.send(Order::Publish(message)).unwrap();
        delivered
    }

    /// Runs a connection beside `broker`.
    async fn run<T>(&mut self, number: u64, broker: impl AsyncFnOnce(Broker) -> T) -> (Ending, T) {
        let (ours, stream) = duplex(1_000);
        let connected = Connected {
            stream: Box::new(ours),
            hops: Vec::new(),
        };
        let client = connection::run(
            connected,
            number,
            &self.options,
            &mut self.session,
            &mut self.orders,
            &self.events,
        );
        let arrived = BytesMut::new();
        tokio::join!(client, broker(Broker { stream, arrived }))
    }
}

fn reason(ending: Ending) -> String {
    match ending {
        Ending::Failed { reason, .. } => reason,
        Ending::Over => panic!("it ended by itself"),
    }
}

fn ack(pkid: u16) -> Packet {
    Packet::PubAck(PubAck::new(pkid))
}

#[tokio::test(start_paused = true)]
async fn what_was_not_acknowledged_comes_again_in_the_next_connection() {
    let mut fixture = Fixture::new(&[]);
    let mut delivered = [fixture.publish(1), fixture.publish(2), fixture.publish(3)];
    let (ending, ()) = fixture
        .run(0, async |mut broker| {
            let connect = broker.accept(false).await;
            assert_eq!(
                (connect.client_id.as_str(), connect.clean_session),
                ("device", false)
            );
            for _ in 0..3 {
                assert!(!broker.publish().await.dup);
            }
            broker.send(ack(2)).await;
            // Read, or the end would come before it.
            delivered[1].try_recv().ok();
            tokio::time::sleep(Duration::from_secs(1)).await;
        })
        .await;
    assert_eq!(delivered[1].try_recv(), Ok(()));
    assert!(delivered[0].try_recv().is_err());
    let ended = Ending::Failed {
        reason: "mqtts://broker.example:8883: the broker closed the connection".into(),
        delivered: true,
    };
    assert_eq!(ending, ended);
    fixture
        .run(1, async |mut broker| {
            // A PUBACK before the CONNACK is none.
            broker.accept(true).await;
            let first = broker.publish().await;
            let third = broker.publish().await;
            assert_eq!(
                (first.pkid, first.dup, first.topic.as_str()),
                (1, true, "t/1")
            );
            assert_eq!(
                (third.pkid, third.dup, &third.payload[..]),
                (3, true, &[3; 100][..])
            );
            broker.send(ack(3)).await;
            broker.send(ack(1)).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        })
        .await;
    assert_eq!(delivered[0].try_recv(), Ok(()));
    assert_eq!(delivered[2].try_recv(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_silent_broker_is_asked_and_then_left() {
    let start = Instant::now();
    let (ending, broker) = Fixture::new(&[])
        .run(0, async |mut broker| {
            broker.accept(false).await;
            assert_eq!(broker.next().await, Some(Packet::PingReq));
            assert_eq!(start.elapsed().as_secs(), 60);
            broker.send(Packet::PingResp).await;
            assert_eq!(broker.next().await, Some(Packet::PingReq));
            assert_eq!(start.elapsed().as_secs(), 120);
            broker
        })
        .await;
    assert_eq!(start.elapsed().as_secs(), 150);
    assert!(reason(ending).ends_with("the broker does not answer"));
    drop(broker);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_answers_pings_and_no_messages_is_left() {
    let start = Instant::now();
    let mut fixture = Fixture::new(&[]);
    let _delivered = fixture.publish(1);
    let (ending, ()) = fixture
        .run(0, async |mut broker| {
            broker.accept(false).await;
            broker.publish().await;
            while let Some(Packet::PingReq) = broker.next().await {
                broker.send(Packet::PingResp).await;
            }
        })
        .await;
    assert_eq!(start.elapsed().as_secs(), 360);
    assert!(reason(ending).ends_with("does not acknowledge a message"));
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_does_not_greet_is_left() {
    let (ending, broker) = Fixture::new(&[]).run(0, async |broker| broker).await;
    assert!(reason(ending).ends_with("did not greet in time"));
    drop(broker);
}

#[tokio::test]
async fn refusals_are_said_in_words() {
    for (code, words) in [
        (ConnectReturnCode::BadClientId, "refuses this client's id"),
        (
            ConnectReturnCode::NotAuthorized,
            "does not let this client in",
        ),
        (ConnectReturnCode::ServiceUnavailable, "not available"),
    ] {
        let (ending, ()) = Fixture::new(&[])
            .run(0, async |mut broker| {
                broker.next().await;
                broker
                    .send(Packet::ConnAck(ConnAck::new(code, false)))
                    .await;
            })
            .await;
        let reason = reason(ending);
        assert!(reason.contains(words), "{reason}");
    }
    let (ending, ()) = Fixture::new(&["a", "b"])
        .run(0, async |mut broker| {
            broker.accept(false).await;
            let Some(Packet::Subscribe(asked)) = broker.next().await else {
                panic!("no SUBSCRIBE");
            };
            let granted = SubscribeReasonCode::Success(QoS::AtMostOnce);
            let codes = vec![granted, SubscribeReasonCode::Failure];
            broker
                .send(Packet::SubAck(SubAck::new(asked.pkid, codes)))
                .await;
        })
        .await;
    let reason = reason(ending);
    assert!(reason.contains("subscription to `b`"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_published_before_the_subscriptions_are_granted() {
    let mut fixture = Fixture::new(&["in"]);
    let _delivered = fixture.publish(1);
    fixture
        .run(0, async |mut broker| {
            broker.accept(false).await;
            let Some(Packet::Subscribe(asked)) = broker.next().await else {
                panic!("no SUBSCRIBE");
            };
            // What waited for the session may come first.
            let mut message = Publish::new("in", QoS::AtLeastOnce, "hello");
            message.pkid = 77;
            broker.send(Packet::Publish(message)).await;
            let nothing = tokio::time::timeout(Duration::from_secs(5), broker.next());
            assert!(nothing.await.is_err());
            let codes = vec![SubscribeReasonCode::Success(QoS::AtLeastOnce)];
            broker
                .send(Packet::SubAck(SubAck::new(asked.pkid, codes)))
                .await;
            broker.publish().await;
        })
        .await;
    let Some(Event::Message(message)) = fixture.told.recv().await else {
        panic!("no message");
    };
    assert_eq!(
        (message.pkid, &message.payload[..]),
        (Some(77), &b"hello"[..])
    );
    assert!(matches!(
        fixture.told.recv().await,
        Some(Event::Connected { .. })
    ));
    // The PUBACK is the owner's to send, in the connection that the message came on.
    let give = fixture.give.clone();
    fixture
        .run(1, async |mut broker| {
            broker.accept(false).await;
            assert!(matches!(broker.next().await, Some(Packet::Subscribe(_))));
            for connection in [0, 1] {
                let pkid = 77;
                give.send(Order::Acknowledge { connection, pkid }).unwrap();
            }
            assert_eq!(broker.next().await, Some(ack(77)));
            let nothing = tokio::time::timeout(Duration::from_secs(5), broker.next());
            assert!(nothing.await.is_err());
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_at_the_very_end_counts() {
    let mut fixture = Fixture::new(&[]);
    let mut delivered = [fixture.publish(1), fixture.publish(2)];
    let (ending, ()) = fixture
        .run(0, async |mut broker| {
            broker.accept(false).await;
            broker.publish().await;
            broker.publish().await;
            // In one piece with what makes the client leave.
            let bytes = b"\x40\x02\0\x01\x40\x02\0\x02\0\0";
            broker.stream.write_all(bytes).await.unwrap();
        })
        .await;
    assert!(reason(ending).contains("does not keep to MQTT"));
    for delivered in &mut delivered {
        assert_eq!(delivered.try_recv(), Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_needed_says_goodbye() {
    let mut fixture = Fixture::new(&[]);
    let (give, orders) = mpsc::unbounded_channel();
    fixture.orders = orders;
    let (ending, ()) = fixture
        .run(0, async |mut broker| {
            broker.accept(false).await;
            drop(give);
            assert_eq!(broker.next().await, Some(Packet::Disconnect));
            assert_eq!(broker.next().await, None);
        })
        .await;
    assert_eq!(ending, Ending::Over);
}

proptest::proptest! {
    /// Whatever a broker sends, at once or after a greeting: no panic, no message counted
    /// as delivered that was not sent, and an end in words.
    #[test]
    fn hostile_brokers(greets: bool, bytes: Vec<u8>, kind: u8) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut fixture = Fixture::new(&["in"]);
            let mut delivered = fixture.publish(1);
            let (ending, ()) = fixture
                .run(0, async |mut broker| {
                    if greets {
                        broker.accept(true).await;
                    }
                    let length = u8::try_from(bytes.len().min(127)).unwrap();
                    // The client may have left already.
                    let _ = broker.stream.write_all(&[kind, length]).await;
                    let _ = broker.stream.write_all(&bytes).await;
                })
                .await;
            assert!(!reason(ending).is_empty());
            assert!(delivered.try_recv().is_err());
        });
    }
}
