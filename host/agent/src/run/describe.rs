//! How a plugin is, for `bailiwick plugin list`.

use std::{sync::Arc, time::Duration};

use bailiwick_core::punctuality::Punctuality;

use super::launch::Launch;

/// What a plugin does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Running,
    Resting,
    BackOff,
    Suspended,
}

/// How a plugin is.
#[derive(Clone)]
pub(crate) struct Description {
    pub(crate) launch: Arc<Launch>,
    pub(crate) doing: Doing,
    /// Until it is called, or may be called again; none if it waits to be asked.
    pub(crate) next_in: Option<Duration>,
    pub(crate) punctuality: Punctuality,
    /// Why the last call failed, or empty.
    pub(crate) remark: String,
}
