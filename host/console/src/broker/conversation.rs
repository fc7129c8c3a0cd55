//! What is said after CONNECT.
//!
//! A connection reads on only while it has room: for what waits for a commit, for what
//! waits to be written, and for a long packet. Its clocks run all the while.

use std::{collections::VecDeque, io, sync::Arc, time::Duration};

use bailiwick_core::ids::DeviceId;
use bailiwick_transport::mqtt::{
    Leaving,
    topic::{Key, Topic},
    wire::{
        self, ConnAck, ConnectReturnCode, From, LONGEST_PACKET, Packet, PubAck, Publish, QoS,
        SubAck, Subscribe, SubscribeReasonCode, UnsubAck, Violation,
    },
};
use bytes::BytesMut;
use tokio::{
    io::{
        AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf, split,
    },
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until, timeout},
};

use crate::server::rate::{Meter, Rate};

use super::{
    PLACE, POSTS, Shared,
    hub::Place,
    orders::{Envelope, Pushed},
    post::{self, Stored},
    rights::{self, Subscription},
};

/// Messages of one connection that wait for their commit: as many as our client sends
/// before the first is acknowledged. So many are one commit.
const IN_FLIGHT: usize = 100;
/// Reading stops while so much waits to be written, in bytes.
const LEAVING: usize = 64 * 1024;
/// A packet that is longer takes one of the few places for long ones, in bytes.
const SHORT: usize = 64 * 1024;
/// For a long packet to arrive: 4 MiB on a line of 14 KiB a second.
const ARRIVAL: Duration = Duration::from_secs(5 * 60);
/// Pings and subscriptions of one connection. Messages need no bound: each waits for its
/// commit.
const REQUESTS: Rate = Rate {
    burst: 60,
    every: Duration::from_secs(1),
};
/// Filters in one SUBSCRIBE.
const FILTERS: usize = 8;
/// Longest silence of a client, one that named no keep-alive included.
const LONGEST_SILENCE: Duration = Duration::from_secs(30 * 60);
/// For the last words.
const FAREWELL: Duration = Duration::from_secs(2);

/// A client that is let in.
pub(super) struct Client {
    pub(super) device: DeviceId,
    /// As it asked; zero is none.
    pub(super) keep_alive: Duration,
    /// What came after its CONNECT.
    pub(super) arrived: BytesMut,
}

/// A message that waits for its commit.
struct Pending {
    pkid: Option<u16>,
    key: Key,
    stored: Stored,
    _slot: OwnedSemaphorePermit,
}

/// How a conversation ends.
enum End {
    /// In order: the client left, was replaced, or the broker stops.
    Quiet,
    /// By force.
    Because(String),
}

impl std::convert::From<Violation> for End {
    fn from(violation: Violation) -> Self {
        Self::Because(violation.to_string())
    }
}

impl std::convert::From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        // Networks end connections all the time.
        Self::Quiet
    }
}

struct Conversation<'a, S> {
    device: DeviceId,
    shared: &'a Shared,
    place: Place,
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    arrived: BytesMut,
    leaving: Leaving,
    pending: VecDeque<Pending>,
    /// A message for which there is no place yet.
    held: Option<Publish>,
    /// The place for a long packet, and until when it may be used.
    body: Option<(OwnedSemaphorePermit, Instant)>,
    silence: Duration,
    heard: Instant,
    requests: Meter,
    receipts: bool,
    /// If the device asked for its actions.
    actions: Option<Pushed>,
    hints: bool,
    hint: tokio::sync::watch::Receiver<Option<u64>>,
    /// Packet id of the last message that was pushed.
    last_id: u16,
    stopping: bool,
}

