//! A session-collector: one instance of its component per session that is open.
//!
//! [`Group`] follows the sessions and takes the plugin's orders; each session has a [`one`] of
//! its own, a task that samples, keeps files and ends with its session. They share the
//! compiled component, the plugin's share of the processor, and the ticks.

mod one;
mod recording;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bailiwick_core::{
    action::Outcome,
    ids::{GenerationId, PluginName},
    punctuality::Punctuality,
    sampling::{Fast, Suspensions},
    session::{Session, SessionId},
    time::Monotonic,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};

use self::one::{One, Shared, Word};
use super::{
    actor::{CallEnded, Order},
    describe::{Description, Doing},
    handle::RateOrder,
    host::Host,
    launch::Launch,
    live::Live,
    status::Status,
};
use crate::{events::Event, figures::Figures};

/// Words that may wait for one instance.
const WORDS: usize = 8;
/// How long all instances wait when too many of them were suspended.
const ALL_WAIT: Duration = Duration::from_secs(600);

/// What an instance tells the group.
pub(super) enum Told {
    /// It failed too often and waits.
    Suspended(SessionId),
    /// It works again.
    Recovered(SessionId),
    /// It was called, so late; why that brought no sample, or empty.
    Called(Duration, String),
    /// What it has used of this generation since it last told.
    Used(GenerationId, Figures),
}

/// A running session-collector. Dropping the sender of its orders ends it.
pub(crate) struct Group {
    host: Arc<Host>,
    plugin: PluginName,
    launch: Arc<Launch>,
    /// The shared tick.
    origin: Monotonic,
    instances: BTreeMap<SessionId, mpsc::Sender<Word>>,
    tasks: JoinSet<()>,
    suspensions: Suspensions,
    /// Until then nothing is called.
    all_wait: Option<Monotonic>,
    /// The rate that an operator asked for last; it may be over.
    fast: Option<Fast>,
    punctuality: Punctuality,
    /// What all instances of the generation have used.
    figures: Figures,
    status: Status,
    remark: String,
    /// Sessions beyond the policy's bound.
    beyond: usize,
    tidy: bool,
    ended: mpsc::UnboundedSender<CallEnded>,
    tell: mpsc::UnboundedSender<Told>,
    told: mpsc::UnboundedReceiver<Told>,
}

