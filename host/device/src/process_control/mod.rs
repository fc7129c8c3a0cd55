//! Ends, suspends and resumes processes, each held by a descriptor from before it is judged until
//! it got its signal: who has its id by then is left alone.

#[cfg(target_os = "linux")]
pub(crate) mod apart;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod held;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod untouchable;

use std::sync::{Arc, Mutex};

use bailiwick_core::{
    policy::Rates,
    ports::{BoxFuture, Clock, ControlAnswer, ControlOrder, ProcessControl},
};

#[cfg(not(target_os = "linux"))]
use elsewhere as linux;

use crate::{DeviceProcesses, Privileged};

/// Controls this machine's processes, and counts what each plugin did in the last minute.
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "no process can be held there")
)]
pub struct DeviceProcessControl {
    clock: Arc<dyn Clock>,
    processes: Arc<DeviceProcesses>,
    /// Who signals; none where this process does.
    privileged: Option<Arc<Privileged>>,
    rates: Mutex<Rates>,
}

impl DeviceProcessControl {
    /// One that has done nothing. `processes` are those of which plugins learn: when a process
    /// started must be told alike.
    pub fn new(clock: Arc<dyn Clock>, processes: Arc<DeviceProcesses>) -> Self {
        Self {
            clock,
            processes,
            privileged: None,
            rates: Mutex::default(),
        }
    }

    /// One that has `privileged` signal, where a policy that is signed grants that.
    #[must_use]
    pub fn through(self, privileged: Arc<Privileged>) -> Self {
        Self {
            privileged: Some(privileged),
            ..self
        }
    }
}

impl std::fmt::Debug for DeviceProcessControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceProcessControl")
            .finish_non_exhaustive()
    }
}

impl ProcessControl for DeviceProcessControl {
    fn control(&self, order: ControlOrder) -> BoxFuture<'_, ControlAnswer> {
        Box::pin(linux::control(self, order))
    }
}
