//! The kernel's notices of processes that come and go (its process connector, since Linux
//! 2.6.15).
//!
//! They tell when to look, so that on a machine where nothing happens nobody is woken.
//! What happened is looked for as ever: a notice says that a process was made, and not that
//! somebody logged in. On a machine where much happens most notices are dropped, since few
//! fit into the socket, and that is as good.

use std::{os::fd::OwnedFd, time::Duration};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind,
        netlink::{CONNECTOR, SocketAddrNetlink},
        recv, send, socket_with, sockopt,
    },
};
use tokio::{io::unix::AsyncFd, time::timeout};

use super::readable::readable;
use crate::Privileged;

/// Number of the process connector, and of its multicast group (`CN_IDX_PROC` and
/// `CN_VAL_PROC` of linux/connector.h).
const PROCESSES: u32 = 1;
/// `PROC_CN_MCAST_LISTEN` of linux/cn_proc.h.
const LISTEN: u32 = 1;
/// `PROC_EVENT_NONE` of linux/cn_proc.h: the answer to an order.
const ANSWER: u32 = 0;
/// `NLMSG_DONE` of linux/netlink.h.
const DONE: u16 = 3;
/// Lengths of `nlmsghdr` and `cn_msg`.
const HEADERS: (usize, usize) = (16, 20);
/// Bytes that wait in the socket: the kernel makes it the least that it allows.
const WAITING: usize = 2_048;
/// Longest notice, in bytes. They have 76.
const LONGEST: usize = 256;
/// Notices that are read at once. More than fit into the socket.
const MOST_READ: usize = 32;
/// For the kernel's answer, which it gives while the order is sent. It gives none where it
/// does not listen: to an agent in a container, say.
const PATIENCE: Duration = Duration::from_millis(100);

/// The socket on which the kernel tells.
#[derive(Debug)]
pub(super) struct Notices(AsyncFd<OwnedFd>);

impl Notices {
    /// None where the kernel does not tell: without `CAP_NET_ADMIN` or `CONFIG_PROC_EVENTS`,
    /// and in a namespace of processes, users or networks of one's own.
    ///
    /// `privileged` opens the socket, where there is one.
    pub(super) async fn open(privileged: Option<&Privileged>) -> Option<Self> {
        let socket = match privileged {
            Some(privileged) => privileged.notices(),
            None => listen().ok(),
        };
        let notices = Self(readable(socket?).ok()?);
        let answered = timeout(PATIENCE, notices.answer()).await;
        answered.is_ok_and(|listens| listens).then_some(notices)
    }

    /// Whether the kernel listens.
    async fn answer(&self) -> bool {
        loop {
            let Ok(mut ready) = self.0.readable().await else {
                return false;
            };
            match receive(&self.0) {
                Ok(Notice::Answer { error }) => return error == 0,
                // Of the answer to another program, or of a process: the order was heard.
                Ok(Notice::Process) => return true,
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(_) => return false,
            }
        }
    }