/// Serves `client` until it leaves.
///
/// # Errors
/// What it did wrong.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    client: Client,
    stream: S,
    shared: &Shared,
    place: Place,
) -> Result<(), String> {
    let (reader, writer) = split(stream);
    let silence = match client.keep_alive.mul_f32(1.5) {
        Duration::ZERO => LONGEST_SILENCE,
        asked => asked.min(LONGEST_SILENCE),
    };
    let mut conversation = Conversation {
        device: client.device,
        shared,
        place,
        reader,
        writer,
        arrived: client.arrived,
        leaving: Leaving::default(),
        pending: VecDeque::new(),
        held: None,
        body: None,
        silence,
        heard: Instant::now(),
        requests: Meter::new(REQUESTS, Instant::now()),
        receipts: false,
        actions: None,
        hints: false,
        hint: shared.hint.clone(),
        last_id: 0,
        stopping: false,
    };
    let end = conversation.work().await;
    let _ = timeout(FAREWELL, conversation.close()).await;
    shared.hub.leave(&conversation.place);
    match end {
        End::Quiet => Ok(()),
        End::Because(reason) => Err(reason),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<'_, S> {
    async fn work(&mut self) -> End {
        let code = ConnectReturnCode::Success;
        if let Err(violation) = self
            .leaving
            .push(&Packet::ConnAck(ConnAck::new(code, false)))
        {
            return violation.into();
        }
        loop {
            if let Err(end) = self.take_packets() {
                return end;
            }
            if self.stopping && self.pending.is_empty() && self.leaving.is_empty() {
                return End::Quiet;
            }
            if let Err(end) = self.step().await {
                return end;
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.leaving.finish(&mut self.writer).await?;
        self.writer.shutdown().await
    }

    fn has_room(&self) -> bool {
        !self.stopping
            && self.held.is_none()
            && self.pending.len() < IN_FLIGHT
            && self.leaving.len() < LEAVING
    }

    async fn step(&mut self) -> Result<(), End> {
        let deadline = self.deadline()?;
        let room = self.has_room();
        let is_long = self.arrived.len() >= SHORT;
        let mut stop = self.shared.stop.clone();
        tokio::select! {
            read = self.reader.read_buf(&mut self.arrived),
                if room && (!is_long || self.body.is_some()) =>
            {
                if read? == 0 {
                    return Err(End::Quiet);
                }
                // A part of a long packet is a sign of life, too.
                self.heard = Instant::now();
            }
            slot = self.shared.bodies.clone().acquire_owned(),
                if room && is_long && self.body.is_none() =>
            {
                // The semaphore is never closed.
                self.body = slot.ok().map(|slot| (slot, Instant::now() + ARRIVAL));
            }
            slot = room_for(&self.shared.posts, self.held.as_ref()), if self.held.is_some() => {
                if let (Some(publish), Ok(slot)) = (self.held.take(), slot) {
                    self.post(&publish, slot)?;
                }
            }
            stored = head(&mut self.pending), if !self.pending.is_empty() => {
                if let Some(done) = self.pending.pop_front() {
                    self.settle(done, stored)?;
                }
            }
            changed = self.hint.changed(), if self.hints => {
                if changed.is_err() {
                    // Nobody looks any more: the broker stops.
                    self.hints = false;
                } else {
                    self.push_hint(false)?;
                }
            }
            found = next_actions(&mut self.actions), if self.leaving.len() < LEAVING => {
                self.push_actions(found)?;
            }
            gone = self.leaving.go(&mut self.writer), if !self.leaving.is_empty() => gone?,
            _ = &mut self.place.replaced => return Err(End::Quiet),
            _ = stop.wait_for(|stop| *stop), if !self.stopping => self.stopping = true,
            () = sleep_until(deadline) => {}
        }
        Ok(())
    }

    /// When the client is given up; an error if that is now.
    fn deadline(&self) -> Result<Instant, End> {
        let mut limits = vec![(self.heard + self.silence, "it was silent for too long")];
        if let Some((_, until)) = self.body {
            limits.push((until, "a packet did not arrive whole in time"));
        }
        let now = Instant::now();
        if let Some((_, reason)) = limits.iter().find(|(until, _)| now >= *until) {
            return Err(End::Because((*reason).to_owned()));
        }
        Ok(limits
            .into_iter()
            .fold(now + LONGEST_SILENCE, |first, (until, _)| first.min(until)))
    }

    fn take_packets(&mut self) -> Result<(), End> {
        while self.has_room()
            && let Some(packet) = wire::read(&mut self.arrived, From::Client, LONGEST_PACKET)?
        {
            if self.arrived.len() < SHORT {
                self.body = None;
            }
            self.take(packet)?;
        }
        Ok(())
    }

    fn take(&mut self, packet: Packet) -> Result<(), End> {
        let is_post = matches!(packet, Packet::Publish(_) | Packet::PubAck(_));
        if !is_post && !self.requests.allows(Instant::now()) {
            return Err(End::Because(
                "it pings or subscribes without end".to_owned(),
            ));
        }
        match packet {
            Packet::Publish(publish) => {
                let posts = self.shared.posts.clone();
                match posts.try_acquire_many_owned(places(&publish)) {
                    Ok(slot) => self.post(&publish, slot)?,
                    Err(_) => self.held = Some(publish),
                }
                Ok(())
            }
            Packet::Subscribe(subscribe) => self.subscribe(&subscribe),
            Packet::Unsubscribe(unsubscribe) => {
                for filter in &unsubscribe.topics {
                    self.set(rights::subscription(&self.device, filter), false);
                }
                let answer = UnsubAck::new(unsubscribe.pkid);
                Ok(self.leaving.push(&Packet::UnsubAck(answer))?)
            }
            Packet::PingReq => Ok(self.leaving.push(&Packet::PingResp)?),
            Packet::Disconnect => Err(End::Quiet),
            // Of nothing that it was sent with QoS 1.
            Packet::PubAck(_) => Ok(()),
            _ => Err(Violation::Malformed("a second CONNECT came").into()),
        }
    }

    fn post(&mut self, publish: &Publish, slot: OwnedSemaphorePermit) -> Result<(), End> {
        let denied = || {
            let topic: String = publish.topic.chars().take(200).collect();
            End::Because(format!("it may not publish to `{}`", topic.escape_debug()))
        };
        let topic = rights::publication(&self.device, &publish.topic).ok_or_else(denied)?;
        let received = (self.shared.now)();
        if let Topic::Progress { device, action } = topic {
            let entrance = &self.shared.entrance;
            entrance.progress(device, action, &publish.payload);
            if publish.qos == QoS::AtLeastOnce {
                self.leaving
                    .push(&Packet::PubAck(PubAck::new(publish.pkid)))?;
            }
            return Ok(());
        }
        let doors = (&self.shared.inlet, &self.shared.entrance.actions);
        let post = post::submit(doors, &topic, &publish.payload, received);
        let post = post.ok_or_else(denied)?;
        self.pending.push_back(Pending {
            pkid: (publish.qos == QoS::AtLeastOnce).then_some(publish.pkid),
            key: post.key,
            stored: post.stored,
            _slot: slot,
        });
        Ok(())
    }

    /// Receipt and PUBACK, in this order: who takes the PUBACK for the receipt has seen
    /// what else there was to say.
    fn settle(
        &mut self,
        done: Pending,
        stored: Result<crate::store::Answer, crate::store::PostError>,
    ) -> Result<(), End> {
        let receipt = post::receipt(self.device, done.key, stored).map_err(End::Because)?;
        if self.receipts {
            let publish = Publish::new(receipt.topic, QoS::AtMostOnce, receipt.payload);
            self.leaving.push(&Packet::Publish(publish))?;
        }
        if let Some(pkid) = done.pkid {
            self.leaving.push(&Packet::PubAck(PubAck::new(pkid)))?;
        }
        Ok(())
    }

    fn subscribe(&mut self, subscribe: &Subscribe) -> Result<(), End> {
        if subscribe.filters.len() > FILTERS {
            return Err(End::Because(format!(
                "it subscribes to more than {FILTERS} filters at once"
            )));
        }
        let mut codes = Vec::new();
        let mut wants_hint = false;
        for filter in &subscribe.filters {
            let granted = rights::subscription(&self.device, &filter.path);
            self.set(granted, true);
            wants_hint |= granted == Some(Subscription::UpdateHints);
            codes.push(match granted {
                Some(Subscription::Actions) => SubscribeReasonCode::Success(QoS::AtLeastOnce),
                Some(_) => SubscribeReasonCode::Success(QoS::AtMostOnce),
                None => SubscribeReasonCode::Failure,
            });
        }
        self.leaving
            .push(&Packet::SubAck(SubAck::new(subscribe.pkid, codes)))?;
        if wants_hint {
            self.push_hint(true)?;
        }
        Ok(())
    }

    fn set(&mut self, subscription: Option<Subscription>, to: bool) {
        match subscription {
            Some(Subscription::Receipts) => self.receipts = to,
            Some(Subscription::Actions) => {
                self.actions = to.then(|| Pushed::new(&self.shared.entrance, self.device));
            }
            Some(Subscription::UpdateHints) => self.hints = to,
            None => {}
        }
    }

    /// Hands envelopes to the device, each once in a connection: until its outcome has come
    /// it does so again in the next.
    fn push_actions(&mut self, found: Vec<Envelope>) -> Result<(), End> {
        for one in found {
            let (device, action) = (self.device, one.action);
            let topic = Topic::Action { device, action }.to_string();
            let mut publish = Publish::new(topic, QoS::AtLeastOnce, one.envelope);
            // What the PUBACK would say, the outcome says better: no id is waited for.
            self.last_id = self.last_id % u16::MAX + 1;
            publish.pkid = self.last_id;
            self.leaving.push(&Packet::Publish(publish))?;
        }
        Ok(())
    }

    fn push_hint(&mut self, retained: bool) -> Result<(), End> {
        let Some(version) = *self.hint.borrow_and_update() else {
            return Ok(());
        };
        let topic = Topic::UpdateHint.to_string();
        let mut publish = Publish::new(topic, QoS::AtMostOnce, version.to_string());
        publish.retain = retained;
        Ok(self.leaving.push(&Packet::Publish(publish))?)
    }
}

/// The answer to the message that has waited longest: PUBACKs keep the order of the
/// messages [MQTT-4.6.0-2].
async fn head(
    pending: &mut VecDeque<Pending>,
) -> Result<crate::store::Answer, crate::store::PostError> {
    match pending.front_mut() {
        Some(first) => first.stored.as_mut().await,
        None => std::future::pending().await,
    }
}

/// How many places a message takes while it waits for its commit.
fn places(publish: &Publish) -> u32 {
    let places = publish.payload.len().div_ceil(PLACE).clamp(1, POSTS);
    u32::try_from(places).unwrap_or(u32::MAX)
}

/// Waits for these places.
async fn room_for(
    posts: &Arc<Semaphore>,
    held: Option<&Publish>,
) -> Result<OwnedSemaphorePermit, AcquireError> {
    let places = held.map_or(1, places);
    Arc::clone(posts).acquire_many_owned(places).await
}

async fn next_actions(actions: &mut Option<Pushed>) -> Vec<Envelope> {
    match actions {
        Some(actions) => actions.next().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_its_commit_is_bounded_in_bytes_too() {
        let of = |bytes| places(&Publish::new("t", QoS::AtLeastOnce, vec![0; bytes]));
        assert_eq!([0, PLACE, PLACE + 1].map(of), [1, 1, 2]);
        // The longest finds room, and as many as there are places are 128 MiB.
        assert!(of(LONGEST_PACKET) as usize <= POSTS);
        assert_eq!(POSTS * PLACE, 128 * 1024 * 1024);
    }
}
