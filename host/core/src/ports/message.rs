//! Users whom plugins tell something.

use std::time::Duration;

use super::BoxFuture;
use crate::{ids::PluginName, notice::Notice, session::Session};

/// What a user is to be told.
#[derive(Clone, Debug)]
pub struct MessageOrder {
    /// By which plugin.
    pub plugin: PluginName,
    /// To whom.
    pub session: Session,
    /// Who says it: stands above the text.
    pub from: String,
    /// What.
    pub notice: Notice,
    /// Most of the plugin in a minute. None: it is not one of the plugin's own and not counted.
    pub per_minute: Option<u16>,
}

/// How a user was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// By the notification service of the user's desktop.
    Notification,
    /// On the session's terminal.
    Terminal,
}

/// Why a user was not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Too many in a minute.
    #[error("the rate is used up for {} ms", .0.as_millis())]
    TooOften(Duration),
    /// Nothing in the session shows messages.
    #[error("{0}")]
    Nobody(String),
    /// This host can't do it.
    #[error("messages can't be shown here: {0}")]
    Unavailable(String),
}

/// Tells users something.
pub trait Message: Send + Sync {
    /// Shows it, or says why not.
    fn show(&self, order: MessageOrder) -> BoxFuture<'_, Result<Delivered, MessageError>>;
}

/// Tells nobody anything: for trials of plugins.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMessage;

impl Message for NoMessage {
    fn show(&self, _: MessageOrder) -> BoxFuture<'_, Result<Delivered, MessageError>> {
        let reason = "nobody is told anything here".to_owned();
        Box::pin(async { Err(MessageError::Unavailable(reason)) })
    }
}
