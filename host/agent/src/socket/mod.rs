//! How the commands talk to the running agent: a socket in the data folder that only the
//! agent's own user and root may use, one JSON request on a line, one JSON answer on a line.
//! On Windows it is a named pipe, which the agent's own user and administrators may use.

mod client;
mod conversation;
mod line;
mod message;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::path::PathBuf;

pub(crate) use client::ask;
pub(crate) use conversation::{Handler, Peer};
pub(crate) use message::{
    PluginLine, PluginState, Request, Response, SessionLine, SessionsReport, SettingLine,
    StatusReport, UpdateReport,
};
#[cfg(unix)]
use unix as platform;
#[cfg(windows)]
use windows as platform;

pub(crate) use platform::ControlSocket;

/// Name of the socket in the data folder.
pub(crate) const FILE: &str = "agent.sock";

/// Why the agent could not be asked, or could not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SocketError {
    /// Nothing listens.
    #[error("no agent answers at {}: start it with `bailiwick run`, or name its data folder with --data", .0.display())]
    NotRunning(PathBuf),
    /// Something listens already.
    #[error("an agent already listens at {}: stop it, or use another data folder", .0.display())]
    AlreadyRunning(PathBuf),
    /// The operating system did not let this user in.
    #[error("the agent at {} runs as another user: ask as that user or as root", .0.display())]
    NotAllowed(PathBuf),
    /// Something else than a socket has its name.
    #[cfg(unix)]
    #[error("{} is no socket: move it away, the agent listens there", .0.display())]
    InTheWay(PathBuf),
    /// The agent did not answer in time.
    #[error("the agent did not answer within {0:?}: look at its log")]
    TimedOut(std::time::Duration),
    /// More was sent than is allowed.
    #[error("a message on the control socket is longer than {0} bytes")]
    TooLong(usize),
    /// The other side does not speak this protocol.
    #[error(
        "the other side of the control socket is not understood: {0}; do both have the same version?"
    )]
    NotUnderstood(String),
    /// The operating system failed.
    #[error("could not {doing} {}: {reason}", path.display())]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// The socket.
        path: PathBuf,
        /// What the operating system said.
        reason: String,
    },
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
