//! Where no tree of processes can be held without unsafe code, no program is run.

use std::{ffi::OsString, process::ExitCode, sync::Arc};

use bailiwick_core::ports::{BoxFuture, Exec, ExecError, ExecOrder, ExecRan};

use crate::{Privileged, SignedActions};

/// Runs nothing.
#[derive(Clone, Debug)]
pub struct DeviceExec;

impl DeviceExec {
    /// Runs nothing, whatever the program.
    pub fn new(_: Arc<Privileged>) -> Self {
        Self
    }
}

impl Exec for DeviceExec {
    fn run(&self, _: ExecOrder) -> BoxFuture<'_, Result<ExecRan, ExecError>> {
        let reason = "this host runs programs on Linux alone".to_owned();
        Box::pin(async { Err(ExecError::Unavailable(reason)) })
    }
}

/// Nobody starts this program as anything else here.
pub fn serve_child(_: fn(&[OsString]) -> Option<Box<dyn SignedActions>>) -> Option<ExitCode> {
    None
}
