//! Work that blocks, away from the threads that serve futures.

use bailiwick_core::{charge::charge, ports::UnavailableError};
use tokio::task::{JoinError, spawn_blocking};

use crate::clock::thread_cpu_ns;

/// Runs `work` on a thread for blocking work, and charges its CPU time to the call of the
/// plugin that waits for it. Two reads of that clock cost little beside the change of
/// threads.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let (value, spent_ns) = spawn_blocking(move || {
        let began = thread_cpu_ns();
        let value = work();
        (value, thread_cpu_ns().saturating_sub(began))
    })
    .await?;
    charge(spent_ns);
    Ok(value)
}

/// As [`run`], for `what`. A panic in it becomes an error.
pub(crate) async fn ask<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, UnavailableError> {
    run(work)
        .await
        .unwrap_or_else(|error| Err(error.to_string()))
        .map_err(|reason| UnavailableError { what, reason })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use bailiwick_core::charge::take;

    use super::*;

    #[tokio::test]
    async fn the_work_of_another_thread_is_charged_where_it_was_awaited() {
        take();
        run(|| {
            let began = thread_cpu_ns();
            while thread_cpu_ns() < began + 3_000_000 {
                std::hint::spin_loop();
            }
        })
        .await
        .unwrap();
        let spent = take();
        assert!(spent >= 3_000_000, "{spent}");
        run(|| std::thread::park_timeout(std::time::Duration::from_millis(5)))
            .await
            .unwrap();
        assert!(take() < spent, "waiting is not work");
    }
}
