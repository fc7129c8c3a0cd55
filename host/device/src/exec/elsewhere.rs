//! Where no tree of processes can be held without unsafe code, no program is run.

use std::{path::PathBuf, process::ExitCode};

use bailiwick_core::ports::{BoxFuture, Exec, ExecError, ExecOrder, ExecRan};

/// Runs nothing.
#[derive(Clone, Debug)]
pub struct DeviceExec;

impl DeviceExec {
    /// Runs nothing, whatever the program.
    pub fn new(_: PathBuf) -> Self {
        Self
    }
}

impl Exec for DeviceExec {
    fn run(&self, _: ExecOrder) -> BoxFuture<'_, Result<ExecRan, ExecError>> {
        let reason = "this host runs programs on Linux alone".to_owned();
        Box::pin(async { Err(ExecError::Unavailable(reason)) })
    }
}

/// Nobody starts this program as a keeper here.
pub fn serve_exec() -> Option<ExitCode> {
    None
}
