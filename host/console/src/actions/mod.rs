//! Actions as this console knows them: drafts, envelopes that operators signed elsewhere,
//! and what devices tell of them.
//!
//! Neither this console nor a broker is trusted with them. It keeps an envelope that it could
//! not have made, hands it to the devices that it names until each has told how it ended,
//! and no device believes it anything. The ledger is a database of its own: that an
//! operator's words are kept does not depend on how much devices send.

pub(crate) mod arguments;
mod draft;
mod ledger;
mod rows;
mod schema;

#[cfg(test)]
pub(crate) mod tests;

use std::{path::PathBuf, sync::Arc};

use bailiwick_core::{
    action::{ActionId, Envelope, Operators},
    ids::DeviceId,
    time::Timestamp,
};
use bailiwick_transport::actions::{OutcomeMessage, ProgressMessage, verifies};
use tokio::{sync::watch, task::spawn_blocking};

use crate::store::{Answer, PostError};
pub(crate) use draft::{Draft, fresh_id};
pub(crate) use ledger::{Ledger, Pending};
pub(crate) use rows::{Listed, Told};

/// The ledger can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error(
        "the database {path} can't be opened: {reason}; check the folder, its owner and the free space"
    )]
    Open { path: PathBuf, reason: String },
    #[error("there is no database at {0}: `bailiwick-console serve` makes it when it first starts")]
    Missing(PathBuf),
    #[error(
        "the database {path} has version {version}, which a later bailiwick-console wrote: use that one"
    )]
    Newer { path: PathBuf, version: i64 },
    #[error("the ledger of actions can't be read or written: {0}")]
    Failed(#[from] rusqlite::Error),
    #[error("{0}")]
    Refused(String),
}

impl From<LedgerError> for PostError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Refused(reason) => Self::Refused(reason),
            other => {
                eprintln!("bailiwick-console: {other}");
                Self::Unavailable("the console's ledger of actions can't be written".to_owned())
            }
        }
    }
}

/// The ledger for `serve`: asked away from the threads that serve connections, and rung when
/// there is something for a device.
#[derive(Clone)]
pub(crate) struct Actions {
    ledger: Arc<Ledger>,
    changed: watch::Sender<u64>,
}

impl Actions {
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self {
            ledger: Arc::new(ledger),
            changed: watch::channel(0).0,
        }
    }

    /// Changes when somebody handed an envelope in.
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Takes an envelope in, if one of `operators` signed it. That keeps junk out, and
    /// proves nothing: devices check for themselves.
    pub(crate) async fn take(
        &self,
        bytes: Vec<u8>,
        operators: Operators,
        now: Timestamp,
    ) -> Result<Answer, PostError> {
        let envelope = Envelope::parse(&bytes).map_err(|e| PostError::Refused(e.to_string()))?;
        if !envelope.verifies(verifies) {
            let reason = "the key that it names did not sign it: sign it anew";
            return Err(PostError::Refused(reason.to_owned()));
        }
        let key = envelope.document().key;
        if operators.of(&key).is_none() {
            return Err(PostError::Refused(format!(
                "no operator has the key {key}: whoever holds the key of policies adds it with \
                 `bailiwick-console repo operator add`"
            )));
        }
        self.ask(move |ledger| ledger.take(&envelope, now)).await?;
        self.changed.send_modify(|number| *number += 1);
        Ok(Answer::Stored)
    }

    /// What waits for a device, oldest first: of as many as fit a message.
    pub(crate) async fn pending(
        &self,
        device: DeviceId,
        now: Timestamp,
    ) -> Result<Vec<Pending>, PostError> {
        self.ask(move |ledger| ledger.pending(&device, now)).await
    }

    /// The devices that envelopes name and that have not told how each ended.
    pub(crate) async fn awaited(&self, now: Timestamp) -> Result<Vec<DeviceId>, PostError> {
        self.ask(move |ledger| ledger.awaited(now)).await
    }

    /// Keeps what became of an action.
    pub(crate) async fn outcome(
        &self,
        message: OutcomeMessage,
        received: Timestamp,
    ) -> Result<Answer, PostError> {
        self.ask(move |ledger| ledger.outcome(&message, received))
            .await
            .map(|()| Answer::Stored)
    }

    /// Keeps the last word of a handler.
    pub(crate) async fn progress(
        &self,
        device: DeviceId,
        action: ActionId,
        message: ProgressMessage,
    ) -> Result<(), PostError> {
        self.ask(move |ledger| ledger.progress(&device, &action, &message))
            .await
    }

    /// Asks the ledger.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, PostError> {
        let ledger = Arc::clone(&self.ledger);
        let asked = spawn_blocking(move || question(&ledger)).await;
        let stopping = || PostError::Unavailable("the console is shutting down".to_owned());
        Ok(asked.map_err(|_| stopping())??)
    }
}
