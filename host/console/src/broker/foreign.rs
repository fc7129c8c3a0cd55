//! Somebody else's broker: the console is a client of it, and devices are too.
//!
//! The broker's PUBACK tells a device that the broker has its message, and no more. So the
//! receipt is a message of its own, published after the commit; and the broker is told that
//! the message arrived after that, so that it brings it again where the console ended in
//! between. Whatever was lost all the same, the device sends again.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bailiwick_core::time::Timestamp;
use bailiwick_transport::{
    BrokerAddress, Connector,
    mqtt::{Client, ClientOptions, Event, Keep, Login, Message, topic, topic::Topic, wire},
};
use tokio::{sync::watch, time::sleep};

use super::{
    POSTS,
    post::{self, Post, Stored},
    say,
};
use crate::{
    enrolment::Enrolment,
    store::{Inlet, PostError},
};

/// The console's name at the broker. Two consoles at one broker would end each other's
/// connections; each message is for one of them.
const CLIENT_ID: &str = "bailiwick-console";
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
            ],
            longest: wire::LONGEST_PACKET,
        };
        let (client, mut events) = Client::start(connector, options);
        let mut pending = VecDeque::new();
        loop {
            tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => return,
                event = events.next(), if pending.len() < POSTS => match event {
                    Some(Event::Message(message)) => {
                        pending.extend(self.entrance.submit(&client, message));
                    }
                    Some(event) => tell(event),
                    None => return,
                },
                answered = self.entrance.head(&mut pending), if !pending.is_empty() => {
                    settle(&client, answered);
                }
                Ok(()) = self.hint.changed() => push_hint(&client, &mut self.hint),
            }
        }
    }
}

impl Entrance {
    fn submit(&self, client: &Client, message: Message) -> Option<Pending> {
        let parsed = Topic::parse(&message.topic);
        if let Some(Topic::Report { device, .. } | Topic::Events { device, .. }) = &parsed
            && !self.enrolment.takes_from(device).unwrap_or(false)
        {
            // Without a receipt the device keeps it.
            say(&format!(
                "a message of {device} was left out: it was revoked, or never enrolled here"
            ));
            client.acknowledge(&message);
            return None;
        }
        let posted = parsed.and_then(|topic| {
            let post = post::submit(&self.inlet, &topic, &message.payload, (self.now)())?;
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
            match post::submit(&entrance.inlet, &topic, &payload, (entrance.now)()) {
                Some(post) => post.stored.await,
                // It was a post before.
                None => Err(PostError::Refused("it is no post".to_owned())),
            }
        })
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
