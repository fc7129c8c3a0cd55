//! A handler's call: the same limits as any, a sink for its words, and being called off.

use std::{pin::pin, time::Duration};

use bailiwick_core::{
    action::{ActionId, LONGEST_VALUE, Request},
    bytes::ByteCount,
};
use tokio::sync::watch;

use crate::{
    Instance,
    bindings::action_handler::exports::bailiwick::plugin::handle,
    bridge::progress::{ProgressSink, Words},
    error::CallError,
    exports::Exports,
    limits::Enforcer,
    text::one_line,
    trap::Trap,
};

/// How long a handler may go on once its action was called off.
const GRACE: Duration = Duration::from_secs(1);

/// Longest schema of arguments.
const LONGEST_SCHEMA: ByteCount = ByteCount::kib(16);

/// Longest text of a failure, in bytes.
const REASON: usize = 1024;

/// What a handler says when it did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The arguments are not what it takes.
    #[error("the arguments are not what the handler takes: {0}")]
    Arguments(String),
    /// A grant that the action needs is missing.
    #[error("a grant is missing: {0}")]
    Denied(String),
    /// It was tried and did not work.
    #[error("{0}")]
    Failed(String),
}

/// The action at work, as the bridges see it.
pub(crate) struct Action {
    pub(crate) id: ActionId,
    pub(crate) words: Words,
    cancel: watch::Receiver<bool>,
}

impl Action {
    /// Waits until the action is called off.
    pub(crate) fn cancelled(&self) -> impl Future<Output = ()> + Send + use<> {
        cancelled(self.cancel.clone())
    }
}

/// Ends when `cancel` says so; never, once nobody can say so any more.
async fn cancelled(mut cancel: watch::Receiver<bool>) {
    if cancel.wait_for(|cancelled| *cancelled).await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl Instance {
    /// What the arguments of an action may be, as a JSON Schema.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn arguments_schema(&mut self) -> Result<String, CallError> {
        let schema = self
            .call(LONGEST_SCHEMA.get(), async |exports, store| match exports {
                Exports::ActionHandler(exports) => {
                    let handle = exports.bailiwick_plugin_handle();
                    handle.call_arguments_schema(store).await.map(Some)
                }
                Exports::Collector(_) => Ok(None),
            })
            .await?
            .ok_or(CallError::OtherWorld(self.world()))?;
        self.bound(schema, LONGEST_SCHEMA, Enforcer::Output, Trap::Output)
    }

    /// Has an action done. When `cancel` becomes true, capabilities that wait return at
    /// once, and a handler that does not return within a second of it is stopped with
    /// [`Trap::Cancelled`].
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn handle(
        &mut self,
        request: &Request,
        sink: ProgressSink,
        cancel: watch::Receiver<bool>,
    ) -> Result<Result<String, Failure>, CallError> {
        let asked = handle::Request {
            id: request.id.to_string(),
            arguments: request.arguments.clone(),
            expires: request.expires.as_ms(),
        };
        self.set_action(Some(Action {
            id: request.id,
            words: Words::new(sink),
            cancel: cancel.clone(),
        }));
        let most = self.most_passed();
        let enforced = self.enforced();
        let ended = {
            let call = pin!(self.call(most, async |exports, store| match exports {
                Exports::ActionHandler(exports) => {
                    let handle = exports.bailiwick_plugin_handle();
                    handle.call_handle(store, &asked).await.map(Some)
                }
                Exports::Collector(_) => Ok(None),
            }));
            let called_off = async {
                if !enforced.is_on(Enforcer::CallingOff) {
                    std::future::pending::<()>().await;
                }
                cancelled(cancel).await;
                tokio::time::sleep(GRACE).await;
            };
            tokio::select! {
                biased;
                ended = call => Some(ended),
                () = called_off => None,
            }
        };
        self.set_action(None);
        let answer = match ended {
            Some(ended) => ended?.ok_or(CallError::OtherWorld(self.world()))?,
            None => return Err(self.stop(Trap::Cancelled)),
        };
        match answer {
            Ok(result) => {
                let most = self.limits().output.min(LONGEST_VALUE);
                self.bound(result, most, Enforcer::Output, Trap::Output)
                    .map(Ok)
            }
            Err(failure) => Ok(Err(match failure {
                handle::Failure::Arguments(text) => Failure::Arguments(one_line(&text, REASON)),
                handle::Failure::Denied(text) => Failure::Denied(one_line(&text, REASON)),
                handle::Failure::Failed(text) => Failure::Failed(one_line(&text, REASON)),
            })),
        }
    }
}