impl Group {
    /// Instances of `live`, whose own instance has shown that it starts and is not kept.
    pub(crate) fn new(
        host: Arc<Host>,
        live: Live,
        ended: mpsc::UnboundedSender<CallEnded>,
    ) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        Self {
            plugin: live.launch.policy.plugin.clone(),
            figures: live.figures(),
            status: Status::new(host.clock.now()),
            launch: live.launch,
            origin: host.clock.monotonic(),
            host,
            instances: BTreeMap::new(),
            tasks: JoinSet::new(),
            suspensions: Suspensions::default(),
            all_wait: None,
            fast: None,
            punctuality: Punctuality::default(),
            remark: String::new(),
            beyond: 0,
            tidy: false,
            ended,
            tell,
            told,
        }
    }

    /// Runs until nobody gives orders any more; then every instance puts away its file.
    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut open = self.host.open_sessions.follow();
        loop {
            self.follow(&mut open).await;
            tokio::select! {
                changed = open.changed() => if changed.is_err() {
                    break;
                },
                order = orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => break,
                },
                Some(told) = self.told.recv() => self.hear(told).await,
                Some(_) = self.tasks.join_next() => {}
            }
        }
        self.instances.clear();
        while self.tasks.join_next().await.is_some() {}
        self.tell_last_status().await;
    }

    /// Starts what is missing and ends what is over.
    async fn follow(&mut self, open: &mut watch::Receiver<Option<Arc<Vec<Session>>>>) {
        let sessions = open.borrow_and_update().clone();
        // Nobody looked yet: nothing is known to be over.
        let Some(sessions) = sessions else { return };
        if !self.tidy {
            self.tidy = true;
            self.forget_closed(&sessions).await;
        }
        let is_open = |id: &SessionId| sessions.iter().any(|session| session.id == *id);
        let over: Vec<SessionId> = self
            .instances
            .keys()
            .filter(|id| !is_open(id))
            .cloned()
            .collect();
        for id in over {
            self.suspensions.recovered(&id);
            if let Some(words) = self.instances.remove(&id) {
                // A task that ended by itself has nothing to close.
                let _ = words.send(Word::Close).await;
            }
        }
        self.beyond = 0;
        let most = self.launch.policy.sampling.sessions as usize;
        for session in sessions.iter() {
            if self.instances.contains_key(&session.id) {
                continue;
            }
            if self.instances.len() >= most {
                self.beyond += 1;
                continue;
            }
            self.begin(session.id.clone());
        }
    }

    /// What sessions left that closed while nobody ran here.
    async fn forget_closed(&mut self, sessions: &[Session]) {
        let open = sessions.iter().map(|session| session.id.clone()).collect();
        let store = &self.host.store;
        if let Err(error) = store.forget_other_sessions(&self.plugin, open).await {
            self.remark = error.to_string();
        }
    }

    fn begin(&mut self, session: SessionId) {
        let (words, receiver) = mpsc::channel(WORDS);
        let shared = Shared {
            host: Arc::clone(&self.host),
            launch: Arc::clone(&self.launch),
            origin: self.origin,
            ended: self.ended.clone(),
            tell: self.tell.clone(),
        };
        let one = One::new(shared, session.clone(), self.all_wait, self.fast);
        self.tasks.spawn(one.run(receiver));
        self.instances.insert(session, words);
    }

    async fn hear(&mut self, told: Told) {
        match told {
            Told::Used(generation, used) if generation == self.launch.generation.id => {
                self.used(used).await;
            }
            // Of a generation that was told of to the last.
            Told::Used(..) => {}
            Told::Recovered(session) => self.suspensions.recovered(&session),
            Told::Suspended(session) => {
                if self.suspensions.suspended(session) {
                    let until = self.host.clock.monotonic().after(ALL_WAIT);
                    self.all_wait = Some(until);
                    self.to_all(|| Word::Wait(until)).await;
                    let for_ms = u64::try_from(ALL_WAIT.as_millis()).unwrap_or(u64::MAX);
                    let plugin = self.plugin.clone();
                    self.host.tell(Event::Suspended { plugin, for_ms }).await;
                }
            }
            Told::Called(late, failure) => {
                self.punctuality.calls += 1;
                self.punctuality.last_late = late;
                self.punctuality.longest_late = self.punctuality.longest_late.max(late);
                if !failure.is_empty() {
                    self.punctuality.failed();
                }
                self.remark = failure;
            }
        }
    }

    /// The same for all instances as for a plugin that has one.
    async fn used(&mut self, used: Figures) {
        self.figures = self.figures.and(used);
        let now = self.host.clock.monotonic();
        if self.status.is_due(&self.figures, now) {
            self.tell_status().await;
        }
    }

    async fn tell_status(&mut self) {
        let now = self.host.clock.monotonic();
        self.status.told(self.figures, now);
        let event = self.status.event(&self.launch, self.figures);
        self.host.tell(event).await;
    }

    /// What the generation used that ends, to the last.
    async fn tell_last_status(&mut self) {
        while let Ok(told) = self.told.try_recv() {
            self.hear(told).await;
        }
        if self.status.is_behind(&self.figures) {
            self.tell_status().await;
        }
    }

    async fn to_all(&self, word: impl Fn() -> Word) {
        for words in self.instances.values() {
            let _ = words.send(word()).await;
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Swap(live, reply) => {
                let swapped = self.swap(Arc::clone(&live.launch)).await;
                // Whoever asked may have ended; the swap stands all the same.
                drop(reply.send(swapped));
            }
            Order::Return(live) => self.replace(live.launch).await,
            Order::Renew(live) => {
                let launch = Arc::clone(&live.launch);
                if let Err(reason) = self.swap(Arc::clone(&launch)).await {
                    self.remark = reason;
                    // Whatever becomes of their state: the owner allows the old policy no more.
                    self.replace(launch).await;
                }
            }
            Order::Full => self.to_all(|| Word::Sample(None)).await,
            Order::Describe(reply) => drop(reply.send(self.describe())),
            Order::Collect(reply) => {
                let rows = self.collect().await;
                drop(reply.send(rows));
            }
            Order::Handle(order) => order.refuse(),
            Order::Rate(order) => self.rate(order).await,
        }
    }

    /// Lets `launch` take over in every instance, or in none: each first starts the new one
    /// beside the old and hands over.
    async fn swap(&mut self, launch: Arc<Launch>) -> Result<(), String> {
        let mut outcome = Ok(());
        for (session, words) in &self.instances {
            let (reply, answer) = oneshot::channel();
            let word = Word::Prepare(Arc::clone(&launch), reply);
            if words.send(word).await.is_err() {
                continue;
            }
            if let Ok(Err(reason)) = answer.await {
                outcome = Err(format!("session {session}: {reason}"));
                break;
            }
        }
        let from = self.launch.release.version.to_string();
        match &outcome {
            Err(_) => self.to_all(|| Word::Abort).await,
            Ok(()) => {
                self.to_all(|| Word::Commit).await;
                self.tell_last_status().await;
                self.take(launch);
                self.host
                    .tell(Event::Swapped {
                        plugin: self.plugin.clone(),
                        from,
                        to: self.launch.release.version.to_string(),
                        state: 0,
                        missed: self.punctuality.missed,
                        longest_late_us: micros(self.punctuality.longest_late),
                    })
                    .await;
            }
        }
        outcome
    }

    /// The same without handing over: each begins afresh with its next sample.
    async fn replace(&mut self, launch: Arc<Launch>) {
        self.to_all(|| Word::Restart(Arc::clone(&launch))).await;
        self.tell_last_status().await;
        self.take(launch);
    }

    fn take(&mut self, launch: Arc<Launch>) {
        let now = self.host.clock.monotonic();
        launch.budget.take_over(&self.launch.budget, now);
        self.figures = Figures::default();
        self.status = Status::new(self.host.clock.now());
        self.launch = launch;
        self.suspensions = Suspensions::default();
        self.all_wait = None;
    }

    /// Another rate for a while, in all instances that are there and in those that begin
    /// while it holds.
    async fn rate(&mut self, order: RateOrder) {
        let clock = &self.host.clock;
        let now = (clock.now(), clock.monotonic());
        let outcome = match Fast::new(order.every, order.until, now) {
            // The bounds are the same for all.
            Err(error) => Outcome::Refused {
                reason: error.to_string(),
            },
            Ok(fast) => {
                self.fast = Some(fast);
                self.to_all(|| Word::Rate(fast)).await;
                let result = format!("{{\"sessions\":{}}}", self.instances.len());
                Outcome::Done { result }
            }
        };
        // Whoever asked may be gone.
        drop(order.reply.send(outcome));
    }

    /// Rows of each session, read now.
    async fn collect(&self) -> Result<serde_json::Value, String> {
        let mut rows = serde_json::Map::new();
        for (session, words) in &self.instances {
            let (reply, answer) = oneshot::channel();
            if words.send(Word::Sample(Some(reply))).await.is_err() {
                continue;
            }
            if let Ok(of_session) = answer.await {
                rows.insert(session.to_string(), of_session?);
            }
        }
        Ok(rows.into())
    }

    fn describe(&self) -> Description {
        let now = self.host.clock.monotonic();
        let waits = self.all_wait.filter(|until| *until > now);
        let mut remark = self.remark.clone();
        if remark.is_empty() && self.beyond > 0 {
            remark = format!(
                "{} sessions are not sampled: the policy allows {} at a time",
                self.beyond, self.launch.policy.sampling.sessions
            );
        }
        Description {
            launch: Arc::clone(&self.launch),
            doing: match (waits, self.instances.is_empty()) {
                (Some(_), _) => Doing::Suspended,
                (None, true) => Doing::Resting,
                (None, false) => Doing::Running,
            },
            next_in: waits.map(|until| until.since(now)),
            punctuality: self.punctuality,
            figures: self.figures,
            since: self.status.since(),
            remark,
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
