//! A client that stays connected, and what its owner sees of it.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep},
};

use super::{
    connection::{self, Ending, Order},
    login::Login,
    session::{Outgoing, Retain, Session},
    wire,
};
use crate::{BrokerAddress, Connector, Hop, full_jitter};

/// Events that wait for their reader. While they do, nothing more is read from the broker.
const EVENTS: usize = 64;
/// Between connections, doubled with each that fails; see [`full_jitter`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A connection that stood so long was a good one: the next pause is short.
const STABLE: Duration = Duration::from_secs(30);

/// Whether the broker keeps subscriptions, and messages for them, between connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Yes.
    Session,
    /// No.
    Nothing,
}

/// Who connects where, and what for.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// The broker.
    pub address: BrokerAddress,
    /// Unique at the broker: a second client of the same name ends the first.
    pub client_id: String,
    /// What the broker asks for besides TLS.
    pub login: Option<Login>,
    /// Between connections.
    pub keep: Keep,
    /// Filters to subscribe to in every connection, with QoS 1. Nothing is published before
    /// the broker has granted all of them.
    pub subscriptions: Vec<String>,
    /// Longest packet that is taken, in bytes.
    pub longest: usize,
}

/// Publishes. Cloning shares the connection; when the last one is gone it is closed.
#[derive(Clone, Debug)]
pub struct Client {
    orders: mpsc::UnboundedSender<Order>,
}

/// What happens to a client, in order.
#[derive(Debug)]
pub struct Events(mpsc::Receiver<Event>);

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// It is connected and subscribed.
    Connected {
        /// The way there.
        hops: Vec<Hop>,
    },
    /// It is not connected.
    Disconnected {
        /// Why, in words, the way there included.
        reason: String,
        /// Until it tries again.
        pause: Duration,
    },
    /// A message came.
    Message(Message),
}

/// A message from the broker.
#[derive(Debug)]
pub struct Message {
    /// Its topic.
    pub topic: String,
    /// What it says.
    pub payload: Bytes,
    pub(super) pkid: Option<u16>,
    pub(super) connection: u64,
}

/// A publish under way. Resolves when its PUBACK arrived, however many connections that
/// takes.
#[derive(Debug)]
pub struct Delivery(oneshot::Receiver<()>);

/// The client ended, or the payload is longer than [`wire::LONGEST_PAYLOAD`]: whether the
/// message was delivered is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message was not delivered: it is too long, or the client has ended")]
pub struct Ended;

impl Client {
    /// Begins to connect, and goes on for as long as a [`Client`] and the [`Events`] are
    /// there.
    pub fn start(connector: Connector, options: ClientOptions) -> (Self, Events) {
        let (orders, ordered) = mpsc::unbounded_channel();
        let (told, events) = mpsc::channel(EVENTS);
        let keeper = Keeper {
            connector,
            options,
            session: Session::new(),
            orders: ordered,
            events: told,
        };
        tokio::spawn(keeper.run());
        (Self { orders }, Events(events))
    }

    /// Publishes with QoS 1, after everything that was published before. The payload is in
    /// memory until its PUBACK came: bound what is under way.
    pub fn publish(&self, topic: String, payload: Bytes) -> Delivery {
        self.order(topic, payload, Retain::No)
    }

    /// The same; and the broker keeps the message for those who subscribe later, in place
    /// of the one before.
    pub fn retain(&self, topic: String, payload: Bytes) -> Delivery {
        self.order(topic, payload, Retain::Yes)
    }

    /// Publishes with QoS 0 what is worth nothing later: dropped while there is no
    /// connection, or the connection is behind.
    pub fn tell(&self, topic: String, payload: Bytes) {
        if payload.len() <= wire::LONGEST_PAYLOAD {
            // A client that has ended tells nobody.
            let _ = self.orders.send(Order::Tell { topic, payload });
        }
    }

    fn order(&self, topic: String, payload: Bytes, retain: Retain) -> Delivery {
        let (token, delivered) = oneshot::channel();
        if payload.len() <= wire::LONGEST_PAYLOAD {
            // If nobody takes it, the token is dropped, and that is what the delivery says.
            let _ = self.orders.send(Order::Publish(Outgoing {
                topic,
                payload,
                retain,
                token,
            }));
        }
        Delivery(delivered)
    }

    /// Tells the broker that `message` arrived and was acted on. Without that it comes again
    /// in a later connection, if the broker keeps the session.
    pub fn acknowledge(&self, message: &Message) {
        if let Some(pkid) = message.pkid {
            // A client that has ended has no connection to tell it on.
            let _ = self.orders.send(Order::Acknowledge {
                connection: message.connection,
                pkid,
            });
        }
    }
}

impl Events {
    /// The next event; none when the client has ended.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.recv().await
    }
}

impl Future for Delivery {
    type Output = Result<(), Ended>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|_| Ended)
    }
}

/// Keeps a client connected.
struct Keeper {
    connector: Connector,
    options: ClientOptions,
    session: Session<oneshot::Sender<()>>,
    orders: mpsc::UnboundedReceiver<Order>,
    events: mpsc::Sender<Event>,
}

impl Keeper {
    async fn run(mut self) {
        let mut failures = 0;
        for number in 0.. {
            let begun = Instant::now();
            let (reason, delivered) = match self.connection(number).await {
                Ending::Over => return,
                Ending::Failed { reason, delivered } => (reason, delivered),
            };
            if delivered || begun.elapsed() >= STABLE {
                failures = 0;
            }
            let pause = full_jitter(failures, FIRST_PAUSE, LONGEST_PAUSE, random());
            failures = failures.saturating_add(1);
            let told = self.events.send(Event::Disconnected { reason, pause });
            if told.await.is_err() || !self.rest(pause).await {
                return;
            }
        }
    }

    async fn connection(&mut self, number: u64) -> Ending {
        let address = &self.options.address;
        match self.connector.connect(address).await {
            Ok(connected) => {
                connection::run(
                    connected,
                    number,
                    &self.options,
                    &mut self.session,
                    &mut self.orders,
                    &self.events,
                )
                .await
            }
            Err(error) => Ending::Failed {
                reason: error.to_string(),
                delivered: false,
            },
        }
    }

    /// Waits; false if the client is gone.
    async fn rest(&mut self, pause: Duration) -> bool {
        let mut pause = std::pin::pin!(sleep(pause));
        loop {
            tokio::select! {
                () = &mut pause => return true,
                order = self.orders.recv() => match order {
                    Some(Order::Publish(message)) => self.session.publish(message),
                    // Of a connection that has ended, or for one that is there.
                    Some(Order::Acknowledge { .. } | Order::Tell { .. }) => {}
                    None => return false,
                },
            }
        }
    }
}

/// For jitter alone: without a random number the pause is the longest.
fn random() -> u64 {
    let mut bytes = [0xff; 8];
    // The buffer is untouched on failure.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
