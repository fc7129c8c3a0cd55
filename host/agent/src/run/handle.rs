//! What an actor is asked on behalf of an operator.

use std::time::Duration;

use bailiwick_core::{
    action::{Envelope, Outcome, Progress, Request},
    release::World,
    time::Timestamp,
};
use bailiwick_sandbox::{CallError, Failure as Refused, Trap};
use tokio::{
    pin, select,
    sync::{mpsc, oneshot, watch},
};

use super::{
    actor::{Actor, Failure, Order},
    host::Host,
    launch::LaunchError,
    live::Live,
};

/// Orders that wait for an action to end. What comes beyond waits in the channel.
const MOST_WAITING: usize = 64;

/// One action for the plugin that handles it. Whoever asked has checked everything that the
/// device demands, and written down that it was begun.
pub(crate) struct HandleOrder {
    pub(crate) request: Request,
    /// What was signed, for who asks that of an action before it does anything.
    pub(crate) envelope: Envelope,
    /// What the handler tells meanwhile. Bounded: what finds no room is dropped.
    pub(crate) progress: mpsc::Sender<Progress>,
    /// True once the action was called off. A sender that is gone calls nothing off.
    pub(crate) cancel: watch::Receiver<bool>,
    /// How it ended: sent exactly once.
    pub(crate) reply: oneshot::Sender<Outcome>,
}

/// A faster rate for a while.
pub(crate) struct RateOrder {
    /// From one sample to the next.
    pub(crate) every: Duration,
    /// Afterwards the policy's own rate counts again.
    pub(crate) until: Timestamp,
    /// Whether it is so.
    pub(crate) reply: oneshot::Sender<Outcome>,
}

impl HandleOrder {
    /// The answer of a plugin that is no handler.
    pub(crate) fn refuse(self) {
        let reason = "this plugin handles no actions".to_owned();
        // Whoever asked may be gone.
        drop(self.reply.send(Outcome::Failed { reason }));
    }
}

impl RateOrder {
    /// The answer of a plugin that is sampled at its policy's rate alone.
    pub(crate) fn refuse(self) {
        let reason = "this plugin takes no other rate than its policy's".to_owned();
        drop(self.reply.send(Outcome::Failed { reason }));
    }
}

/// What an action came to in the plugin: its answer, or why there is none.
type Answer = Result<Result<String, Refused>, LaunchError>;

impl Actor {
    /// Has an action done. Who asks meanwhile how the plugin is gets an answer; other
    /// orders wait until it has ended.
    pub(super) async fn handle(&mut self, order: HandleOrder, orders: &mut mpsc::Receiver<Order>) {
        if self.live.launch.release.world != World::ActionHandler {
            return order.refuse();
        }
        let outcome = match self.obstacle(&order) {
            Some(outcome) => outcome,
            None => self.work(&order, orders).await,
        };
        // Whoever asked may be gone.
        drop(order.reply.send(outcome));
    }

    /// What keeps an action from beginning that had to wait here.
    fn obstacle(&self, order: &HandleOrder) -> Option<Outcome> {
        if *order.cancel.borrow() {
            return Some(Outcome::Cancelled);
        }
        if self.host.pause.now().is_some() {
            let reason = "the device's owner paused the agent: send it again later".to_owned();
            return Some(Outcome::Refused { reason });
        }
        if order.request.expires < self.host.clock.now() {
            let reason = "it expired while another action was at work: send it again".to_owned();
            return Some(Outcome::Refused { reason });
        }
        let until = self.supervision.wake_at()?;
        self.supervision.is_suspended().then(|| {
            let wait = until.since(self.host.clock.monotonic());
            let reason = format!(
                "the plugin failed too often and is suspended: send it again in {} s",
                wait.as_secs() + 1
            );
            Outcome::Failed { reason }
        })
    }

    async fn work(&mut self, order: &HandleOrder, orders: &mut mpsc::Receiver<Order>) -> Outcome {
        let description = self.describe();
        let answer = {
            let work = attempt(&mut self.live, &self.host, order);
            pin!(work);
            let mut open = true;
            loop {
                let room = open && self.waiting.len() < MOST_WAITING;
                select! {
                    biased;
                    answer = &mut work => break answer,
                    next = orders.recv(), if room => match next {
                        Some(Order::Describe(reply)) => drop(reply.send(description.clone())),
                        Some(next) => self.waiting.push_back(next),
                        None => open = false,
                    },
                }
            }
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(reason) => return Outcome::Refused { reason },
        };
        let cancelled = *order.cancel.borrow();
        let (outcome, judged) = outcome(answer, cancelled);
        self.judge(judged).await;
        outcome
    }
}

