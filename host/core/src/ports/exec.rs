//! Programs that plugins run.

use std::time::Duration;

use super::BoxFuture;
use crate::{digest::Sha256, policy};

/// A program to run, once its policy allows it: everything of it is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOrder {
    /// The grant.
    pub program: policy::Program,
    /// Without the program's name.
    pub arguments: Vec<String>,
    /// All that is in its environment.
    pub environment: Vec<(String, String)>,
    /// Its standard input, at most [`policy::LONGEST_INPUT`].
    pub input: Vec<u8>,
    /// How long it may take.
    pub time_limit: Duration,
    /// Id of the user of the session that was named, where the grant says
    /// [`policy::RunAs::Session`].
    pub session_user: Option<u32>,
    /// Digest of the policy file that has the grant, as it was signed: whoever starts the program
    /// may look for itself. None where nothing is signed, as in trials.
    pub policy: Option<Sha256>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecEnded {
    /// By itself, with this status.
    Exited(u8),
    /// By this signal.
    Signal(u8),
    /// By us, because its time was over.
    TimedOut,
}

/// What a program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecRan {
    /// How it ended.
    pub ended: ExecEnded,
    /// The beginning of what it wrote, and whether there was more.
    pub output: (Vec<u8>, bool),
    /// The same of its standard error.
    pub errors: (Vec<u8>, bool),
    /// From its start until all that it had started had ended.
    pub elapsed: Duration,
    /// Processor time, in steps of 10 ms.
    pub cpu: Duration,
}

/// Why a program was not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExecError {
    /// It is missing, is not what was granted, or others can change it.
    #[error("it was not started: {0}")]
    NotStarted(String),
    /// This host can't run programs.
    #[error("programs can't be run here: {0}")]
    Unavailable(String),
}

/// Programs of the device. Whoever drops the future ends the program and all that it
/// started.
pub trait Exec: Send + Sync {
    /// Runs it to its end.
    fn run(&self, order: ExecOrder) -> BoxFuture<'_, Result<ExecRan, ExecError>>;

    /// Somebody may ask for a run at any time and would have to wait for it. As long as the
    /// answer is kept, what can be made ready for one run is.
    fn expect_runs(&self) -> Expectation {
        Box::new(())
    }
}

/// Kept by whoever expects something, and dropped when that is over.
pub type Expectation = Box<dyn Send + Sync>;

/// Runs nothing: for trials of plugins, which must leave nothing behind.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoExec;

impl Exec for NoExec {
    fn run(&self, _: ExecOrder) -> BoxFuture<'_, Result<ExecRan, ExecError>> {
        let reason = "no program is run here".to_owned();
        Box::pin(async { Err(ExecError::Unavailable(reason)) })
    }
}
