//! The pause that the device's owner asks for.
//!
//! While it lasts no plugin is called: nothing is collected and no action is run. Reports,
//! files and outcomes that were made stay on the device, durable as ever. What goes on:
//! updates and revocations arrive, and events are sent, so that the console knows why the
//! device is silent. It survives a restart and ends at its time, if it has one.

use std::time::Duration;

use bailiwick_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use bailiwick_store::{Store, StoreError};

/// Under which name the store keeps it.
const NAME: &str = "pause";
/// The clock on the wall may be set while a pause lasts: it is looked at so often.
const LOOK: Duration = Duration::from_secs(30);

/// A pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Paused {
    /// When it began.
    pub(crate) since: Timestamp,
    /// When it ends by itself, by the device's clock; never if none.
    pub(crate) until: Option<Timestamp>,
}

impl Paused {
    /// How long to wait before looking at the clock again; `None` if it is over.
    fn left(&self, now: Timestamp) -> Option<Duration> {
        let Some(until) = self.until else {
            return Some(LOOK);
        };
        let left = until.as_ms().checked_sub(now.as_ms())?;
        (left > 0).then(|| Duration::from_millis(left).min(LOOK))
    }
}

/// Whether the agent pauses.
#[derive(Debug)]
pub(crate) struct Pause(watch::Sender<Option<Paused>>);

impl Pause {
    /// As it was when the agent ended.
    ///
    /// # Errors
    /// The store can't be read. A record that makes no sense is no pause: nobody asked for
    /// one without end.
    pub(crate) async fn open(store: &Store) -> Result<Self, StoreError> {
        let kept = store.value(NAME).await?;
        let kept = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
        Ok(Self(watch::Sender::new(kept)))
    }

    /// The name and the value to be kept of `paused`.
    pub(crate) fn record(paused: Option<Paused>) -> (&'static str, Vec<u8>) {
        // Numbers alone: this always has a JSON form.
        (NAME, serde_json::to_vec(&paused).unwrap_or_default())
    }

    /// Begins or ends a pause.
    pub(crate) fn set(&self, paused: Option<Paused>) {
        self.0.send_replace(paused);
    }

    /// The pause that lasts.
    pub(crate) fn now(&self) -> Option<Paused> {
        *self.0.borrow()
    }

    /// Resolves when no pause lasts.
    pub(crate) async fn while_paused(&self) {
        // The sender is here as long as this borrow.
        let _ = self.0.subscribe().wait_for(Option::is_none).await;
    }

    /// Resolves when a pause lasts.
    pub(crate) async fn until_paused(&self) {
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }

    /// Resolves when the pause that lasts has reached its end by `now`. Never if none lasts.
    pub(crate) async fn ended(&self, now: impl Fn() -> Timestamp) {
        let mut pauses = self.0.subscribe();
        loop {
            let left = pauses.borrow_and_update().map(|paused| paused.left(now()));
            match left {
                Some(None) => return,
                Some(Some(left)) => {
                    let _ = tokio::time::timeout(left, pauses.changed()).await;
                }
                None => {
                    let _ = pauses.changed().await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use tokio::time::Instant;

    use super::*;

    fn paused(until: Option<u64>) -> Paused {
        Paused {
            since: Timestamp::from_ms(1_000),
            until: until.map(Timestamp::from_ms),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_ends_at_its_time_by_the_clock_on_the_wall() {
        let begin = Instant::now();
        let offset = AtomicU64::new(1_000);
        let now = || {
            let ms = u64::try_from(begin.elapsed().as_millis()).unwrap();
            Timestamp::from_ms(ms + offset.load(Relaxed))
        };
        let pause = Pause(watch::Sender::new(Some(paused(Some(3_601_000)))));
        let meanwhile = async {
            tokio::time::sleep(Duration::from_secs(600)).await;
            // The clock is set an hour ahead: the pause is over at the next look.
            offset.fetch_add(3_600_000, Relaxed);
        };
        tokio::join!(pause.ended(now), meanwhile);
        assert!(begin.elapsed() <= Duration::from_secs(600) + LOOK);
        assert!(begin.elapsed() >= Duration::from_secs(600));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_without_end_ends_when_it_is_ended() {
        let pause = Pause(watch::Sender::new(Some(paused(None))));
        let ended = pause.ended(|| Timestamp::from_ms(u64::MAX));
        let year = Duration::from_secs(365 * 86_400);
        assert!(tokio::time::timeout(year, ended).await.is_err());
        tokio::join!(pause.while_paused(), async { pause.set(None) });
        assert_eq!(pause.now(), None);
        tokio::join!(pause.until_paused(), async {
            pause.set(Some(paused(None)));
        });
    }
}
