//! What a plugin was observed to ask for: bounded, and a readable file.
//!
//! The file is JSON, one object a line. The first is the header: `format`, whose and under which
//! policy, from when to when, `peaks`, and how many calls were beyond the bound. Each other one is
//! a call in the words of `policy explain`, what became of it, and how often.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::split;
use crate::{digest::Sha256, ids::PluginName, policy::Call, time::Timestamp};

/// Most different calls of one plugin. The rest is a number: a plugin chooses what it asks for.
pub const MOST_CALLS: usize = 4_096;

const FORMAT: &str = "bailiwick-observed-1";

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The policy allowed it.
    Allowed,
    /// The policy refused it.
    Refused,
    /// The policy allowed the name, and refused where a link led.
    LedAstray,
}

/// The most that was used in one call of an export; memory at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Peaks {
    /// Calls of exports that ended.
    pub calls: u64,
    /// Memories, tables and host buffers, in bytes.
    pub memory_bytes: u64,
    /// Time on the clock, in microseconds.
    pub elapsed_us: u64,
    /// Host calls.
    pub host_calls: u64,
    /// Bytes returned.
    pub output_bytes: u64,
    /// Bytes of state that were kept.
    pub state_bytes: u64,
}

impl Peaks {
    /// With those of another call.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            memory_bytes: self.memory_bytes.max(other.memory_bytes),
            elapsed_us: self.elapsed_us.max(other.elapsed_us),
            host_calls: self.host_calls.max(other.host_calls),
            output_bytes: self.output_bytes.max(other.output_bytes),
            state_bytes: self.state_bytes.max(other.state_bytes),
        }
    }
}

/// What one version of a plugin was observed to ask for under one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Which plugin.
    pub plugin: PluginName,
    /// Its version.
    pub version: String,
    /// Digest of the policy file, as it was signed.
    pub policy: Sha256,
    /// From when on it was observed.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The most that it used.
    pub peaks: Peaks,
    /// Calls beyond [`MOST_CALLS`] different ones.
    pub more: u64,
    /// In the order of their words.
    calls: BTreeMap<(String, Verdict), u64>,
}

/// Text that is no such record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObservedError {
    /// It begins otherwise.
    #[error("it does not begin as a record of format `{FORMAT}`: {0}")]
    Header(String),
    /// A line is no call.
    #[error("line {line} is no call: {reason}")]
    Call {
        /// From 1.
        line: usize,
        /// Why not.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Header {
    format: String,
    plugin: PluginName,
    version: String,
    policy: Sha256,
    since_ms: Timestamp,
    until_ms: Timestamp,
    peaks: Peaks,
    more: u64,
}

#[derive(Serialize, Deserialize)]
struct Line {
    call: String,
    answer: Verdict,
    count: u64,
}

impl Observed {
    /// Nothing yet.
    pub fn new(plugin: PluginName, version: String, policy: Sha256, since: Timestamp) -> Self {
        Self {
            plugin,
            version,
            policy,
            since,
            until: since,
            peaks: Peaks::default(),
            more: 0,
            calls: BTreeMap::new(),
        }
    }

    /// Counts a call.
    pub fn note(&mut self, call: &Call, verdict: Verdict, now: Timestamp) {
        self.until = self.until.max(now);
        let key = (call.to_string(), verdict);
        if let Some(count) = self.calls.get_mut(&key) {
            *count = count.saturating_add(1);
        } else if self.calls.len() < MOST_CALLS {
            self.calls.insert(key, 1);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// The calls with what became of them and how often. Text that a later version wrote and this
    /// one does not read as a call is left out.
    pub fn calls(&self) -> impl Iterator<Item = (Call, Verdict, u64)> {
        self.calls.iter().filter_map(|((text, verdict), count)| {
            Some((Call::from_words(&split(text)?).ok()?, *verdict, *count))
        })
    }

    /// The file.
    pub fn to_text(&self) -> String {
        let header = Header {
            format: FORMAT.to_owned(),
            plugin: self.plugin.clone(),
            version: self.version.clone(),
            policy: self.policy,
            since_ms: self.since,
            until_ms: self.until,
            peaks: self.peaks,
            more: self.more,
        };
        // Texts and numbers always have a JSON form.
        let mut text = serde_json::to_string(&header).unwrap_or_default();
        for ((call, answer), count) in &self.calls {
            let line = Line {
                call: call.clone(),
                answer: *answer,
                count: *count,
            };
            text.push('\n');
            text.push_str(&serde_json::to_string(&line).unwrap_or_default());
        }
        text.push('\n');
        text
    }

    /// Reads the file.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, ObservedError> {
        let mut lines = text.lines().enumerate();
        let first = lines.next().map_or("", |(_, line)| line);
        let header: Header = serde_json::from_str(first)
            .map_err(|error| ObservedError::Header(error.to_string()))?;
        if header.format != FORMAT {
            return Err(ObservedError::Header("its format is another".to_owned()));
        }
        let mut observed = Self::new(
            header.plugin,
            header.version,
            header.policy,
            header.since_ms,
        );
        (observed.until, observed.peaks, observed.more) =
            (header.until_ms, header.peaks, header.more);
        for (index, line) in lines.take(MOST_CALLS) {
            let line: Line = serde_json::from_str(line).map_err(|error| ObservedError::Call {
                line: index + 1,
                reason: error.to_string(),
            })?;
            observed.calls.insert((line.call, line.answer), line.count);
        }
        Ok(observed)
    }
}
