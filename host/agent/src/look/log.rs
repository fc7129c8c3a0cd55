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
    /// Of this kind only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<LogKind>,
    /// Behind the event of this number.
    pub(crate) after: Option<u64>,
    /// What concerns this user only, by the name that events give it. Who asks does not choose
    /// that.
    #[serde(skip)]
    pub(crate) user: Option<String>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogKind {
    /// What plugins were refused
    Denial,
    /// What plugins did that changes something outside of them
    Effect,
    /// What started, was swapped, refused, stopped or went back
    Activation,
    /// What plugins may do
    Policy,
    /// What operators asked for
    Action,
    /// Sessions of users
    Session,
}

impl LogKind {
    /// Names of the events of this kind.
    const fn events(self) -> &'static [&'static str] {
        match self {
            Self::Denial => &["denied", "decisions-counted"],
            Self::Effect => &["effect", "decisions-counted"],
            Self::Activation => &[
                "pulled",
                "plugin-started",
                "swapped",
                "refused",
                "kept",
                "went-back",
                "stopped",
                "suspended",
            ],
            Self::Policy => &[
                "granted",
                "limits-proven",
                "policy-changed",
                "narrowed",
                "ceiling-changed",
                "ceiling-refused",
            ],
            Self::Action => &["action-accepted", "action-ended", "action-refused"],
            Self::Session => &["session-opened", "session-changed", "session-closed"],
        }
    }
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
            .filter(|line| query.kind.is_none_or(|kind| line.is_one_of(kind)))
            .filter(|line| {
                query
                    .user
                    .as_ref()
                    .is_none_or(|user| line.has("user", user))
            })
            .filter(|line| {
                let plugin = query.plugin.as_ref();
                plugin.is_none_or(|plugin| line.has("plugin", plugin.as_str()))
            })
            .collect();
        events.drain(..events.len().saturating_sub(MOST));
        Ok(Self { events, last })
    }
}

impl LogLine {
    fn has(&self, field: &str, value: &str) -> bool {
        self.event.get(field).and_then(Value::as_str) == Some(value)
    }

    fn is_one_of(&self, kind: LogKind) -> bool {
        kind.events().iter().any(|name| self.has("event", name))
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

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use serde_json::json;

    use super::*;
    use crate::events::Event;

    #[test]
    fn each_kind_is_of_events_that_there_are() {
        let is_unknown = |name: &str| {
            let read = serde_json::from_value::<Event>(json!({ "event": name }));
            read.is_err_and(|error| error.to_string().contains("unknown variant"))
        };
        assert!(is_unknown("no-such-event"));
        for kind in LogKind::value_variants() {
            for name in kind.events() {
                assert!(!is_unknown(name), "{kind:?}: {name}");
            }
        }
    }
}
