//! What the crates need from the outside world, as plain traits: sandbox's bridges take
//! them, device and transport implement them, the agent wires.
//!
//! Futures are boxed so that a port can be a `dyn` trait, and no runtime is named.

mod clock;
mod compile;
mod decisions;
mod exec;
mod fetch;
mod files;
mod http;
mod log;
mod message;
mod network;
mod power;
mod process_control;
mod processes;
mod pseudonyms;
mod sessions;
mod state;
mod system;
mod wake;
mod watch;

use std::{future::Future, pin::Pin};

pub use clock::Clock;
pub use compile::{Compile, CompileError};
pub use decisions::{Decisions, NotWrittenDown};
pub use exec::{Exec, ExecEnded, ExecError, ExecOrder, ExecRan, Expectation, NoExec};
pub use fetch::{Fetch, FetchError};
pub use files::{Entry, FileKind, FileMetadata, Files, FilesError, Place};
pub use http::{Http, HttpAnswer, HttpError, HttpOrder, NoHttp};
pub use log::{Log, LogLevel, NoLog};
pub use message::{Delivered, Message, MessageError, MessageOrder, NoMessage};
pub use network::{Link, Links, Prefix, Route};
pub use power::{NoPower, Power, PowerError, PowerOrder};
pub use process_control::{
    ControlAnswer, ControlError, ControlOrder, Controlled, NoProcessControl, ProcessControl,
};
pub use processes::Processes;
pub use pseudonyms::{Pseudonyms, Unkeyed};
pub use sessions::{NoSessions, OpenSessions, Sessions};
pub use state::{NoState, State, StateEntries, StateError};
pub use system::{FileSystem, System, SystemDescription};
pub use wake::{NoWake, Wake, WakeCarrier, WakeError};
pub use watch::{Changes, NoWatch, Watch};

/// What every asynchronous port returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The operating system did not answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what} can't be had from the operating system: {reason}")]
pub struct UnavailableError {
    /// What was asked for.
    pub what: &'static str,
    /// What it said.
    pub reason: String,
}
