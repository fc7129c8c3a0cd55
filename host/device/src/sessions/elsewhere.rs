//! Platforms other than Linux: sessions are not read there yet, and the reading says so.

use std::sync::Arc;

use bailiwick_core::{
    ports::{BoxFuture, Sessions, UnavailableError},
    session::{ProcessMarks, Reading},
};

use crate::Privileged;

/// The sessions of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeviceSessions;

impl DeviceSessions {
    /// No source is known on this platform.
    pub const fn new() -> Self {
        Self
    }

    /// The same: nobody else opens anything here.
    pub fn through(_: Arc<Privileged>) -> Self {
        Self
    }
}

fn not_here() -> String {
    format!("sessions are not read on {}", std::env::consts::OS)
}

impl Sessions for DeviceSessions {
    fn observe(&self) -> BoxFuture<'_, Reading> {
        Box::pin(std::future::ready(Reading {
            remark: not_here(),
            ..Reading::default()
        }))
    }

    /// Never.
    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn processes(&self) -> BoxFuture<'_, Result<Vec<ProcessMarks>, UnavailableError>> {
        Box::pin(std::future::ready(Err(UnavailableError {
            what: "the processes' sessions",
            reason: not_here(),
        })))
    }
}
