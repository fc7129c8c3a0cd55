//! A process that is held: its descriptor is of it alone, whoever has its id later.

use std::{os::fd::OwnedFd, time::Duration};

use bailiwick_core::ports::ControlError;
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use tokio::io::{Interest, unix::AsyncFd};

/// A process, alive or not, until it is dropped.
#[derive(Debug)]
pub(super) struct Held(AsyncFd<OwnedFd>);

impl Held {
    /// The process that has this id now.
    pub(super) fn open(pid: u32) -> Result<Self, ControlError> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(ControlError::NotThere)?;
        // What is the id of a thread alone is no process (EINVAL, and ENOENT from Linux 6.15 on).
        let opened = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| match error {
            Errno::SRCH | Errno::INVAL | Errno::NOENT => ControlError::NotThere,
            Errno::NOSYS => {
                ControlError::Unavailable("the kernel is older than Linux 5.3".to_owned())
            }
            error => ControlError::Unavailable(error.to_string()),
        })?;
        pollable(opened)
            .map(Self)
            .map_err(|error| ControlError::Unavailable(error.to_string()))
    }

    /// Sends `signal`; whether it was still there to get it.
    pub(super) fn signal(&self, signal: Signal) -> Result<bool, ControlError> {
        match pidfd_send_signal(self.0.get_ref(), signal) {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(error) => Err(ControlError::Unavailable(error.to_string())),
        }
    }

    /// Another descriptor of it, to hand over.
    pub(super) fn descriptor(&self) -> Result<OwnedFd, ControlError> {
        let own = self.0.get_ref().try_clone();
        own.map_err(|error| ControlError::Unavailable(error.to_string()))
    }

    /// Waits until it has ended, at most for `span`; whether it has.
    pub(super) async fn ends_within(&self, span: Duration) -> bool {
        let ended = self.0.readable();
        matches!(tokio::time::timeout(span, ended).await, Ok(Ok(_)))
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for the sake of types that may lie about their descriptor, \
              and `OwnedFd` does not"
)]
fn pollable(process: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(process, Interest::READABLE)
}
