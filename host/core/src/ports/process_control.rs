//! Processes that plugins end, suspend and resume.

use std::{sync::Arc, time::Duration};

use super::BoxFuture;
use crate::{
    digest::Sha256,
    ids::PluginName,
    policy::{self, Denial},
    session::{Session, SessionId},
    time::Timestamp,
};

/// What is to be done to a process, and under which grants.
#[derive(Clone, Debug)]
pub struct ControlOrder {
    /// For whom.
    pub plugin: PluginName,
    /// What.
    pub verb: policy::ControlVerb,
    /// Its id.
    pub pid: u32,
    /// When it started, as [`super::Processes`] told it.
    pub started: Timestamp,
    /// The session that it must be of.
    pub session: Option<SessionId>,
    /// The sessions that are open.
    pub open: Arc<Vec<Session>>,
    /// How long it is left to end by itself.
    pub grace: Duration,
    /// What is granted and denied.
    pub grants: Arc<policy::ProcessControl>,
    /// Digest of the policy file that has them, as it was signed: whoever signals may look for
    /// itself. None where nothing is signed, as in trials.
    pub policy: Option<Sha256>,
    /// When the question was asked.
    pub now: Timestamp,
}

/// What became of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controlled {
    /// It got its signal.
    Signalled,
    /// It ended by itself.
    Ended,
    /// It was killed.
    Killed,
}

/// What was found under a process's id, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlAnswer {
    /// What was asked for, of what was found; none if nothing was.
    pub control: Option<policy::Control>,
    /// What became of it.
    pub result: Result<Controlled, ControlError>,
}

/// Why nothing was done to a process, or not all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// No grant covers it.
    #[error("it is not granted: {0}")]
    Denied(Denial),
    /// It is not there, or its id is another one's by now.
    #[error("there is no such process")]
    NotThere,
    /// It is one that nobody may touch.
    #[error("it is {0}, which nothing may touch")]
    Untouchable(&'static str),
    /// Too many in a minute.
    #[error("the rate is used up for {} ms", .0.as_millis())]
    TooOften(Duration),
    /// It was killed and is still there.
    #[error("it was killed, and is still there")]
    StillThere,
    /// The operating system refused.
    #[error("the operating system answered: {0}")]
    Unavailable(String),
}

/// Ends, suspends and resumes processes.
pub trait ProcessControl: Send + Sync {
    /// Does it, once [`policy::ProcessControl::allows`] allows what is found under the id. Whoever
    /// drops the future leaves alone what was not yet killed.
    fn control(&self, order: ControlOrder) -> BoxFuture<'_, ControlAnswer>;
}

/// Touches no process: for trials of plugins.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProcessControl;

impl ProcessControl for NoProcessControl {
    fn control(&self, _: ControlOrder) -> BoxFuture<'_, ControlAnswer> {
        let reason = "no process is touched here".to_owned();
        Box::pin(async {
            ControlAnswer {
                control: None,
                result: Err(ControlError::Unavailable(reason)),
            }
        })
    }
}