    /// Waits until a process came or went since the last time. May be dropped at any time.
    ///
    /// # Errors
    /// If the socket is of no more use.
    pub(super) async fn next(&self) -> Result<(), Errno> {
        let mut any = false;
        for _ in 0..MOST_READ {
            match receive(&self.0) {
                // More came than fitted.
                Ok(_) | Err(Errno::NOBUFS) => any = true,
                Err(Errno::AGAIN) if any => return Ok(()),
                Err(Errno::AGAIN) => {
                    let ready = self.0.readable().await;
                    ready.map_err(|_| Errno::IO)?.clear_ready();
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits as [`Self::next`] does, at most for `time`.
    ///
    /// # Errors
    /// As of [`Self::next`].
    pub(super) async fn within(&self, time: Duration) -> Result<(), Errno> {
        timeout(time, self.next()).await.unwrap_or(Ok(()))
    }
}

enum Notice {
    Process,
    Answer { error: u32 },
}

/// Opens the socket and has the kernel tell on it.
///
/// # Errors
/// It may not, or the kernel has no process connector.
pub(crate) fn listen() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let kind = (AddressFamily::NETLINK, SocketType::DGRAM);
    let socket = socket_with(kind.0, kind.1, flags, Some(CONNECTOR))?;
    sockopt::set_socket_recv_buffer_size(&socket, WAITING)?;
    bind(&socket, &SocketAddrNetlink::new(0, PROCESSES))?;
    send(&socket, &order(), SendFlags::empty())?;
    Ok(socket)
}

/// The order to listen, as `nlmsghdr`, `cn_msg` and its payload.
fn order() -> Vec<u8> {
    let payload = LISTEN.to_ne_bytes();
    let (netlink, connector) = HEADERS;
    let length = netlink + connector + payload.len();
    let mut order = Vec::with_capacity(length);
    order.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
    order.extend_from_slice(&DONE.to_ne_bytes());
    // Flags; then sequence and sender, which the kernel fills in.
    order.extend_from_slice(&[0; 10]);
    for number in [PROCESSES, PROCESSES, 0, 0] {
        order.extend_from_slice(&number.to_ne_bytes());
    }
    let payload_length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    order.extend_from_slice(&payload_length.to_ne_bytes());
    order.extend_from_slice(&0_u16.to_ne_bytes());
    order.extend_from_slice(&payload);
    order
}

fn receive(socket: &AsyncFd<OwnedFd>) -> Result<Notice, Errno> {
    let mut bytes = [0; LONGEST];
    let (length, _) = recv(socket, bytes.as_mut_slice(), RecvFlags::empty())?;
    Ok(parse(bytes.get(..length).unwrap_or_default()))
}

/// `proc_event` of linux/cn_proc.h begins with what it tells of, a processor and a time; an
/// answer's own part is an error number.
fn parse(message: &[u8]) -> Notice {
    let event = HEADERS.0 + HEADERS.1;
    let number = |at: usize| {
        let bytes = message.get(at..)?.first_chunk()?;
        Some(u32::from_ne_bytes(*bytes))
    };
    match (number(event), number(event + 16)) {
        (Some(ANSWER), Some(error)) => Notice::Answer { error },
        _ => Notice::Process,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Duration = Duration::from_secs(3_600);

    #[test]
    fn an_answer_is_told_from_a_process() {
        let message = |what: u32, error: u32| {
            let mut message = vec![0; HEADERS.0 + HEADERS.1];
            message.extend_from_slice(&what.to_ne_bytes());
            message.extend_from_slice(&[7; 12]);
            message.extend_from_slice(&error.to_ne_bytes());
            message
        };
        assert!(matches!(
            parse(&message(ANSWER, 1)),
            Notice::Answer { error: 1 }
        ));
        assert!(matches!(parse(&message(2, 1)), Notice::Process));
        for length in 0..HEADERS.0 + HEADERS.1 + 20 {
            let cut = &message(ANSWER, 1)[..length];
            assert!(matches!(parse(cut), Notice::Process), "{length}");
        }
    }

    #[tokio::test]
    async fn a_process_that_is_made_wakes_who_waits() {
        let Some(notices) = Notices::open(None).await else {
            return bailiwick_needs::no_process_notices("that an idle agent is woken by a login");
        };
        let made = tokio::spawn(tokio::process::Command::new("true").status());
        let woken = timeout(Duration::from_secs(10), notices.within(NEVER)).await;
        assert_eq!(woken, Ok(Ok(())));
        assert!(made.await.is_ok());
        // So many that the socket can't hold them: they are worth one.
        for _ in 0..50 {
            let _ = tokio::process::Command::new("true").status().await;
        }
        let woken = timeout(Duration::from_secs(10), notices.next()).await;
        assert_eq!(woken, Ok(Ok(())));
    }
}
