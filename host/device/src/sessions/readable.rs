//! A descriptor that tokio watches.

use std::{io, os::fd::OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Has it told when it can be read.
#[expect(
    deprecated,
    reason = "its successor is unsafe for the sake of types that may lie about their descriptor, \
              and `OwnedFd` does not"
)]
pub(super) fn readable(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(descriptor, Interest::READABLE)
}
