//! Which lane may send: what is urgent goes first, and never holds the others up for long.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use bailiwick_store::Lane;

/// A lane that sends keeps the less urgent ones waiting for this long after its last
/// progress. One that is stuck is in nobody's way then.
const PATIENCE: Duration = Duration::from_secs(10);

/// Until when each lane has the way, in the order of [`Lane::ALL`].
type Claims = [Option<Instant>; 3];

/// The turns of all lanes.
pub(super) struct Turns(watch::Sender<Claims>);

impl Turns {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new([None; 3]))
    }

    /// `lane` sends and gets on.
    pub(super) fn claim(&self, lane: Lane) {
        let until = Instant::now() + PATIENCE;
        // Who waits looks again when its time has come.
        self.0.send_if_modified(|claims| {
            claims[lane.index()] = Some(until);
            false
        });
    }

    /// `lane` has nothing to send, or waits before it tries again.
    pub(super) fn release(&self, lane: Lane) {
        self.0
            .send_if_modified(|claims| claims[lane.index()].take().is_some());
    }

    /// Whether `lane` may begin to send something.
    pub(super) fn is_free(&self, lane: Lane) -> bool {
        taken_until(&self.0.borrow(), lane, Instant::now()).is_none()
    }

    /// Waits until `lane` may send.
    pub(super) async fn wait(&self, lane: Lane) {
        let mut claims = self.0.subscribe();
        loop {
            let taken = taken_until(&claims.borrow_and_update(), lane, Instant::now());
            let Some(until) = taken else { return };
            tokio::select! {
                () = sleep_until(until) => {}
                // The sender lives as long as this borrow of it.
                _ = claims.changed() => {}
            }
        }
    }
}

/// Until when lanes that are more urgent than `lane` have the way; none if it is free.
fn taken_until(claims: &Claims, lane: Lane, now: Instant) -> Option<Instant> {
    Lane::ALL
        .into_iter()
        .filter(|other| *other < lane)
        .filter_map(|other| claims[other.index()])
        .filter(|until| *until > now)
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn files_wait_for_reports_that_get_on_and_for_no_stuck_ones() {
        let turns = Turns::new();
        let begin = Instant::now();
        for lane in Lane::ALL {
            assert!(turns.is_free(lane));
        }
        turns.claim(Lane::Reports);
        assert!(turns.is_free(Lane::Outcomes) && turns.is_free(Lane::Reports));
        assert!(!turns.is_free(Lane::Files));
        tokio::time::advance(PATIENCE / 2).await;
        turns.claim(Lane::Reports);
        turns.wait(Lane::Files).await;
        assert_eq!(Instant::now() - begin, PATIENCE * 3 / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_done_makes_way_at_once() {
        let turns = Turns::new();
        let begin = Instant::now();
        turns.claim(Lane::Outcomes);
        let waiting = turns.wait(Lane::Files);
        let done = async { turns.release(Lane::Outcomes) };
        tokio::join!(waiting, done);
        assert_eq!(Instant::now(), begin);
    }
}
