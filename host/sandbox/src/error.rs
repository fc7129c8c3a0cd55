//! Why an instance did not start and why a call failed.

use std::time::Duration;

use bailiwick_core::{ports::StateError, release::World};
use bailiwick_report::schema::SchemaError;

use crate::{trap::Trap, usage::Usage};

/// Why no instance was started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The component imports what its policy does not name. None of its code ran.
    #[error("plugin `{plugin}` imports `{interface}`, which its policy does not grant")]
    NotGranted {
        /// Which plugin.
        plugin: String,
        /// Full name of the interface.
        interface: String,
    },
    /// It is a component, but of no world of this contract.
    #[error("plugin `{plugin}` does not fit the contract: {reason}")]
    Contract {
        /// Which plugin.
        plugin: String,
        /// What is missing or of another type.
        reason: String,
    },
    /// The plugin's CPU budget of this window is used up. None of its code ran.
    #[error("plugin `{plugin}` has used up its share of the processor; it can be started in {} ms", .wait.as_millis())]
    Wait {
        /// Which plugin.
        plugin: String,
        /// How long until the next window.
        wait: Duration,
    },
    /// It was stopped while it was made ready.
    #[error("plugin `{plugin}` was stopped while it started: {trap}")]
    Trapped {
        /// Which plugin.
        plugin: String,
        /// Why.
        trap: Trap,
        /// What that took all the same.
        usage: Box<Usage>,
    },
}

/// Why a call brought no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The instance was stopped, and is dead.
    #[error("the plugin was stopped: {0}")]
    Trapped(#[from] Trap),
    /// The instance was stopped in an earlier call, or that call's future was dropped.
    #[error("the plugin was stopped earlier; start a fresh instance")]
    Dead,
    /// The CPU budget of this window is used up. Nothing ran.
    #[error("the plugin has used up its share of the processor; it can be called again in {} ms", .0.as_millis())]
    Wait(Duration),
    /// It was asked what plugins of its world are not asked.
    #[error("the plugin is of the world `{}`, which has no such call", .0.name())]
    OtherWorld(World),
    /// The plugin says that there is nothing to be had this time.
    #[error("the plugin has nothing to report this time: {0}")]
    Unavailable(String),
    /// The plugin says which grant it can't do without.
    #[error("the plugin lacks a grant: {0}")]
    Denied(String),
    /// The plugin does not understand what the other version saved.
    #[error("the plugin does not take over the other version's state: {0}")]
    Incompatible(String),
    /// The plugin finds what the other version saved damaged.
    #[error("the plugin finds the other version's state damaged: {0}")]
    Corrupt(String),
    /// The plugin's schema breaks the contract.
    #[error("the plugin's schema breaks the contract: {0}")]
    Schema(#[from] SchemaError),
    /// The call was fine, and what it changed in its state could not be kept. None of the
    /// changes was.
    #[error(transparent)]
    State(#[from] StateError),
}

impl CallError {
    /// Why the instance was stopped, if that is the reason.
    pub fn trap(&self) -> Option<&Trap> {
        match self {
            Self::Trapped(trap) => Some(trap),
            _ => None,
        }
    }
}
