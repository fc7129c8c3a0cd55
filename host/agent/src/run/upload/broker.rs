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
/// From one hint that is followed to the next: who can send hints can't make a device ask
/// all the time.
const BETWEEN: Duration = Duration::from_secs(5);

pub(super) async fn run(host: &Host, mut destinations: Destinations) -> anyhow::Result<()> {
    loop {
        // Only what it tells is kept here: the connection is for those who send.
        let told = match destination(&mut destinations).await? {
            Destination::Mqtt(device) => Some((device.link(), device.update_hints())),
            Destination::Https { .. } => None,
        };
        let Some((link, hints)) = told else {
            destinations.changed().await?;
            continue;
        };
        tokio::select! {
            outcome = outages(host, link) => outcome,
            outcome = follow(host, hints) => outcome?,
            changed = destinations.changed() => changed?,
        }
    }
}

/// Says once per outage why nothing is delivered.
async fn outages(host: &Host, mut link: watch::Receiver<Link>) {
    let mut told = false;
    loop {
        let reason = match &*link.borrow_and_update() {
            Link::Down(reason) if !told => Some(reason.clone()),
            Link::Up(_) => {
                told = false;
                None
            }
            Link::Down(_) | Link::Connecting => None,
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

/// Rings for a refresh with each hint that names another timestamp.
async fn follow(host: &Host, mut hints: watch::Receiver<Option<u64>>) -> anyhow::Result<()> {
    while hints.changed().await.is_ok() {
        let followed = Instant::now();
        sleep(Duration::from_millis(random::number()? % SPREAD_MS)).await;
        host.hints.notify_one();
        tokio::time::sleep_until(followed + BETWEEN).await;
    }
    std::future::pending().await
}
