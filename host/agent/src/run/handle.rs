//! What an actor is asked on behalf of an operator.

use std::time::Duration;

use bailiwick_core::{
    action::{Outcome, Progress, Request},
    time::Timestamp,
};
use tokio::sync::{mpsc, oneshot, watch};

/// One action for the plugin that handles it. Whoever asked has checked everything that the
/// device demands, and written down that it was begun.
pub(crate) struct HandleOrder {
    pub(crate) request: Request,
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

#[cfg(test)]
mod tests {
    use bailiwick_core::action::ActionId;

    use super::*;

    #[tokio::test]
    async fn a_collector_says_that_it_handles_no_actions() {
        let (reply, answer) = oneshot::channel();
        let order = HandleOrder {
            request: Request {
                id: ActionId::from_bytes([1; 16]),
                handler: "inventory".parse().unwrap(),
                arguments: "{}".to_owned(),
                expires: Timestamp::from_ms(1),
            },
            progress: mpsc::channel(1).0,
            cancel: watch::channel(false).1,
            reply,
        };
        order.refuse();
        let reason = "this plugin handles no actions".to_owned();
        assert_eq!(answer.await, Ok(Outcome::Failed { reason }));
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
