//! Held, looked at, judged, counted, signalled: in this order.

use std::{
    os::fd::AsFd as _,
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

use super::{DeviceProcessControl, apart, held::Held, untouchable};
use crate::{Privileged, blocking};

/// Longest time for what was killed to be gone.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// Longest time from when a process that ends has no program any more, so that nothing grants what
/// is done to it, until it has ended.
const ON_ITS_WAY: Duration = Duration::from_millis(200);

/// What the kernel adds to the path of a file that was removed or replaced: an update of a
/// program does not hide those that still run.
pub(super) const DELETED: &str = " (deleted)";

pub(super) async fn control(of: &DeviceProcessControl, order: ControlOrder) -> ControlAnswer {
    let mut control = None;
    let result = match judged(of, &order, &mut control).await {
        Ok(held) => {
            let apart = control.as_ref().zip(of.privileged.as_ref());
            let apart = apart.map(|(control, privileged)| (control.found, Arc::clone(privileged)));
            let order = &order;
            let allowed = Allowed { held, order, apart };
            act(&allowed, order).await
        }
        Err(error) => Err(error),
    };
    ControlAnswer { control, result }
}

/// A process that is held and allowed, and who signals it, if that is not this process.
struct Allowed<'a> {
    held: Held,
    order: &'a ControlOrder,
    apart: Option<(Found, Arc<Privileged>)>,
}

impl Allowed<'_> {
    /// Sends `signal`; whether it was still there to get it.
    async fn signal(&self, signal: Signal) -> Result<bool, ControlError> {
        let Some((found, privileged)) = &self.apart else {
            return self.held.signal(signal);
        };
        let unsigned = || ControlError::Unavailable("no signed policy grants it".to_owned());
        let order = apart::Order {
            policy: self.order.policy.ok_or_else(unsigned)?,
            verb: self.order.verb,
            found: *found,
            signal,
        };
        let (process, privileged) = (self.held.descriptor()?, Arc::clone(privileged));
        let sent = blocking::run(move || apart::ask(&privileged, order, process.as_fd())).await;
        match sent.map_err(|error| ControlError::Unavailable(error.to_string()))? {
            Err(_) if self.held.ends_within(ON_ITS_WAY).await => Ok(false),
            sent => sent,
        }
    }
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
    if let Some(reason) = untouchable::reason(pid, &asked.executable) {
        return Err(ControlError::Untouchable(reason));
    }
    let mut rates = of.rates.lock().unwrap_or_else(PoisonError::into_inner);
    rates
        .take(&order.plugin, allowed.per_minute, of.clock.monotonic())
        .map_err(ControlError::TooOften)?;
    Ok(held)
}

async fn act(allowed: &Allowed<'_>, order: &ControlOrder) -> Result<Controlled, ControlError> {
    let signalled = |there: bool| match there {
        true => Ok(Controlled::Signalled),
        false => Err(ControlError::NotThere),
    };
    match order.verb {
        ControlVerb::Suspend => signalled(allowed.signal(Signal::STOP).await?),
        ControlVerb::Resume => signalled(allowed.signal(Signal::CONT).await?),
        ControlVerb::End => end(allowed, order.grace).await,
    }
}

async fn end(allowed: &Allowed<'_>, grace: Duration) -> Result<Controlled, ControlError> {
    // One that is suspended hears of it once it goes on.
    if !allowed.signal(Signal::TERM).await? || !allowed.signal(Signal::CONT).await? {
        return Ok(Controlled::Ended);
    }
    if allowed.held.ends_within(grace).await || !allowed.signal(Signal::KILL).await? {
        return Ok(Controlled::Ended);
    }
    match allowed.held.ends_within(AFTER_KILL).await {
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
    Some(match (is_root(process.pid), owner, &order.session) {
        (true, _, _) => Found::OfRoot,
        (false, Owner::Session(_), Some(_)) => Found::InNamedSession,
        (false, Owner::Session(_), None) => Found::InOtherSession,
        (false, Owner::System, _) => Found::Service,
    })
}

/// Whether root is any of the users whose rights it has or can take back; or if that can't be
/// told.
pub(super) fn is_root(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    let Ok(status) = status else { return true };
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    line.is_none_or(|ids| ids.split_whitespace().any(|id| id == "0"))
}

#[cfg(test)]
#[path = "linux_tests.rs"]
mod tests;
