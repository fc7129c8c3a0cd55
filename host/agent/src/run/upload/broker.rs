//! What a broker tells besides receipts: whether it is reached, and that updates may be
//! there.

use std::time::Duration;

use bailiwick_transport::mqtt::Link;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{Destinations, destination};
use crate::{
    events::Event,
    random,
    run::{connections::Destination, host::Host},
};

/// Devices that were told at once don't ask at once.
const SPREAD_MS: u64 = 500;
/// Hints that are followed at once: a publication is several steps.
const BURST: u32 = 5;
/// From one to the next after those: who can send hints can't make a device ask all the
/// time.
const BETWEEN: Duration = Duration::from_secs(10);

pub(super) async fn run(host: &Host, mut destinations: Destinations) -> anyhow::Result<()> {
    loop {
        // Only what it tells is kept here: the connection is for those who send.
        let told = match destination(&mut destinations).await? {
            Destination::Mqtt(device) => {
                Some((device.link(), device.update_hints(), device.unread()))
            }
            Destination::Https { .. } => None,
        };
        let Some((link, hints, strange)) = told else {
            destinations.changed().await?;
            continue;
        };
        tokio::select! {
            outcome = outages(host, link) => outcome,
            outcome = follow(host, hints) => outcome?,
            outcome = unread(host, strange) => outcome,
            changed = destinations.changed() => changed?,
        }
    }
}

/// Says once per outage why nothing is delivered.
async fn outages(host: &Host, mut link: watch::Receiver<Link>) {
    let mut told = false;
    loop {
        let reason = match &*link.borrow_and_update() {
            Link::Down(reason) => {
                host.standing.failed("broker", reason, host.clock.now());
                (!told).then(|| reason.clone())
            }
            Link::Up(_) => {
                told = false;
                host.standing.succeeded("broker", host.clock.now());
                None
            }
            Link::Connecting => None,
        };
        if let Some(reason) = reason {
            told = true;
            host.tell(Event::NotDelivered { reason }).await;
        }
        if link.changed().await.is_err() {
            // It was given up; another destination follows, or the end.
            return std::future::pending().await;
        }
    }
}

/// Notes for the device's owner that something came which can't be read. It is no outage:
/// over as soon as it is noted. Who sends without end fills no log with it.
async fn unread(host: &Host, mut strange: watch::Receiver<Option<String>>) {
    while strange.changed().await.is_ok() {
        let reason = strange.borrow_and_update().clone().unwrap_or_default();
        let now = host.clock.now();
        host.standing.failed("messages", &reason, now);
        host.standing.succeeded("messages", now);
    }
    std::future::pending().await
}

/// Rings for a refresh with each hint that names another timestamp. Of those that come
/// faster than they are followed the last one counts.
async fn follow(host: &Host, mut hints: watch::Receiver<Option<u64>>) -> anyhow::Result<()> {
    let mut allowance = Allowance::full(Instant::now());
    while hints.changed().await.is_ok() {
        tokio::time::sleep_until(allowance.take(Instant::now())).await;
        sleep(Duration::from_millis(random::number()? % SPREAD_MS)).await;
        hints.mark_unchanged();
        host.hints.notify_one();
    }
    std::future::pending().await
}

/// How many hints may be followed.
struct Allowance {
    /// When all of them may be again.
    full_at: Instant,
}

impl Allowance {
    const fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Uses one, and says from when on it may be.
    fn take(&mut self, now: Instant) -> Instant {
        self.full_at = self.full_at.max(now) + BETWEEN;
        now.max(self.full_at - BETWEEN * BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_hints_are_followed_at_once_and_many_in_turn() {
        let start = Instant::now() + BETWEEN * BURST;
        let mut allowance = Allowance::full(start);
        for _ in 0..BURST {
            assert_eq!(allowance.take(start), start);
        }
        assert_eq!(allowance.take(start), start + BETWEEN);
        assert_eq!(allowance.take(start), start + BETWEEN * 2);
        let later = start + BETWEEN * 100;
        assert_eq!(allowance.take(later), later);
    }
}
