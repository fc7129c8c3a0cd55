//! One connection of a client, from CONNECT to its end.

use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf, split},
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout},
};

use super::{
    client::{ClientOptions, Event, Keep, Message},
    keep_alive::{KeepAlive, Pulse},
    leaving::Leaving,
    session::{Outgoing, Session},
    wire::{
        self, ConnAck, Connect, ConnectReturnCode, From, Packet, PubAck, Publish, QoS, Subscribe,
        SubscribeFilter, SubscribeReasonCode, Violation,
    },
};
use crate::{
    Hop, cause,
    connector::{Connected, Stream},
};

/// Quiet for so long, and the broker is asked whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// For the answers to CONNECT and SUBSCRIBE together.
const GREETING: Duration = Duration::from_secs(30);
/// For a PUBACK: the longest message on a slow line, and its commit. A broker that answers
/// pings and no messages is left, too.
const PATIENCE: Duration = Duration::from_secs(6 * 60);
/// For the last words of a client that ends.
const FAREWELL: Duration = Duration::from_secs(2);
/// Messages are turned into bytes while fewer than these wait to be written.
const LEAVING: usize = 64 * 1024;
/// What is read at once, in bytes.
const CHUNK: usize = 8 * 1024;
/// Of the one SUBSCRIBE; those of messages are below.
const SUBSCRIPTION: u16 = 0xffff;

/// What a client's owner asks for.
#[derive(Debug)]
pub(super) enum Order {
    Publish(Outgoing<oneshot::Sender<()>>),
    /// With QoS 0, now or not at all.
    Tell {
        topic: String,
        payload: Bytes,
    },
    Acknowledge {
        connection: u64,
        pkid: u16,
    },
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nobody needs the client any more.
    Over,
    /// Another one is needed.
    Failed {
        reason: String,
        /// Whether a message got through, so that the broker is one.
        delivered: bool,
    },
}

/// What a step can end with.
enum Stop {
    Over,
    Because(String),
}

impl std::convert::From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Because(format!("the broker does not keep to MQTT: {violation}"))
    }
}

impl std::convert::From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Because(cause::of(&error))
    }
}

/// Works until the connection ends.
pub(super) async fn run(
    connected: Connected,
    number: u64,
    options: &ClientOptions,
    session: &mut Session<oneshot::Sender<()>>,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    events: &mpsc::Sender<Event>,
) -> Ending {
    let (reader, writer) = split(connected.stream);
    let now = Instant::now();
    // Until the broker says so, nothing of it is this connection's.
    session.resume(false);
    let mut connection = Connection {
        number,
        options,
        session,
        orders,
        events,
        reader,
        writer,
        hops: connected.hops,
        phase: Phase::Greeting(now + GREETING),
        alive: KeepAlive::new(KEEP_ALIVE, now),
        arrived: BytesMut::new(),
        leaving: Leaving::default(),
        ready: VecDeque::new(),
        delivered: false,
    };
    let stop = connection.work().await;
    connection.tell_rest();
    match stop {
        Stop::Over => {
            connection.farewell().await;
            Ending::Over
        }
        Stop::Because(reason) => Ending::Failed {
            reason: format!("{}: {reason}", options.address),
            delivered: connection.delivered,
        },
    }
}

/// How far the greeting went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// CONNACK is missing, and is waited for until then.
    Greeting(Instant),
    /// SUBACK is.
    Subscribing(Instant),
    /// Messages go out.
    Open,
}

/// What came for the owner.
enum Ready {
    Event(Event),
    /// A PUBACK. It is told after what came before it.
    Delivered(oneshot::Sender<()>),
}

struct Connection<'a> {
    number: u64,
    options: &'a ClientOptions,
    session: &'a mut Session<oneshot::Sender<()>>,
    orders: &'a mut mpsc::UnboundedReceiver<Order>,
    events: &'a mpsc::Sender<Event>,
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    hops: Vec<Hop>,
    phase: Phase,
    alive: KeepAlive,
    arrived: BytesMut,
    leaving: Leaving,
    /// What the owner has not taken, in the order in which it came.
    ready: VecDeque<Ready>,
    delivered: bool,
}

