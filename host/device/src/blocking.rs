//! Work that blocks, away from the threads that serve futures.

use bailiwick_core::ports::UnavailableError;
use tokio::task::spawn_blocking;

/// Runs `work` on a thread for blocking work. A panic in it becomes an error.
pub(crate) async fn ask<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, UnavailableError> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(error.to_string()))
        .map_err(|reason| UnavailableError { what, reason })
}
