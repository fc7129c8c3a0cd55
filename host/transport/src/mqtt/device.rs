//! A device's posts over MQTT: sent until they are received, wherever they were lost.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bailiwick_core::{
    action::ActionId,
    ids::{DeviceId, PluginName},
    sending::Blame,
    settings::Ack,
};
use bytes::Bytes;
use tokio::{
    sync::{Mutex, mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    client::{Client, ClientOptions, Ended, Event, Events, Keep, Message},
    login::Login,
    topic::{Key, Topic},
    wire::LONGEST_PAYLOAD,
};
use crate::{BrokerAddress, Connector, Receipt, SendError, answer::Answer};

/// From a broker's PUBACK to the receipt. Without one the post was lost between them, as
/// when the receiver was not connected, and is sent again; the receiver keeps it once.
/// Doubled with each time, for a receiver that is away for long.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest wait for a receipt.
const LONGEST_PATIENCE: Duration = Duration::from_secs(10 * 60);
/// Longest packet that a device takes, in bytes. Envelopes are much shorter; one that is too
/// long is refused when it was read, not by an end of the connection.
const LONGEST: usize = 1024 * 1024;
/// Envelopes that wait for whoever judges them. One that finds no room comes again.
const ACTIONS: usize = 16;

/// Whether the device reaches the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// Not yet known.
    Connecting,
    /// It does; the way there, in words.
    Up(String),
    /// It does not, and why.
    Down(String),
}

/// Who a device is, and where it reports.
#[derive(Clone, Debug)]
pub struct DeviceOptions {
    /// The broker.
    pub broker: BrokerAddress,
    /// The device.
    pub id: DeviceId,
    /// What the broker asks for besides TLS. The console's asks for nothing.
    pub login: Option<Login>,
    /// What proves that a post arrived.
    pub ack: Ack,
}

/// The device's end. Cloning shares the connection, which ends with the last clone.
#[derive(Clone, Debug)]
pub struct Device {
    id: DeviceId,
    client: Client,
    actions: Arc<Mutex<mpsc::Receiver<Bytes>>>,
    posts: mpsc::UnboundedSender<Post>,
    link: watch::Receiver<Link>,
    hints: watch::Receiver<Option<u64>>,
    unread: watch::Receiver<Option<String>>,
}

/// A post and where its receipt goes.
#[derive(Debug)]
struct Post {
    topic: String,
    key: Key,
    payload: Bytes,
    reply: oneshot::Sender<Result<Receipt, SendError>>,
}

impl Device {
    /// Connects, and goes on trying.
    pub fn start(connector: Connector, options: DeviceOptions) -> Self {
        let DeviceOptions {
            broker,
            id,
            login,
            ack,
        } = options;
        let options = ClientOptions {
            address: broker,
            client_id: id.to_string(),
            login,
            // What is under way is sent again anyway, and a receipt that was missed with it.
            keep: Keep::Nothing,
            subscriptions: vec![
                Topic::receipts_of(&id),
                Topic::actions_for(&id),
                Topic::UpdateHint.to_string(),
            ],
            longest: LONGEST,
        };
        let (client, events) = Client::start(connector, options);
        let (posts, posted) = mpsc::unbounded_channel();
        let (told, link) = watch::channel(Link::Connecting);
        let (hinted, hints) = watch::channel(None);
        let (strange, unread) = watch::channel(None);
        let (ordered, actions) = mpsc::channel(ACTIONS);
        let courier = Courier {
            id,
            ack,
            client: client.clone(),
            actions: ordered,
            waiting: HashMap::new(),
            acknowledged: JoinSet::new(),
            link: told,
            hints: hinted,
            unread: strange,
        };
        tokio::spawn(courier.run(events, posted));
        Self {
            id,
            client,
            actions: Arc::new(Mutex::new(actions)),
            posts,
            link,
            hints,
            unread,
        }
    }

