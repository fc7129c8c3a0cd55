//! Locks, suspends, restarts and switches off this machine, through logind.

#[cfg(target_os = "linux")]
pub(crate) mod apart;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_core::{
    policy::{NotYet, PowerPast, PowerVerb},
    ports::{BoxFuture, Clock, Power, PowerError, PowerOrder},
    time::Monotonic,
};

#[cfg(not(target_os = "linux"))]
use elsewhere as linux;

use crate::Privileged;

/// Asks this machine's logind, and knows what it asked for last.
pub struct DevicePower {
    /// Who asks, and knows; none where this process does.
    privileged: Option<Arc<Privileged>>,
    clock: Arc<dyn Clock>,
    past: Mutex<PowerPast>,
    /// Of the bus that logind is on.
    address: String,
}

impl DevicePower {
    /// One that has done nothing since the machine was started.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            privileged: None,
            clock,
            past: Mutex::default(),
            address: linux::address(),
        }
    }

    /// One that has `privileged` ask, where a policy that is signed grants that.
    pub fn through(clock: Arc<dyn Clock>, privileged: Arc<Privileged>) -> Self {
        Self {
            privileged: Some(privileged),
            ..Self::new(clock)
        }
    }

    fn past(&self) -> MutexGuard<'_, PowerPast> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_time(&self, past: &PowerPast, order: PowerOrder) -> Result<(), PowerError> {
        let now = self.clock.since_boot();
        in_time(past, order.verb, order.allowed.pause, now)
    }

    async fn look(&self, order: PowerOrder) -> Result<(), PowerError> {
        // Nobody else asks there.
        #[cfg(not(target_os = "linux"))]
        let _ = &self.privileged;
        #[cfg(target_os = "linux")]
        if let Some(privileged) = &self.privileged {
            return apart::ask(privileged, order, apart::Step::Look).await;
        }
        self.in_time(&self.past(), order)?;
        linux::uninhibited(&self.address, order.verb).await
    }

    async fn act(&self, order: PowerOrder) -> Result<(), PowerError> {
        #[cfg(target_os = "linux")]
        if let Some(privileged) = &self.privileged {
            return apart::ask(privileged, order, apart::Step::Go).await;
        }
        self.look(order).await?;
        let before = {
            // Noted before it is asked for, so that nobody asks meanwhile.
            let mut past = self.past();
            self.in_time(&past, order)?;
            let before = *past;
            past.note(order.verb, self.clock.since_boot());
            before
        };
        let accepted = linux::ask(&self.address, order.verb).await;
        if accepted.is_err() {
            self.past().take_back(order.verb, &before);
        }
        accepted
    }
}

fn in_time(
    past: &PowerPast,
    verb: PowerVerb,
    pause: Duration,
    now: Monotonic,
) -> Result<(), PowerError> {
    past.may(verb, pause, now).map_err(|not_yet| match not_yet {
        NotYet::UnderWay => PowerError::UnderWay,
        NotYet::TooSoon(span) => PowerError::TooSoon(span),
    })
}

impl std::fmt::Debug for DevicePower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevicePower").finish_non_exhaustive()
    }
}

impl Power for DevicePower {
    fn ready(&self, order: PowerOrder) -> BoxFuture<'_, Result<(), PowerError>> {
        Box::pin(self.look(order))
    }

    fn go(&self, order: PowerOrder) -> BoxFuture<'_, Result<(), PowerError>> {
        Box::pin(self.act(order))
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
