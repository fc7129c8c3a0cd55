//! Users' sessions.

use std::sync::Arc;

use super::{BoxFuture, UnavailableError};
use crate::session::{ProcessMarks, Reading, Session};

/// Users' sessions.
pub trait Sessions: Send + Sync {
    /// What the sources tell now. That none answers is a reading too: its remark says why.
    fn observe(&self) -> BoxFuture<'_, Reading>;
    /// Returns when another [`Sessions::observe`] may tell something else: when the platform
    /// said so, or, where it says nothing, when it is time to look again. For one caller at
    /// a time; what happened since the last `observe` is not missed.
    fn changed(&self) -> BoxFuture<'_, ()>;
    /// Marks of every process, at most 65,536.
    fn processes(&self) -> BoxFuture<'_, Result<Vec<ProcessMarks>, UnavailableError>>;
}

/// The sessions that are open, as whoever follows them saw them last.
pub trait OpenSessions: Send + Sync {
    /// In the order in which they opened.
    fn open(&self) -> Arc<Vec<Session>>;
}

/// Where nobody follows sessions.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSessions;

impl OpenSessions for NoSessions {
    fn open(&self) -> Arc<Vec<Session>> {
        Arc::default()
    }
}