/// Begins once the plugin has its share of the processor, as long as the action may begin.
///
/// # Errors
/// Who asks for a signature of an action finds that it may not begin.
async fn attempt(live: &mut Live, host: &Host, order: &HandleOrder) -> Result<Answer, String> {
    let HandleOrder {
        request,
        envelope,
        progress,
        cancel,
        ..
    } = order;
    loop {
        let Err(error) = live.get_ready(host).await else {
            let _at_work = host.second_line.begin(envelope).await?;
            return Ok(live.handle(host, request, progress, cancel).await);
        };
        let wait = error.wait().filter(|wait| {
            // It may begin then.
            request.expires >= host.clock.now().after(*wait)
        });
        let Some(wait) = wait else {
            return Ok(Err(error));
        };
        let mut cancel = cancel.clone();
        let called_off = async {
            if cancel.wait_for(|cancelled| *cancelled).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        select! {
            () = tokio::time::sleep(wait) => {}
            () = called_off => return Ok(Err(error)),
        }
    }
}

/// What is told of an action, and what supervision hears of the call.
fn outcome(answer: Answer, cancelled: bool) -> (Outcome, Result<(), Failure>) {
    let failed = |reason| Outcome::Failed { reason };
    match answer {
        Ok(Ok(result)) if is_object(&result) => (Outcome::Done { result }, Ok(())),
        Ok(Ok(_)) => {
            let reason = "what the handler returned is no JSON object: it may have been done";
            let struck = Failure {
                reason: reason.to_owned(),
                struck: true,
            };
            (failed(reason.to_owned()), Err(struck))
        }
        Ok(Err(_)) if cancelled => (Outcome::Cancelled, Ok(())),
        Ok(Err(refused)) => (failed(refused.to_string()), Ok(())),
        Err(error) => {
            let trap = match &error {
                LaunchError::Call(CallError::Trapped(trap)) => Some(trap),
                _ => None,
            };
            let outcome = match trap {
                Some(Trap::Deadline) => Outcome::TimedOut,
                Some(Trap::Cancelled) => Outcome::Cancelled,
                _ if cancelled => Outcome::Cancelled,
                _ => failed(error.to_string()),
            };
            (outcome, Err(error.into()))
        }
    }
}

fn is_object(text: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use bailiwick_core::action::{ActionId, Audience, Document, OperatorKey, Order};

    use super::*;

    fn envelope(request: &Request) -> Envelope {
        let document = Document::new(
            request.id,
            Audience::Group("all".parse().unwrap()),
            request.handler.clone(),
            Order::Run {
                arguments: request.arguments.clone(),
            },
            (Timestamp::EPOCH, request.expires),
            OperatorKey::from_bytes([1; 32]),
        );
        Envelope::seal(document.unwrap(), |_| Some([1; 64])).unwrap()
    }

    #[tokio::test]
    async fn a_collector_says_that_it_handles_no_actions() {
        let (reply, answer) = oneshot::channel();
        let request = Request {
            id: ActionId::from_bytes([1; 16]),
            handler: "inventory".parse().unwrap(),
            arguments: "{}".to_owned(),
            expires: Timestamp::from_ms(1),
        };
        let order = HandleOrder {
            envelope: envelope(&request),
            request,
            progress: mpsc::channel(1).0,
            cancel: watch::channel(false).1,
            reply,
        };
        order.refuse();
        let reason = "this plugin handles no actions".to_owned();
        assert_eq!(answer.await, Ok(Outcome::Failed { reason }));
    }

    #[test]
    fn an_answer_and_a_trap_become_outcomes() {
        let trapped = |trap| Err(LaunchError::Call(CallError::Trapped(trap)));
        let struck = |answer, cancelled| {
            let (outcome, judged) = outcome(answer, cancelled);
            (outcome, judged.is_err_and(|failure| failure.struck))
        };
        let done = Outcome::Done {
            result: "{}".to_owned(),
        };
        // What was done was done, called off or not.
        assert_eq!(struck(Ok(Ok("{}".to_owned())), true), (done, false));
        let refused = || Ok(Err(Refused::Failed("no".to_owned())));
        let reason = "no".to_owned();
        assert_eq!(
            struck(refused(), false),
            (Outcome::Failed { reason }, false)
        );
        assert_eq!(struck(refused(), true), (Outcome::Cancelled, false));
        assert_eq!(
            struck(trapped(Trap::Deadline), false),
            (Outcome::TimedOut, true)
        );
        assert_eq!(
            struck(trapped(Trap::Cancelled), true),
            (Outcome::Cancelled, false)
        );
        for broken in [Ok(Ok("[]".to_owned())), trapped(Trap::Unreachable)] {
            let (outcome, struck) = struck(broken, false);
            assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
            assert!(struck);
        }
    }

    #[tokio::test]
    async fn and_that_it_keeps_its_rate() {
        let (reply, answer) = oneshot::channel();
        let order = RateOrder {
            every: Duration::from_secs(2),
            until: Timestamp::from_ms(1),
            reply,
        };
        order.refuse();
        assert!(matches!(answer.await, Ok(Outcome::Failed { .. })));
    }
}
