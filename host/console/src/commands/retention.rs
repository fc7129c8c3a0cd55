//! Forgets what is old, a part every minute.

use std::time::Duration;

use bailiwick_core::time::{Span, Timestamp};
use tokio::sync::watch;

use crate::store::{Inlet, PostError};

/// From one part to the next.
const EVERY: Duration = Duration::from_secs(60);
/// Shortest and longest time for which something can be kept.
const SHORTEST: Duration = Duration::from_secs(86_400);
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// For how long what devices sent is kept.
pub(super) fn keep(keep: Span) -> anyhow::Result<Duration> {
    anyhow::ensure!(
        (SHORTEST..=LONGEST).contains(&keep.get()),
        "--keep can't be {keep}: it takes a day to 100 years, as in `90 d`"
    );
    Ok(keep.get())
}

/// Forgets until `stop` is set.
pub(super) async fn forget(
    inlet: Inlet,
    keep: Duration,
    now: fn() -> Timestamp,
    mut stop: watch::Receiver<bool>,
) {
    let mut turns = tokio::time::interval(EVERY);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failed = false;
    loop {
        tokio::select! {
            biased;
            // It is set, or nobody is left who could.
            _ = stop.wait_for(|stop| *stop) => return,
            _ = turns.tick() => {}
        }
        // Posts go first: what is not forgotten now is forgotten in a minute.
        match inlet.forget(now(), keep).await {
            Ok(()) => failed = false,
            Err(PostError::Unavailable(reason) | PostError::Refused(reason)) if !failed => {
                failed = true;
                eprintln!("bailiwick-console: what is old is not forgotten for now: {reason}");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_for_less_than_a_day_is_refused_with_the_reason() {
        let told = |text: &str| keep(text.parse().unwrap());
        assert_eq!(told("90d").unwrap(), Duration::from_secs(90 * 86_400));
        for bad in ["23 h", "0 s", "99999999 d"] {
            let reason = told(bad).unwrap_err().to_string();
            assert!(reason.contains("a day to 100 years"), "{reason}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_forgets_at_the_start_and_then_every_minute_until_it_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let store = crate::store::Store::open(folder.path(), Duration::from_secs(5)).unwrap();
        let connection =
            rusqlite::Connection::open(folder.path().join(crate::store::FILE)).unwrap();
        let old = || {
            connection
                .execute(
                    "INSERT INTO events (received_ms, at_ms, device, event, words, body)
                     VALUES (0, 0, 'd', 'refreshed', '', '{}')",
                    [],
                )
                .unwrap();
        };
        let left = || -> i64 {
            let count = "SELECT count(*) FROM events";
            connection.query_row(count, [], |row| row.get(0)).unwrap()
        };
        let (stop, stopped) = watch::channel(false);
        let later = || Timestamp::from_ms(1_795_000_000_000);
        old();
        let task = tokio::spawn(forget(store.inlet(), SHORTEST, later, stopped));
        let gone = async || {
            while left() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let start = tokio::time::Instant::now();
        gone().await;
        old();
        gone().await;
        assert!(start.elapsed() >= EVERY - Duration::from_secs(1));
        stop.send(true).unwrap();
        task.await.unwrap();
        drop(store);
    }
}
