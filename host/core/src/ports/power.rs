//! What plugins do to the whole device.

use std::time::Duration;

use super::BoxFuture;
use crate::{digest::Sha256, policy};

/// What is to be done to the whole device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerOrder {
    /// What.
    pub verb: policy::PowerVerb,
    /// Under this.
    pub allowed: policy::PowerAllowed,
    /// Digest of the policy file that says so, as it was signed; none where nothing is.
    pub policy: Option<Sha256>,
}

/// Why nothing is done to the device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PowerError {
    /// One that ends what runs was accepted.
    #[error("one is under way")]
    UnderWay,
    /// Not for so long.
    #[error("it is too soon, by {} ms", .0.as_millis())]
    TooSoon(Duration),
    /// A program holds a lock against it.
    #[error("it is held up: {0}")]
    Inhibited(String),
    /// Nothing on this host does it, or what does it refused.
    #[error("it can't be done here: {0}")]
    Unavailable(String),
}

/// Locks, suspends, restarts and switches off the device.
pub trait Power: Send + Sync {
    /// Whether it could be done now: users are warned of nothing that can't be.
    fn ready(&self, order: PowerOrder) -> BoxFuture<'_, Result<(), PowerError>>;
    /// Looks again, and has it done: returns once it is accepted.
    fn go(&self, order: PowerOrder) -> BoxFuture<'_, Result<(), PowerError>>;
}

/// Leaves the device as it is: for trials of plugins.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPower;

impl Power for NoPower {
    fn ready(&self, _: PowerOrder) -> BoxFuture<'_, Result<(), PowerError>> {
        let reason = "the device is left as it is".to_owned();
        Box::pin(async { Err(PowerError::Unavailable(reason)) })
    }

    fn go(&self, order: PowerOrder) -> BoxFuture<'_, Result<(), PowerError>> {
        self.ready(order)
    }
}
