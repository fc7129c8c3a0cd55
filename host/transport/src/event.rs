//! How what happens to plugins is told to the orchestration layer.

use bailiwick_core::{chain::Proof, ids::DeviceId, time::Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// One line of a post of events. `E` is the sender's own type: the receiver keeps its
/// JSON as it came, and needs of it only the tag `event` (a word of `a-z`, `0-9` and
/// `-`) and, if there is one, `plugin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventLine<E> {
    /// Where it happened.
    #[serde(serialize_with = "write_device", deserialize_with = "read_device")]
    pub device: DeviceId,
    /// When, by the device's clock: milliseconds since 1970-01-01T00:00:00Z.
    pub at: Timestamp,
    /// The event for a person. At most 2,000 characters are kept.
    pub words: String,
    /// The event for a script: an object with a string `event`.
    pub event: E,
    /// That the device's log goes on from what was told of it before, if this line tells it: the
    /// last of a post does. What it says now, the device can't unsay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Proof>,
}

/// Events as they are posted: one JSON object per line.
///
/// # Errors
/// One has no JSON form.
pub fn event_lines<E: Serialize>(events: &[EventLine<E>]) -> serde_json::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for event in events {
        serde_json::to_writer(&mut lines, event)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn write_device<S: Serializer>(device: &DeviceId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(device)
}

fn read_device<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DeviceId, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)
}
