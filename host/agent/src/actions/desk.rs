//! One queue per handler, and what is at work.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_core::{
    action::{ActionId, Envelope, Outcome, Request},
    ids::PluginName,
};
use bailiwick_store::{ActionRecord, Begun, Ended};
use tokio::sync::{mpsc, oneshot, watch};

use super::telling;
use crate::events::Event;
use crate::run::{Destination, HandleOrder, Host, Order, RateOrder, Shown};

/// Actions that wait for one handler. Who finds no room may send it again later.
const WAITING: usize = 32;
/// Words of a handler that wait to be passed on.
const WORDS: usize = 16;
/// Until the next attempt to write down how an action ended.
const AGAIN: Duration = Duration::from_secs(5);

/// What is accepted, waits, or is at work.
pub(super) struct Desk {
    host: Arc<Host>,
    shown: Arc<Shown>,
    destinations: watch::Receiver<Option<Destination>>,
    queues: Mutex<HashMap<PluginName, mpsc::Sender<Job>>>,
    /// Who calls an action off.
    known: Mutex<HashMap<ActionId, (PluginName, watch::Sender<bool>)>>,
}

/// An action that waits.
struct Job {
    request: Request,
    envelope: Envelope,
    cancel: watch::Receiver<bool>,
}

impl Desk {
    pub(super) fn new(
        host: Arc<Host>,
        shown: Arc<Shown>,
        destinations: watch::Receiver<Option<Destination>>,
    ) -> Self {
        Self {
            host,
            shown,
            destinations,
            queues: Mutex::default(),
            known: Mutex::default(),
        }
    }

    /// Whether an action waits or is at work.
    pub(super) fn has(&self, action: &ActionId) -> bool {
        lock(&self.known).contains_key(action)
    }

    /// Queues an action behind the others of its handler.
    ///
    /// # Errors
    /// Why it can't wait: it was not begun, and may come again.
    pub(super) fn queue(
        self: &Arc<Self>,
        request: Request,
        envelope: Envelope,
    ) -> Result<(), String> {
        let (cancel, cancelled) = watch::channel(false);
        let (id, handler) = (request.id, request.handler.clone());
        let mut queues = lock(&self.queues);
        let queue = queues.entry(handler.clone()).or_insert_with(|| {
            let (queue, jobs) = mpsc::channel(WAITING);
            tokio::spawn(Arc::clone(self).work(jobs));
            queue
        });
        let room = queue.try_reserve().map_err(|_| {
            format!("{WAITING} actions wait for {handler} already: send it again later")
        })?;
        lock(&self.known).insert(id, (handler, cancel));
        room.send(Job {
            request,
            envelope,
            cancel: cancelled,
        });
        Ok(())
    }

    /// Calls an action of `handler` off; says what came of that.
    pub(super) fn cancel(&self, action: &ActionId, handler: &PluginName) -> Outcome {
        match lock(&self.known).get(action) {
            Some((whose, cancel)) if whose == handler => {
                cancel.send_replace(true);
                let result = serde_json::json!({ "cancelled": action }).to_string();
                Outcome::Done { result }
            }
            _ => Outcome::Failed {
                reason: format!("no action {action} of {handler} waits or is at work here"),
            },
        }
    }

    /// Has a plugin sampled faster for a while.
    pub(super) async fn rate(
        &self,
        plugin: &PluginName,
        every: Duration,
        lasts: Duration,
    ) -> Outcome {
        let (reply, answer) = oneshot::channel();
        let until = self.host.clock.now().after(lasts);
        let order = Order::Rate(RateOrder {
            every,
            until,
            reply,
        });
        self.ask(plugin, order, answer).await
    }

    async fn work(self: Arc<Self>, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.recv().await {
            let id = job.request.id;
            self.one(job).await;
            lock(&self.known).remove(&id);
        }
    }

    /// Writes down that an action begins, has it done, and writes down how it ended.
    async fn one(&self, job: Job) {
        let Job {
            request,
            envelope,
            cancel,
        } = job;
        let (id, handler) = (request.id, request.handler.clone());
        let record = ActionRecord {
            handler: handler.clone(),
            expires: request.expires,
            ended: None,
        };
        if !self.begin(id, record.clone()).await {
            return;
        }
        let (words, told) = mpsc::channel(WORDS);
        let (reply, answer) = oneshot::channel();
        let order = HandleOrder {
            request,
            envelope,
            progress: words,
            cancel,
            reply,
        };
        let order = Order::Handle(Box::new(order));
        let destinations = self.destinations.clone();
        let (outcome, ()) = tokio::join!(
            self.ask(&handler, order, answer),
            telling::forward(&self.host, id, told, destinations),
        );
        self.end(id, record, outcome).await;
    }

    /// Whether an action may begin: that it does is on disk then.
    pub(super) async fn begin(&self, id: ActionId, record: ActionRecord) -> bool {
        let signed = self.host.authority.known().signed;
        let reason = match self.host.store.begin_action(id, record, signed).await {
            Ok(Begun::Now) => return true,
            Ok(Begun::Before) => return false,
            Ok(Begun::NoRoom) => {
                "the device keeps too many actions that have not expired: send it again later"
                    .to_owned()
            }
            Err(error) => format!("nothing can be written down here: {error}"),
        };
        let (outcome, at) = (Outcome::Refused { reason }, self.host.clock.now());
        if let Err(error) = telling::ended(&self.host, id, outcome, at, None).await {
            self.host.output.warn(&format!("action {id}: {error}"));
        }
        false
    }

    /// Writes down how it ended, however long that takes: an action that was done and is
    /// told as interrupted would be done again by whoever asked.
    pub(super) async fn end(&self, id: ActionId, record: ActionRecord, outcome: Outcome) {
        let at = self.host.clock.now();
        let ended = Some(Ended {
            at,
            outcome: outcome.clone(),
        });
        let record = ActionRecord { ended, ..record };
        loop {
            let told = (outcome.clone(), Some(record.clone()));
            match telling::ended(&self.host, id, told.0, at, told.1).await {
                Ok(()) => {
                    let (action, plugin) = (id, record.handler);
                    let outcome = telling::words(&outcome);
                    let event = Event::ActionEnded {
                        action,
                        plugin,
                        outcome,
                    };
                    return self.host.tell(event).await;
                }
                Err(error) => self.host.output.warn(&format!(
                    "how the action {id} ended can't be written down, tried again: {error}"
                )),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn ask(
        &self,
        plugin: &PluginName,
        order: Order,
        answer: oneshot::Receiver<Outcome>,
    ) -> Outcome {
        let running = self.shown.list();
        let running = running.iter().find(|running| running.name == *plugin);
        let stopped = || Outcome::Failed {
            reason: format!("{plugin} was stopped before it began"),
        };
        match running.and_then(|running| running.orders()) {
            // Its place is given up at once: a plugin ends with the last of them.
            Some(orders) if orders.send(order).await.is_ok() => drop(orders),
            _ => return stopped(),
        }
        answer.await.unwrap_or_else(|_| Outcome::Failed {
            reason: format!("{plugin} was stopped: what it did until then is unknown"),
        })
    }
}

/// A map is whole between two calls, whoever panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
