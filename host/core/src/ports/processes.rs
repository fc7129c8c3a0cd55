//! The device's processes.

use std::{sync::Arc, time::Duration};

use super::{BoxFuture, UnavailableError};
use crate::process::ProcessTable;

/// The processes of the device.
pub trait Processes: Send + Sync {
    /// All of them, read not longer ago than `no_older_than`: one pass serves all who ask
    /// meanwhile.
    fn table(
        &self,
        no_older_than: Duration,
    ) -> BoxFuture<'_, Result<Arc<ProcessTable>, UnavailableError>>;
}
