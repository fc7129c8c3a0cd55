//! Signals that the privileged process sends, for those to other users' processes take a right
//! that the agent gave up: both ends of that.

use std::os::{
    fd::{AsRawFd as _, BorrowedFd, OwnedFd},
    unix::net::UnixStream,
};

use bailiwick_core::{
    digest::Sha256,
    policy::{Control, ControlVerb, Found},
    ports::{Clock as _, ControlError},
};
use rustix::{
    io::Errno,
    process::{Signal, pidfd_send_signal},
};

use super::{
    linux::{DELETED, is_root},
    untouchable,
};
use crate::{
    SystemClock,
    privileged::{Privileged, Request, SignedPolicies, tell},
};

/// A signal, as it is asked for. The descriptor of the process comes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// Digest of the policy that grants it.
    pub(crate) policy: Sha256,
    pub(crate) verb: ControlVerb,
    /// Whose the process is, as whoever asks found it. That it is root's is seen here.
    pub(crate) found: Found,
    pub(crate) signal: Signal,
}

/// Words with which an answer begins: it was there; it was not; not sent, and why.
const SENT: u8 = b'+';
const GONE: u8 = b'-';
const NOT: u8 = b'n';

/// Has `privileged` send a signal; whether the process was still there to get it.
pub(super) fn ask(
    privileged: &Privileged,
    order: Order,
    process: BorrowedFd<'_>,
) -> Result<bool, ControlError> {
    let answer = privileged.ask(&Request::Signal(order), Some(process));
    let answer = answer.map_err(|error| ControlError::Unavailable(error.to_string()))?;
    match answer.split_first() {
        Some((&SENT, _)) => Ok(true),
        Some((&GONE, _)) => Ok(false),
        _ => {
            let reason = String::from_utf8_lossy(answer.get(1..).unwrap_or_default());
            Err(ControlError::Unavailable(reason.into_owned()))
        }
    }
}

/// Sends a signal if a signed policy grants it, and says what came of that.
pub(crate) fn answer(
    order: Order,
    process: Option<OwnedFd>,
    signed: &mut dyn SignedPolicies,
    clock: &SystemClock,
    to: UnixStream,
) {
    let Some(process) = process else { return };
    let sent = match id(&process) {
        None => Err("it is no process that is held".to_owned()),
        Some(id) => signalled(order, id, &process, signed, clock),
    };
    let answer = match sent {
        Ok(true) => vec![SENT],
        Ok(false) => vec![GONE],
        Err(reason) => [&[NOT][..], reason.as_bytes()].concat(),
    };
    tell(to, &answer);
}

fn signalled(
    order: Order,
    id: i32,
    process: &OwnedFd,
    signed: &mut dyn SignedPolicies,
    clock: &SystemClock,
) -> Result<bool, String> {
    let Ok(pid) = u32::try_from(id) else {
        return Ok(false);
    };
    judged(order, pid, signed, clock)?;
    match pidfd_send_signal(process, order.signal) {
        Ok(()) => Ok(true),
        Err(Errno::SRCH) => Ok(false),
        Err(error) => Err(error.to_string()),
    }
}

fn judged(
    order: Order,
    pid: u32,
    signed: &mut dyn SignedPolicies,
    clock: &SystemClock,
) -> Result<(), String> {
    let link = rustix::fs::readlink(format!("/proc/{pid}/exe"), Vec::new());
    let link = link.map(|link| link.to_string_lossy().into_owned());
    let link = link.unwrap_or_default();
    let control = Control {
        verb: order.verb,
        executable: link.strip_suffix(DELETED).unwrap_or(&link).to_owned(),
        found: if is_root(pid) {
            Found::OfRoot
        } else {
            order.found
        },
    };
    let grants = signed.handlers_policy(&order.policy)?.process_control();
    let allowed = grants.allows(&control, clock.now());
    allowed.map_err(|denial| format!("it is not granted: {denial}"))?;
    if let Some(reason) = untouchable::reason(pid, &control.executable) {
        return Err(format!("it is {reason}, which nothing may touch"));
    }
    let fits = match order.verb {
        ControlVerb::Suspend => order.signal == Signal::STOP,
        ControlVerb::Resume => order.signal == Signal::CONT,
        ControlVerb::End => [Signal::TERM, Signal::CONT, Signal::KILL].contains(&order.signal),
    };
    if fits {
        Ok(())
    } else {
        Err("no such signal is needed for that".to_owned())
    }
}

/// The id of the process that a descriptor is of (`Pid` of proc_pid_fdinfo(5)), -1 if that is gone;
/// none if it is of no process.
fn id(process: &OwnedFd) -> Option<i32> {
    let path = format!("/proc/self/fdinfo/{}", process.as_raw_fd());
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    line.trim().parse().ok()
}
