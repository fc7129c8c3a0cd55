//! The requests and answers, shared by both sides.

use bailiwick_core::{
    ids::{GenerationId, PluginName, VendorName},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::store::OutboxFigures;

/// What can be asked. In JSON `{"request":"status"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// How the agent is.
    Status {},
    /// What runs.
    Plugins {},
    /// What is known of the repository.
    UpdateStatus {},
    /// Read the repository now.
    UpdateRefresh {},
    /// Run the collector `inventory` now and give its rows.
    Inventory {},
    /// Each setting and where it came from.
    Settings {},
}

/// The answers. In JSON `{"answer":"status", …}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "answer",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub enum Response {
    /// To [`Request::Status`].
    Status(StatusReport),
    /// To [`Request::Plugins`], in order of name.
    Plugins {
        /// What runs, and what was refused.
        plugins: Vec<PluginLine>,
    },
    /// To [`Request::UpdateStatus`] and, after it is done, [`Request::UpdateRefresh`].
    Update(UpdateReport),
    /// To [`Request::Inventory`]: collection → rows, as the report's decoder gives them.
    Inventory {
        /// The rows.
        rows: serde_json::Value,
    },
    /// To [`Request::Settings`], in order of name.
    Settings {
        /// Every setting there is.
        settings: Vec<SettingLine>,
    },
    /// The agent could not do it.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
}

/// How the agent is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StatusReport {
    /// The device's id.
    pub device: String,
    /// Version of the host.
    pub version: String,
    /// When the agent started.
    pub started: Timestamp,
    /// Plugins that run.
    pub running: usize,
    /// Plugins that are suspended or revoked.
    pub stopped: usize,
    /// What waits to be sent.
    pub outbox: OutboxFigures,
    /// The repository.
    pub update: UpdateReport,
    /// Damaged databases that were ever set aside.
    pub databases_set_aside: u64,
}

/// One plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PluginLine {
    /// Which.
    pub plugin: PluginName,
    /// Who published it.
    pub vendor: VendorName,
    /// Its version.
    pub version: String,
    /// Which generation that is on this device.
    pub generation: GenerationId,
    /// What it does now.
    pub state: PluginState,
    /// When its next call is due.
    pub next: Option<Timestamp>,
    /// What it was granted, one line each.
    pub grants: Vec<String>,
    /// Why its last call failed or its newest version was refused; empty if neither.
    pub remark: String,
}

/// What a plugin does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PluginState {
    /// Waits for its next call, or is in one.
    Running,
    /// A new version that is still being watched.
    Probation,
    /// Failed and waits before it is tried again.
    BackOff,
    /// Failed too often.
    Suspended,
    /// Its version was revoked.
    Revoked,
}

/// What is known of the repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UpdateReport {
    /// Its address.
    pub endpoint: String,
    /// When it was last read and verified.
    pub refreshed: Option<Timestamp>,
    /// Version of its `timestamp` role then.
    pub timestamp_version: Option<u64>,
    /// Serial of the assignment then.
    pub serial: Option<u64>,
    /// When it is read next.
    pub next: Option<Timestamp>,
    /// Why the last attempt failed; empty if it did not.
    pub failure: String,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SettingLine {
    /// Its name.
    pub name: String,
    /// Its value, as it would be written in the file.
    pub value: String,
    /// Where it came from: `default`, `policy`, the file's path, the environment
    /// variable's name, or the flag.
    pub source: String,
}
