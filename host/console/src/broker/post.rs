//! A message of a device as a post, and its receipt.

use std::pin::Pin;

use bailiwick_core::{digest::Sha256, ids::DeviceId, time::Timestamp};
use bailiwick_report::wire::Envelope;
use bailiwick_transport::{
    actions::OutcomeMessage,
    mqtt::topic::{Key, Topic},
};

use crate::{
    actions::Actions,
    server::read_events,
    store::{Answer, Inlet, PostError},
};

/// Resolves after the commit.
pub(super) type Stored = Pin<Box<dyn Future<Output = Result<Answer, PostError>> + Send>>;

/// A post on its way into the database.
pub(super) struct Post {
    pub(super) device: DeviceId,
    pub(super) key: Key,
    pub(super) stored: Stored,
}

/// What to answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) topic: String,
    pub(super) payload: String,
}

/// Queues a message for the database, in the order of the calls. None if nobody posts to
/// that topic.
pub(super) fn submit(
    (inlet, actions): (&Inlet, &Actions),
    topic: &Topic,
    payload: &[u8],
    received: Timestamp,
) -> Option<Post> {
    let (device, key, stored): (_, _, Stored) = match topic {
        Topic::Report {
            device,
            plugin,
            key,
        } => {
            let name = key.as_str().to_owned();
            let stored: Stored = match of(payload, device, plugin.as_str()) {
                Ok(()) => Box::pin(inlet.report(name, payload.to_vec(), received)),
                Err(reason) => refused(reason),
            };
            (device, key, stored)
        }
        Topic::Events { device, key } => {
            let name = key.as_str().to_owned();
            let stored: Stored = match read_events(payload) {
                Ok(events) if events.iter().any(|event| event.device != *device) => {
                    refused("an event is of another device than its topic".to_owned())
                }
                Ok(events) => {
                    let sha256 = Sha256::of(payload).to_string();
                    Box::pin(inlet.events(name, sha256, events, received))
                }
                Err(reason) => refused(reason),
            };
            (device, key, stored)
        }
        Topic::Outcome { device, key } => {
            let stored: Stored = match outcome(payload, device) {
                Ok(message) => {
                    let actions = actions.clone();
                    Box::pin(async move { actions.outcome(message, received).await })
                }
                Err(reason) => refused(reason),
            };
            (device, key, stored)
        }
        Topic::Receipt { .. }
        | Topic::Action { .. }
        | Topic::Progress { .. }
        | Topic::UpdateHint => return None,
    };
    Some(Post {
        device: *device,
        key: key.clone(),
        stored,
    })
}

/// Whether a report is of the device and the plugin that its topic names: who may publish
/// there may not speak for others.
fn of(payload: &[u8], device: &DeviceId, plugin: &str) -> Result<(), String> {
    let envelope = Envelope::parse(payload).map_err(|error| error.to_string())?;
    let origin = &envelope.origin;
    if origin.device() != device.as_bytes() || origin.plugin() != plugin {
        return Err("the report is of another device or plugin than its topic".to_owned());
    }
    Ok(())
}

/// The outcome that a device tells of itself.
pub(super) fn outcome(payload: &[u8], device: &DeviceId) -> Result<OutcomeMessage, String> {
    let message: OutcomeMessage =
        serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    if message.device != *device {
        return Err("the outcome is of another device than its topic".to_owned());
    }
    Ok(message)
}

fn refused(reason: String) -> Stored {
    Box::pin(std::future::ready(Err(PostError::Refused(reason))))
}

/// The receipt of a post.
///
/// # Errors
/// The post was not stored and can be later: there is no receipt.
pub(super) fn receipt(
    device: DeviceId,
    key: Key,
    stored: Result<Answer, PostError>,
) -> Result<Receipt, String> {
    let (result, reason) = match stored {
        Ok(answer) => (answer.as_str(), String::new()),
        Err(PostError::Refused(reason)) => ("refused", reason),
        Err(PostError::Unavailable(reason)) => return Err(reason),
    };
    Ok(Receipt {
        topic: Topic::Receipt { device, key }.to_string(),
        payload: serde_json::json!({ "result": result, "reason": reason }).to_string(),
    })
}
