//! What is sent, and in which order.

use std::fmt;

use bailiwick_core::{
    action::ActionId, bytes::ByteCount, ids::PluginName, session::SessionId, time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// The kinds of what is sent, the most urgent first. Each is a queue of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// Outcomes of actions: somebody waits for them.
    Outcomes,
    /// Reports of collectors.
    Reports,
    /// Files about sessions.
    Files,
}

impl Lane {
    /// Every lane, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Outcomes, Self::Reports, Self::Files];

    /// Its place in the order of urgency, from 0.
    pub const fn index(self) -> usize {
        match self {
            Self::Outcomes => 0,
            Self::Reports => 1,
            Self::Files => 2,
        }
    }

    /// Longest body that the console takes of this kind. What is longer could never be
    /// sent, so it is dropped when it is put, and told.
    pub const fn longest(self) -> ByteCount {
        match self {
            Self::Outcomes => ByteCount::kib(256),
            Self::Reports => ByteCount::mib(4),
            Self::Files => ByteCount::mib(1),
        }
    }

    /// Several of it, in a word.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Outcomes => "outcomes",
            Self::Reports => "reports",
            Self::Files => "files",
        }
    }

    /// A few of it, in words.
    pub const fn some(self) -> &'static str {
        match self {
            Self::Outcomes => "some outcomes",
            Self::Reports => "some reports",
            Self::Files => "some files",
        }
    }

    /// One of it, in a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Outcomes => "outcome",
            Self::Reports => "report",
            Self::Files => "file",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What something is, besides its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// What became of an action.
    Outcome {
        /// Of which.
        action: ActionId,
    },
    /// What a collector reports.
    Report {
        /// Whose.
        plugin: PluginName,
        /// `full` or `differential`.
        kind: String,
    },
    /// A file about a session.
    File {
        /// Whose.
        plugin: PluginName,
        /// About which.
        session: SessionId,
    },
}

impl What {
    /// The queue in which it waits.
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Outcome { .. } => Lane::Outcomes,
            Self::Report { .. } => Lane::Reports,
            Self::File { .. } => Lane::Files,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outcome { action } => write!(f, "outcome of action {action}"),
            Self::Report { plugin, kind } => write!(f, "{kind} report of {plugin}"),
            Self::File { plugin, session } => write!(f, "file of {plugin} on session {session}"),
        }
    }
}

/// Something to be kept until its receipt.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// What it is; this decides its lane.
    pub what: What,
    /// The same in every attempt to send it, and used for nothing else: 1 to 200 of
    /// `A-Z a-z 0-9 . _ -`. Putting it again while it waits changes nothing.
    pub key: String,
    /// When it was made.
    pub at: Timestamp,
    /// The bytes that the console gets.
    pub body: Vec<u8>,
    /// What is written in the same commit.
    pub beside: Option<Beside>,
}

/// What must never be ahead of, or behind, what is sent. It is left alone if that is not
/// kept.
#[derive(Clone, Debug)]
pub enum Beside {
    /// What the plugin's report sender remembers once its report exists: a base is never
    /// ahead of its report.
    Sender(Vec<u8>),
    /// How the action of an outcome ended: it is never told and then begun again.
    Action(crate::ActionRecord),
}

/// Something that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// By which it is settled.
    pub ticket: Ticket,
    /// As in [`Outgoing`].
    pub what: What,
    /// As in [`Outgoing`].
    pub key: String,
    /// When it was made.
    pub at: Timestamp,
    /// The bytes that the console gets.
    pub body: Vec<u8>,
}

/// A place in the outbox. None is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// Its queue.
    pub lane: Lane,
    /// In that queue; later ones are higher.
    pub sequence: u64,
}
