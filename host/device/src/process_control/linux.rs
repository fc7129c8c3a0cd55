//! Held, looked at, judged, counted, signalled: in this order.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use bailiwick_core::{
    policy::{Control, ControlVerb, Found},
    ports::{ControlAnswer, ControlError, ControlOrder, Controlled},
    process::Process,
    session::{Owner, Owners},
};
use rustix::process::Signal;

use super::{DeviceProcessControl, held::Held, untouchable};
use crate::blocking;

/// Longest time for what was killed to be gone.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// What the kernel adds to the path of a file that was removed or replaced: an update of a
/// program does not hide those that still run.
const DELETED: &str = " (deleted)";

pub(super) async fn control(of: &DeviceProcessControl, order: ControlOrder) -> ControlAnswer {
    let mut control = None;
    let result = match judged(of, &order, &mut control).await {
        Ok(held) => act(&held, &order).await,
        Err(error) => Err(error),
    };
    ControlAnswer { control, result }
}

/// The process, once it is allowed. What is found goes to `control`.
async fn judged(
    of: &DeviceProcessControl,
    order: &ControlOrder,
    control: &mut Option<Control>,
) -> Result<Held, ControlError> {
    let held = Held::open(order.pid)?;
    // What is read from here on is of the process that is held: as long as it is there, nobody
    // else has its id, and once it is gone, no signal reaches anybody.
    let (processes, pid) = (Arc::clone(&of.processes), order.pid);
    let process = blocking::ask("the process", move || processes.look(pid)).await;
    let process = process
        .map_err(|error| ControlError::Unavailable(error.reason))?
        .filter(|process| process.started == order.started)
        .ok_or(ControlError::NotThere)?;
    let asked = control.insert(Control {
        verb: order.verb,
        executable: executable(&process),
        found: found(&process, order).ok_or(ControlError::NotThere)?,
    });
    let allowed = order.grants.allows(asked, order.now);
    let allowed = allowed.map_err(ControlError::Denied)?;
    if let Some(reason) = untouchable::reason(&process) {
        return Err(ControlError::Untouchable(reason));
    }
    let mut rates = of.rates.lock().unwrap_or_else(PoisonError::into_inner);
    rates
        .take(&order.plugin, allowed.per_minute, of.clock.monotonic())
        .map_err(ControlError::TooOften)?;
    Ok(held)
}

async fn act(held: &Held, order: &ControlOrder) -> Result<Controlled, ControlError> {
    let signalled = |there: bool| match there {
        true => Ok(Controlled::Signalled),
        false => Err(ControlError::NotThere),
    };
    match order.verb {
        ControlVerb::Suspend => signalled(held.signal(Signal::STOP)?),
        ControlVerb::Resume => signalled(held.signal(Signal::CONT)?),
        ControlVerb::End => end(held, order.grace).await,
    }
}

async fn end(held: &Held, grace: Duration) -> Result<Controlled, ControlError> {
    // One that is suspended hears of it once it goes on.
    if !held.signal(Signal::TERM)? || !held.signal(Signal::CONT)? {
        return Ok(Controlled::Ended);
    }
    if held.ends_within(grace).await || !held.signal(Signal::KILL)? {
        return Ok(Controlled::Ended);
    }
    match held.ends_within(AFTER_KILL).await {
        true => Ok(Controlled::Killed),
        false => Err(ControlError::StillThere),
    }
}

fn executable(process: &Process) -> String {
    let path = process.described.executable.as_str();
    path.strip_suffix(DELETED).unwrap_or(path).to_owned()
}

/// Whose it is; none if it is not of the session that was named.
fn found(process: &Process, order: &ControlOrder) -> Option<Found> {
    let owners = Owners::new(order.open.iter());
    let owner = owners.of(&process.described.marks);
    if let Some(named) = &order.session
        && owner != Owner::Session(named)
    {
        return None;
    }
    Some(match (is_root(process), owner, &order.session) {
        (true, _, _) => Found::OfRoot,
        (false, Owner::Session(_), Some(_)) => Found::InNamedSession,
        (false, Owner::Session(_), None) => Found::InOtherSession,
        (false, Owner::System, _) => Found::Service,
    })
}

/// Whether root is any of the users whose rights it has or can take back; or if that can't be
/// told.
fn is_root(process: &Process) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid));
    let Ok(status) = status else { return true };
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    line.is_none_or(|ids| ids.split_whitespace().any(|id| id == "0"))
}

#[cfg(test)]
#[path = "linux_tests.rs"]
mod tests;