impl Connection<'_> {
    async fn work(&mut self) -> Stop {
        if let Err(stop) = self.greet() {
            return stop;
        }
        loop {
            if let Err(stop) = self.step().await {
                return stop;
            }
        }
    }

    fn greet(&mut self) -> Result<(), Stop> {
        let mut connect = Connect::new(self.options.client_id.clone());
        connect.keep_alive = u16::try_from(KEEP_ALIVE.as_secs()).unwrap_or(u16::MAX);
        connect.clean_session = self.options.keep == Keep::Nothing;
        if let Some(login) = &self.options.login {
            connect.set_login(&login.user, &login.password);
        }
        self.send(&Packet::Connect(connect))
    }

    /// Does the next thing that can be done.
    async fn step(&mut self) -> Result<(), Stop> {
        let now = Instant::now();
        self.tell_delivered();
        self.fill(now)?;
        let wake = self.due(now)?;
        tokio::select! {
            read = self.reader.read_buf(&mut self.arrived), if self.ready.is_empty() => {
                if read? == 0 {
                    return Err(Stop::Because("the broker closed the connection".to_owned()));
                }
                self.alive.heard(Instant::now());
                self.take_packets()?;
            }
            permit = self.events.reserve(), if !self.ready.is_empty() => {
                let permit = permit.map_err(|_| Stop::Over)?;
                if let Some(Ready::Event(event)) = self.ready.pop_front() {
                    permit.send(event);
                }
            }
            gone = self.leaving.go(&mut self.writer), if !self.leaving.is_empty() => {
                gone?;
                self.alive.wrote(Instant::now());
            }
            order = self.orders.recv() => self.obey(order.ok_or(Stop::Over)?)?,
            () = sleep_until(wake) => {}
        }
        self.arrived.reserve(CHUNK);
        Ok(())
    }

    /// Tells of PUBACKs, up to the next event, for which there must be room.
    fn tell_delivered(&mut self) {
        while let Some(ready) = self.ready.pop_front() {
            match ready {
                // Whoever published may not care any more.
                Ready::Delivered(token) => drop(token.send(())),
                event @ Ready::Event(_) => {
                    self.ready.push_front(event);
                    return;
                }
            }
        }
    }

    /// Tells what is left at the end. What was acknowledged is acknowledged; an event for
    /// which there is no room is lost, as if it had come a moment later.
    fn tell_rest(&mut self) {
        for ready in self.ready.drain(..) {
            match ready {
                Ready::Event(event) => drop(self.events.try_send(event)),
                Ready::Delivered(token) => drop(token.send(())),
            }
        }
    }

    /// Turns messages into bytes.
    fn fill(&mut self, now: Instant) -> Result<(), Stop> {
        while self.phase == Phase::Open
            && self.leaving.len() < LEAVING
            && let Some(publish) = self.session.next(now)
        {
            self.send(&Packet::Publish(publish))?;
        }
        Ok(())
    }

    /// Does what the time asks for, and says until when nothing is.
    fn due(&mut self, now: Instant) -> Result<Instant, Stop> {
        let owed = self.session.overdue(Duration::ZERO);
        let mut wake = match self.alive.poll(now, self.leaving.len(), owed) {
            Pulse::Wait(until) => until,
            Pulse::Ping => {
                self.send(&Packet::PingReq)?;
                self.alive.pinged(now);
                return self.due(now);
            }
            Pulse::Dead => return Err(Stop::Because("the broker does not answer".to_owned())),
        };
        let limits = [
            match self.phase {
                Phase::Greeting(until) | Phase::Subscribing(until) => {
                    Some((until, "the broker did not greet in time"))
                }
                Phase::Open => None,
            },
            self.session
                .overdue(PATIENCE)
                .map(|until| (until, "the broker does not acknowledge a message")),
        ];
        for (until, reason) in limits.into_iter().flatten() {
            if now >= until {
                return Err(Stop::Because(reason.to_owned()));
            }
            wake = wake.min(until);
        }
        Ok(wake)
    }

    fn send(&mut self, packet: &Packet) -> Result<(), Stop> {
        Ok(self.leaving.push(packet)?)
    }

    fn obey(&mut self, order: Order) -> Result<(), Stop> {
        match order {
            Order::Publish(message) => self.session.publish(message),
            Order::Acknowledge { connection, pkid } if connection == self.number => {
                self.send(&Packet::PubAck(PubAck::new(pkid)))?;
            }
            // Packet ids of another connection mean nothing in this one.
            Order::Acknowledge { .. } => {}
            Order::Tell { topic, payload } => {
                if self.phase == Phase::Open && self.leaving.len() < LEAVING {
                    let publish = Publish::from_bytes(topic, QoS::AtMostOnce, payload);
                    self.send(&Packet::Publish(publish))?;
                }
            }
        }
        Ok(())
    }

    fn take_packets(&mut self) -> Result<(), Stop> {
        while let Some(packet) = wire::read(&mut self.arrived, From::Server, self.options.longest)?
        {
            match packet {
                Packet::ConnAck(answer) => self.accepted(&answer)?,
                _ if matches!(self.phase, Phase::Greeting(_)) => {
                    return Err(Violation::Malformed("it does not begin with CONNACK").into());
                }
                Packet::SubAck(answer) => self.subscribed(&answer.return_codes)?,
                Packet::PubAck(PubAck { pkid }) => {
                    if let Some(token) = self.session.acknowledged(pkid) {
                        self.delivered = true;
                        self.ready.push_back(Ready::Delivered(token));
                    }
                }
                Packet::Publish(publish) => self.message(publish),
                // It was heard, which is all that it says.
                Packet::PingResp => {}
                _ => {
                    return Err(Violation::Malformed("a packet came that nothing asked for").into());
                }
            }
        }
        Ok(())
    }

    fn message(&mut self, publish: Publish) {
        self.ready.push_back(Ready::Event(Event::Message(Message {
            topic: publish.topic,
            payload: publish.payload,
            pkid: (publish.qos == QoS::AtLeastOnce).then_some(publish.pkid),
            connection: self.number,
        })));
    }

    fn accepted(&mut self, answer: &ConnAck) -> Result<(), Stop> {
        let Phase::Greeting(until) = self.phase else {
            return Err(Violation::Malformed("a second CONNACK came").into());
        };
        if answer.code != ConnectReturnCode::Success {
            return Err(Stop::Because(refusal(answer.code).to_owned()));
        }
        self.session.resume(answer.session_present);
        if self.options.subscriptions.is_empty() {
            self.open();
            return Ok(());
        }
        let filters = self.options.subscriptions.iter();
        let mut subscribe = Subscribe::new_many(
            filters.map(|filter| SubscribeFilter::new(filter.clone(), QoS::AtLeastOnce)),
        );
        subscribe.pkid = SUBSCRIPTION;
        self.phase = Phase::Subscribing(until);
        self.send(&Packet::Subscribe(subscribe))
    }

    fn subscribed(&mut self, codes: &[SubscribeReasonCode]) -> Result<(), Stop> {
        let filters = &self.options.subscriptions;
        if codes.len() != filters.len() || !matches!(self.phase, Phase::Subscribing(_)) {
            return Err(Violation::Malformed("a SUBACK does not fit what was asked for").into());
        }
        let mut both = codes.iter().zip(filters);
        if let Some((_, refused)) = both.find(|(code, _)| **code == SubscribeReasonCode::Failure) {
            return Err(Stop::Because(format!(
                "the broker refuses a subscription to `{refused}`: correct its rules for this \
                 client"
            )));
        }
        self.open();
        Ok(())
    }

    fn open(&mut self) {
        self.phase = Phase::Open;
        let hops = std::mem::take(&mut self.hops);
        self.ready
            .push_back(Ready::Event(Event::Connected { hops }));
    }

    /// Says that it was no accident. How that ends matters to nobody.
    async fn farewell(&mut self) {
        let _ = self.send(&Packet::Disconnect);
        let last = async {
            self.leaving.finish(&mut self.writer).await?;
            self.writer.shutdown().await
        };
        let _ = timeout(FAREWELL, last).await;
    }
}

/// CONNACK's code in words (MQTT 3.1.1, section 3.2.2.3).
const fn refusal(code: ConnectReturnCode) -> &'static str {
    match code {
        ConnectReturnCode::Success => "the broker accepts",
        ConnectReturnCode::RefusedProtocolVersion => "the broker does not speak MQTT 3.1.1",
        ConnectReturnCode::BadClientId => {
            "the broker refuses this client's id: its rules may ask for another one"
        }
        ConnectReturnCode::ServiceUnavailable => "the broker is not available now",
        ConnectReturnCode::BadUserNamePassword => "the broker refuses user or password",
        ConnectReturnCode::NotAuthorized => "the broker does not let this client in",
    }
}