    /// Sends an encoded report, after everything that was sent before. Resolves when it was
    /// received, however long that takes. The body is in memory until then: bound what is
    /// under way.
    ///
    /// # Errors
    /// As [`crate::Reports::send`]: [`SendError::Refused`] only when the receiver said so.
    pub fn report(
        &self,
        plugin: PluginName,
        key: &str,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<Receipt, SendError>> + use<> {
        let device = self.id;
        let topic = |key| Topic::Report {
            device,
            plugin,
            key,
        };
        self.post(Key::new(key).map(|key| (key.clone(), topic(key))), body)
    }

    /// Sends events, one JSON object per line, as [`Self::report`] does a report.
    pub fn events(
        &self,
        key: &str,
        lines: Vec<u8>,
    ) -> impl Future<Output = Result<Receipt, SendError>> + use<> {
        let device = self.id;
        let topic = |key| Topic::Events { device, key };
        self.post(Key::new(key).map(|key| (key.clone(), topic(key))), lines)
    }

    /// Sends what became of an action, as [`Self::report`] does a report.
    pub fn outcome(
        &self,
        key: &str,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<Receipt, SendError>> + use<> {
        let device = self.id;
        let topic = |key| Topic::Outcome { device, key };
        self.post(Key::new(key).map(|key| (key.clone(), topic(key))), body)
    }

    /// Tells how far an action is. It is lost where there is no connection.
    pub fn progress(&self, action: ActionId, body: Vec<u8>) {
        let device = self.id;
        let topic = Topic::Progress { device, action };
        self.client.tell(topic.to_string(), body.into());
    }

    /// The next envelope that came, as it is: nothing in it was checked. None when the
    /// connection was given up. One of the clones waits at a time.
    pub async fn action(&self) -> Option<Bytes> {
        self.actions.lock().await.recv().await
    }

    /// Whether the broker is reached, as it changes.
    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// The number of the timestamp that the last hint named. It changes when updates may be
    /// there, and proves nothing.
    pub fn update_hints(&self) -> watch::Receiver<Option<u64>> {
        self.hints.clone()
    }

    /// What came last and could not be read, in words; none as long as all could be. It
    /// changes with each such message, and was acted upon in no way.
    pub fn unread(&self) -> watch::Receiver<Option<String>> {
        self.unread.clone()
    }

    fn post(
        &self,
        addressed: Option<(Key, Topic)>,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<Receipt, SendError>> + use<> {
        let (reply, received) = oneshot::channel();
        let refuse = |reason: String| Err(SendError::Refused { reason });
        let posted = match addressed {
            Some(_) if body.len() > LONGEST_PAYLOAD => {
                refuse(format!("it has more than {LONGEST_PAYLOAD} bytes"))
            }
            Some((key, topic)) => {
                // If nobody takes it, the reply is dropped, which the future below tells.
                let _ = self.posts.send(Post {
                    topic: topic.to_string(),
                    key,
                    payload: body.into(),
                    reply,
                });
                Ok(())
            }
            None => refuse("its key is no idempotency key".to_owned()),
        };
        async move {
            posted?;
            received.await.unwrap_or_else(|_| {
                Err(SendError::Retry {
                    after: None,
                    blame: Blame::Everything,
                    reason: "the connection was given up".to_owned(),
                })
            })
        }
    }
}

/// Carries posts until their receipts came.
struct Courier {
    id: DeviceId,
    ack: Ack,
    client: Client,
    waiting: HashMap<Key, Waiting>,
    acknowledged: JoinSet<(Key, Result<(), Ended>)>,
    link: watch::Sender<Link>,
    hints: watch::Sender<Option<u64>>,
    unread: watch::Sender<Option<String>>,
    actions: mpsc::Sender<Bytes>,
}

/// A post without its receipt.
struct Waiting {
    post: Post,
    /// When the broker acknowledged it; the client repeats it until then.
    since: Option<Instant>,
    /// How often nobody sent a receipt in time.
    unanswered: u32,
}

impl Waiting {
    /// When it is sent again.
    fn due(&self) -> Option<Instant> {
        let factor = 1_u32.checked_shl(self.unanswered).unwrap_or(u32::MAX);
        let patience = PATIENCE.saturating_mul(factor).min(LONGEST_PATIENCE);
        self.since.map(|since| since + patience)
    }
}

impl Courier {
    async fn run(mut self, mut events: Events, mut posts: mpsc::UnboundedReceiver<Post>) {
        loop {
            let overdue = self.overdue();
            tokio::select! {
                // A receipt that came before a PUBACK is looked at before it.
                biased;
                event = events.next() => match event {
                    Some(event) => self.happened(event),
                    None => return,
                },
                Some(Ok((key, delivered))) = self.acknowledged.join_next() => {
                    self.acknowledged(&key, delivered);
                }
                post = posts.recv() => match post {
                    Some(post) => self.take(post),
                    None => return,
                },
                () = sleep_until(overdue.unwrap_or_else(Instant::now)), if overdue.is_some() => {
                    let now = Instant::now();
                    self.again(|one| {
                        let overdue = one.due().is_some_and(|due| now >= due);
                        one.unanswered = one.unanswered.saturating_add(overdue.into());
                        overdue
                    });
                }
            }
        }
    }

    fn overdue(&self) -> Option<Instant> {
        self.waiting.values().filter_map(Waiting::due).min()
    }

    fn take(&mut self, post: Post) {
        self.publish(&post);
        let key = post.key.clone();
        // The same post twice: the later takes the receipt, the earlier is told to retry.
        let waiting = Waiting {
            post,
            since: None,
            unanswered: 0,
        };
        self.waiting.insert(key, waiting);
    }

    fn publish(&mut self, post: &Post) {
        let delivery = self
            .client
            .publish(post.topic.clone(), post.payload.clone());
        let key = post.key.clone();
        self.acknowledged
            .spawn(async move { (key, delivery.await) });
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::Connected { hops } => {
                let hops: Vec<_> = hops.iter().map(ToString::to_string).collect();
                self.link.send_replace(Link::Up(hops.join("; ")));
                // The broker may have ended with what it acknowledged.
                self.again(|_| true);
            }
            Event::Disconnected { reason, .. } => {
                self.link.send_replace(Link::Down(reason));
            }
            Event::Message(message) => self.message(&message),
        }
    }

    fn message(&mut self, message: &Message) {
        match Topic::parse(&message.topic) {
            Some(Topic::Receipt { device, key }) if device == self.id => {
                // Without a form that is known it is no receipt, and the post comes again.
                match Answer::parse(&message.payload) {
                    Some(answer) => self.received(&key, answer.meaning()),
                    None => self.is_unread("a receipt", "its post is sent again", message),
                }
            }
            // An empty one is how a broker says that it keeps nothing there any more.
            Some(Topic::Action { device, .. })
                if device == self.id && !message.payload.is_empty() =>
            {
                // Without room it is not taken: whoever sent it waits for its outcome.
                drop(self.actions.try_send(message.payload.clone()));
            }
            Some(Topic::UpdateHint) => {
                let number = std::str::from_utf8(&message.payload).ok();
                match number.and_then(|text| text.parse().ok()) {
                    Some(number) => {
                        self.hints
                            .send_if_modified(|known| known.replace(number) != Some(number));
                    }
                    // Nothing is retained there any more.
                    None if message.payload.is_empty() => {}
                    None => self.is_unread("a hint", "updates come in their turn", message),
                }
            }
            // Nobody subscribed to it.
            _ => {}
        }
        self.client.acknowledge(message);
    }

    fn is_unread(&self, what: &str, so: &str, message: &Message) {
        let length = message.payload.len();
        self.unread.send_replace(Some(format!(
            "{what} of {length} bytes that came through the broker can't be read, and {so}: see \
             who else may publish there"
        )));
    }

    fn received(&mut self, key: &Key, answer: Result<Receipt, SendError>) {
        if let Some(waiting) = self.waiting.remove(key) {
            // Whoever sent it may have given up; the outbox keeps it then.
            let _ = waiting.post.reply.send(answer);
        }
    }

    fn acknowledged(&mut self, key: &Key, delivered: Result<(), Ended>) {
        match (delivered, self.ack) {
            (Ok(()), Ack::Receipt) => {
                if let Some(waiting) = self.waiting.get_mut(key) {
                    waiting.since = Some(Instant::now());
                }
            }
            (Ok(()), Ack::Broker) => self.received(key, Ok(Receipt::Stored)),
            (Err(Ended), _) => self.received(
                key,
                Err(SendError::Retry {
                    after: None,
                    blame: Blame::Everything,
                    reason: Ended.to_string(),
                }),
            ),
        }
    }

    /// Publishes again what the broker has acknowledged and nobody has received, where
    /// `due` says so.
    fn again(&mut self, due: impl Fn(&mut Waiting) -> bool) {
        let mut lost = Vec::new();
        for waiting in self.waiting.values_mut() {
            if waiting.since.is_some() && due(waiting) {
                let post = &waiting.post;
                let message = (post.topic.clone(), post.payload.clone());
                lost.push((waiting.since.take(), post.key.clone(), message));
            }
        }
        // In the order in which they were acknowledged, which is that of sending.
        lost.sort_by_key(|(since, ..)| *since);
        for (_, key, (topic, payload)) in lost {
            let delivery = self.client.publish(topic, payload);
            self.acknowledged
                .spawn(async move { (key, delivery.await) });
        }
    }
}
