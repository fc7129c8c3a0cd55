//! What is told of actions.

use bailiwick_core::{
    action::{ActionId, Outcome, Progress},
    time::Timestamp,
};
use bailiwick_store::{ActionRecord, Beside, Outgoing, StoreError, What};
use bailiwick_transport::actions::{OutcomeMessage, ProgressMessage};
use tokio::sync::{mpsc, watch};

use crate::run::{Destination, Host};

/// Puts an outcome into the outbox, and how the action ended into its record, in one commit.
///
/// # Errors
/// Neither was kept.
pub(super) async fn ended(
    host: &Host,
    action: ActionId,
    outcome: Outcome,
    at: Timestamp,
    record: Option<ActionRecord>,
) -> Result<(), StoreError> {
    let message = OutcomeMessage {
        device: host.device,
        action,
        at,
        outcome,
    };
    let outgoing = Outgoing {
        what: What::Outcome { action },
        key: message.key(),
        at,
        // A message of text, numbers and ids always has a JSON form.
        body: serde_json::to_vec(&message).unwrap_or_default(),
        beside: record.map(Beside::Action),
    };
    host.put(outgoing).await.map(drop)
}

/// How an action ended, for the log. What the handler answered is its own business.
pub(super) fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done { .. } => "done".to_owned(),
        Outcome::Failed { reason } => format!("failed: {reason}"),
        Outcome::Refused { reason } => format!("refused: {reason}"),
        Outcome::TimedOut => "its time was over".to_owned(),
        Outcome::Cancelled => "called off".to_owned(),
        Outcome::Interrupted => {
            "the agent was cut off meanwhile: what it did is unknown".to_owned()
        }
    }
}

/// Passes on what a handler tells, while a broker is there: it is worth nothing later.
pub(super) async fn forward(
    host: &Host,
    action: ActionId,
    mut words: mpsc::Receiver<Progress>,
    destinations: watch::Receiver<Option<Destination>>,
) {
    while let Some(progress) = words.recv().await {
        let at = host.clock.now();
        let body = serde_json::to_vec(&ProgressMessage { at, progress });
        if let (Some(Destination::Mqtt(device)), Ok(body)) = (&*destinations.borrow(), body) {
            device.progress(action, body);
        }
    }
}
