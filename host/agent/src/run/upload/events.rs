//! Events, in batches.

use std::time::Duration;

use bailiwick_store::EventBatch;
use bailiwick_transport::{EventLine, SendError, event_lines};
use serde_json::Value;

use super::{Destinations, Pace, Pause, Round, destination};
use crate::{
    events::Event,
    run::{connections::Destination, host::Host},
};

/// Events come several at a time: a post waits this long for those that follow.
const GATHERING: Duration = Duration::from_millis(500);

pub(super) async fn run(host: &Host, mut destinations: Destinations) -> anyhow::Result<()> {
    let mut pace = Pace::new("events");
    loop {
        let to = destination(&mut destinations).await?;
        // A receipt can take as long as a broker is away; another destination does not wait
        // for it.
        let round = tokio::select! {
            round = round(host, to) => round?,
            changed = destinations.changed() => {
                changed?;
                continue;
            }
        };
        match round {
            Round::Empty => {
                host.events.notified().await;
                tokio::time::sleep(GATHERING).await;
            }
            Round::Sent => pace.succeeded(host),
            Round::Retry { pause, reason } => {
                pace.wait(host, &mut destinations, pause, reason).await?;
            }
        }
    }
}

async fn round(host: &Host, to: Destination) -> anyhow::Result<Round> {
    let Some(batch) = host.store.next_events().await? else {
        return Ok(Round::Empty);
    };
    let lines = readable(&batch);
    let mut told = None;
    if !lines.is_empty() {
        // The numbers of a device's events rise for ever, so no other batch has this key.
        let key = format!("{}-events-{}-{}", host.device, batch.first, batch.last);
        match send(&to, &key, &lines).await {
            Ok(()) => told = batch.proof.head().ok(),
            Err(SendError::Retry { after, reason, .. }) => {
                let pause = Pause {
                    at_least: after,
                    ..Pause::default()
                };
                return Ok(Round::Retry { pause, reason });
            }
            Err(error) => {
                // The device alone hears of it: told to the console it would be an event that
                // is refused, too, and so on.
                let reason = format!("{} events of {key} are dropped: {error}", lines.len());
                host.tell(Event::NotDelivered { reason }).await;
            }
        }
    }
    if batch.lost > 0 {
        host.tell(Event::EventsLost { count: batch.lost }).await;
    }
    host.store.events_sent(batch.last, told).await?;
    Ok(Round::Sent)
}

async fn send(to: &Destination, key: &str, events: &[EventLine<Value>]) -> Result<(), SendError> {
    match to {
        Destination::Https { events: to, .. } => to.send(key, events).await,
        Destination::Mqtt(device) => {
            let lines = event_lines(events).map_err(|error| SendError::Refused {
                reason: format!("the event has no JSON form: {error}"),
            })?;
            // There is one thing to say of events: a full report is never asked for.
            device.events(key, lines).await.map(drop)
        }
    }
}

/// The events of a batch; the last one proves the chain up to it. One that was damaged on disk
/// must not hold up the others.
fn readable(batch: &EventBatch) -> Vec<EventLine<Value>> {
    let lines = batch.lines.iter();
    let mut events: Vec<EventLine<Value>> = lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    if let Some(last) = events.last_mut() {
        last.log = batch.proof.head().is_ok().then(|| batch.proof.clone());
    }
    events
}
