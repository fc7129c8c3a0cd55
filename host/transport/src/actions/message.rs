//! What a device says of an action.

use bailiwick_core::{
    action::{ActionId, Outcome, Progress},
    ids::DeviceId,
    time::Timestamp,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// What became of an action on a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OutcomeMessage {
    /// Where.
    #[serde(serialize_with = "write_device", deserialize_with = "read_device")]
    pub device: DeviceId,
    /// Of which action.
    pub action: ActionId,
    /// When, by the device's clock: milliseconds since 1970.
    #[serde(rename = "at-ms")]
    pub at: Timestamp,
    /// What.
    pub outcome: Outcome,
}

/// A word from a handler at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ProgressMessage {
    /// When, by the device's clock: milliseconds since 1970.
    #[serde(rename = "at-ms")]
    pub at: Timestamp,
    /// What it says.
    pub progress: Progress,
}

impl OutcomeMessage {
    /// The key under which it is kept once, however often it arrives: a refusal does not
    /// stand in the way of what becomes of the action later.
    pub fn key(&self) -> String {
        let kind = match self.outcome {
            Outcome::Refused { .. } => "refused",
            _ => "ended",
        };
        format!("{}.{}.{kind}", self.action, self.device)
    }
}

fn write_device<S: Serializer>(device: &DeviceId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(device)
}

fn read_device<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DeviceId, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)
}
