//! The device's record of events.

use bailiwick_core::{ids::PluginName, time::Timestamp};
use bailiwick_transport::EventLine;
use redb::ReadableDatabase;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use bailiwick_store::{KeptEvent, LookError, kept_events};

/// Most events of one answer: they stay below the longest message.
const MOST: usize = 1_000;

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct LogQuery {
    /// Of this plugin only.
    pub(crate) plugin: Option<PluginName>,
    /// Not older than this.
    pub(crate) since: Option<Timestamp>,
    /// Behind the event of this number.
    pub(crate) after: Option<u64>,
}

/// Events, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct LogReport {
    /// Those that were asked for.
    pub(crate) events: Vec<LogLine>,
    /// Number of the last event that is kept, whether it was asked for or not.
    pub(crate) last: Option<u64>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct LogLine {
    /// Its number on this device.
    pub(crate) number: u64,
    /// When.
    pub(crate) at: Timestamp,
    /// What, in words.
    pub(crate) words: String,
    /// What, for a script.
    pub(crate) event: Value,
}

impl LogReport {
    /// Reads what `query` asks for.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) fn read(
        database: &impl ReadableDatabase,
        query: &LogQuery,
    ) -> Result<Self, LookError> {
        let kept = kept_events(database, query.after)?;
        let last = kept.last().map(|event| event.number).or(query.after);
        let mut events: Vec<LogLine> = kept
            .iter()
            .filter_map(line)
            .filter(|line| query.since.is_none_or(|since| line.at >= since))
            .filter(|line| {
                query
                    .plugin
                    .as_ref()
                    .is_none_or(|plugin| line.is_of(plugin))
            })
            .collect();
        events.drain(..events.len().saturating_sub(MOST));
        Ok(Self { events, last })
    }
}

impl LogLine {
    fn is_of(&self, plugin: &PluginName) -> bool {
        self.event.get("plugin").and_then(Value::as_str) == Some(plugin.as_str())
    }
}

/// One that was damaged on disk tells nothing.
fn line(kept: &KeptEvent) -> Option<LogLine> {
    let line: EventLine<Value> = serde_json::from_slice(&kept.line).ok()?;
    Some(LogLine {
        number: kept.number,
        at: line.at,
        words: line.words,
        event: line.event,
    })
}
