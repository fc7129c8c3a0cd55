//! How a plugin is, for `bailiwick plugin list`.

use std::{sync::Arc, time::Duration};

use bailiwick_core::{punctuality::Punctuality, time::Timestamp};

use super::launch::Launch;
use crate::figures::Figures;

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
    /// What the generation has used.
    pub(crate) figures: Figures,
    /// From when on that counts.
    pub(crate) since: Timestamp,
    /// Why the last call failed, or empty.
    pub(crate) remark: String,
}
