//! Somebody else's broker: the console is a client of it, and devices are too.
//!
//! The broker's PUBACK tells a device that the broker has its message, and no more. So the
//! receipt is a message of its own, published after the commit; and the broker is told that
//! the message arrived after that, so that it brings it again where the console ended in
//! between. Whatever was lost all the same, the device sends again.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bailiwick_core::{action::ActionId, ids::DeviceId, time::Timestamp};
use bailiwick_transport::{
    BrokerAddress, Connector,
    mqtt::{Client, ClientOptions, Event, Keep, Login, Message, topic, topic::Topic, wire},
};
use tokio::{sync::watch, time::sleep};

use super::{
    orders::Orders,
    post::{self, Post, Stored},
    say,
};
use crate::{
    actions::Actions,
    enrolment::Enrolment,
    store::{Inlet, PostError},
};

/// The console's name at the broker. Two consoles at one broker would end each other's
/// connections; each message is for one of them.
const CLIENT_ID: &str = "bailiwick-console";
/// Messages that wait for their commit.
const PENDING: usize = 32;
/// Until a post that could not be stored is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What is ingested where.
pub(crate) struct Ingest {
    pub(crate) entrance: Entrance,
    pub(crate) login: Option<Login>,
    pub(crate) hint: watch::Receiver<Option<u64>>,
    pub(crate) stop: watch::Receiver<bool>,
}

/// Where posts go in.
#[derive(Clone)]
pub(crate) struct Entrance {
    pub(crate) inlet: Inlet,
    pub(crate) actions: Actions,
    pub(crate) enrolment: Arc<Enrolment>,
    pub(crate) now: fn() -> Timestamp,
}

/// A message of a device, until its receipt is published.
struct Pending {
    message: Message,
    topic: Topic,
    post: Post,
}

impl Ingest {
    /// Takes what devices publish at `address` until it is told to stop.
    pub(crate) async fn run(mut self, connector: Connector, address: BrokerAddress) {
        let options = ClientOptions {
            address,
            client_id: CLIENT_ID.to_owned(),
            login: self.login.take(),
            keep: Keep::Session,
            subscriptions: vec![
                topic::EVERY_REPORT.to_owned(),
                topic::EVERY_EVENTS.to_owned(),
                topic::EVERY_OUTCOME.to_owned(),
                topic::EVERY_PROGRESS.to_owned(),
            ],
            longest: wire::LONGEST_PACKET,
        };
        let (client, mut events) = Client::start(connector, options);
        let mut pending = VecDeque::new();
        let mut orders = Orders::new(&self.entrance);
        loop {
            tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => return,
                event = events.next(), if pending.len() < PENDING => match event {
                    Some(Event::Message(message)) => {
                        pending.extend(self.entrance.submit(&client, message, &mut orders));
                    }
                    Some(event) => tell(event),
                    None => return,
                },
                found = orders.next() => orders.place(&client, found),
                answered = self.entrance.head(&mut pending), if !pending.is_empty() => {
                    orders.answered(&client, &answered.0);
                    settle(&client, answered);
                }
                Ok(()) = self.hint.changed() => push_hint(&client, &mut self.hint),
            }
        }
    }
}

impl Entrance {
    fn submit(&self, client: &Client, message: Message, orders: &mut Orders) -> Option<Pending> {
        let parsed = Topic::parse(&message.topic);
        let device = parsed.as_ref().and_then(Topic::sender).copied();
        if let Some(device) = device
            && !self.enrolment.takes_from(&device).unwrap_or(false)
        {
            // Without a receipt the device keeps it.
            say(&format!(
                "a message of {device} was left out: it was revoked, or never enrolled here"
            ));
            client.acknowledge(&message);
            return None;
        }
        if let Some(device) = device {
            orders.heard(device);
        }
        if let Some(Topic::Progress { device, action }) = parsed {
            self.progress(device, action, &message.payload);
            client.acknowledge(&message);
            return None;
        }
        let posted = parsed.and_then(|topic| {
            let doors = (&self.inlet, &self.actions);
            let post = post::submit(doors, &topic, &message.payload, (self.now)())?;
            Some((topic, post))
        });
        let Some((topic, post)) = posted else {
            let topic: String = message.topic.chars().take(200).collect();
            let topic = topic.escape_debug();
            say(&format!(
                "a message to `{topic}` is no post of a device: it was left out"
            ));
            client.acknowledge(&message);
            return None;
        };
        Some(Pending {
            message,
            topic,
            post,
        })
    }

    /// Waits for the commit of the first, for as long as it takes: what came first is
    /// answered first.
    async fn head(&self, pending: &mut VecDeque<Pending>) -> (Message, post::Receipt) {
        loop {
            let Some(first) = pending.front_mut() else {
                return std::future::pending().await;
            };
            let stored = first.post.stored.as_mut().await;
            match post::receipt(first.post.device, first.post.key.clone(), stored) {
                Ok(receipt) => {
                    if let Some(done) = pending.pop_front() {
                        return (done.message, receipt);
                    }
                }
                Err(reason) => {
                    say(&format!("a post from the broker waits: {reason}"));
                    first.post.stored = self.later(first);
                }
            }
        }
    }

    /// The post once more, after a pause.
    fn later(&self, pending: &Pending) -> Stored {
        let entrance = self.clone();
        let (topic, payload) = (pending.topic.clone(), pending.message.payload.clone());
        Box::pin(async move {
            sleep(AGAIN).await;
            let doors = (&entrance.inlet, &entrance.actions);
            match post::submit(doors, &topic, &payload, (entrance.now)()) {
                Some(post) => post.stored.await,
                // It was a post before.
                None => Err(PostError::Refused("it is no post".to_owned())),
            }
        })
    }
}

impl Entrance {
    /// Keeps a handler's word. One that can't be kept is worth nothing a moment later.
    pub(super) fn progress(&self, device: DeviceId, action: ActionId, payload: &[u8]) {
        if let Ok(message) = serde_json::from_slice(payload) {
            let actions = self.actions.clone();
            tokio::spawn(async move { drop(actions.progress(device, action, message).await) });
        }
    }
}

fn push_hint(client: &Client, hint: &mut watch::Receiver<Option<u64>>) {
    if let Some(version) = *hint.borrow_and_update() {
        let topic = Topic::UpdateHint.to_string();
        // Whether it arrived matters little: devices look by themselves, too.
        drop(client.retain(topic, version.to_string().into()));
    }
}

fn settle(client: &Client, (message, receipt): (Message, post::Receipt)) {
    // A receipt that is lost is asked for again, with its post.
    drop(client.publish(receipt.topic, receipt.payload.into()));
    client.acknowledge(&message);
}

fn tell(event: Event) {
    match event {
        Event::Connected { hops } => {
            let hops: Vec<_> = hops.iter().map(ToString::to_string).collect();
            say(&format!("taking posts from a broker: {}", hops.join("; ")));
        }
        Event::Disconnected { reason, pause } => {
            say(&format!(
                "no posts are taken from the broker: {reason}; tried again in {:.0} s",
                pause.as_secs_f64()
            ));
        }
        _ => {}
    }
}
