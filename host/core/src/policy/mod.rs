//! What a plugin is granted, by whom, why, and until when.

mod access;
mod call;
mod capability_set;
mod case;
mod compare;
mod exec;
mod explain;
mod facts;
mod files;
mod grant;
mod http;
pub mod learn;
pub(crate) mod limit_keys;
mod matcher;
mod message;
mod parse;
mod parse_controls;
mod parse_grant;
mod parse_limits;
mod parse_messages;
mod parse_powers;
mod parse_programs;
mod parse_requests;
mod parse_seen;
mod parse_wakes;
mod pattern;
mod permit;
mod power;
mod process_control;
mod processes;
mod rates;
mod redaction;
mod sessions;
mod shape;
mod shown;
mod sight;
mod text_pattern;
mod wake;

pub use access::{Access, Denial};
pub use call::{CALLS, Call, CallError, Link, Look, Of, Run};
pub use capability_set::CapabilitySet;
pub use case::Case;
pub use compare::{Change, Comparison, Direction, Place, Relation, Subject, compare};
pub use exec::{Asked, Exec, LONGEST_INPUT, Program, RunAs, RunRefusal};
pub use explain::{Bearing, Explanation};
pub use facts::Facts;
pub use files::{Files, Linked};
pub use grant::{Capability, Effect, Grant, GrantSource, Risk, Scope};
pub use http::{Http, HttpAllowed, Requests};
pub use matcher::{Matcher, Refusal};
pub use message::{Message, MessageAllowed, Messages, Recipient};
pub use parse::LONGEST;
pub use pattern::{AbsolutePattern, FileRoot, LONGEST_PATH, PathPattern, PatternError};
pub use permit::Permit;
pub use power::{
    AWAY_AFTER, NotYet, Power, PowerAllowed, PowerPast, PowerRefusal, PowerVerb, Powers, Presence,
};
pub use process_control::{
    Control, ControlAllowed, ControlVerb, ControlledOf, Controls, Found, ProcessControl,
};
pub use processes::{Processes, ProcessesView};
pub use rates::Rates;
pub use redaction::{Redaction, pseudonym};
pub use sessions::{Sessions, SessionsView};
pub use shape::{Form, Item, LONGEST_ARGUMENT, MOST_ARGUMENTS, Shape};
pub use shown::{last_day, neighbours};
pub use sight::{Fields, Seen, Sensitive, Whose};
pub use text_pattern::{TextPattern, TextPatternError};
pub use wake::{Mac, Wake, WakeAllowed, WakeRefusal, Wakes, magic, packet_for};

use std::collections::BTreeMap;

use crate::{
    ids::{PluginName, VendorName},
    limits::Limits,
    sampling::Sampling,
    time::Span,
};

/// One policy file, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// For which plugin.
    pub plugin: PluginName,
    /// Whose release of it.
    pub vendor: VendorName,
    /// Which versions of it.
    pub versions: semver::VersionReq,
    /// One line for people.
    pub summary: String,
    /// What it may use.
    pub limits: Limits,
    /// When it is called; none for a plugin that is called when somebody asks.
    pub schedule: Option<Interval>,
    /// How the samples of a session-collector are kept.
    pub sampling: Sampling,
    /// Its settings, as the contract's `config` gives them.
    pub config: BTreeMap<String, String>,
    /// What it may do. The order has no meaning: deny beats allow.
    pub grants: Vec<Grant>,
    /// What its author says of it. A device does nothing with them.
    pub cases: Vec<Case>,
}

impl Policy {
    /// Whether it is for a plugin that is called when somebody asks: a handler starts under no
    /// policy with a schedule, and nobody else under one without.
    pub const fn is_of_a_handler(&self) -> bool {
        self.schedule.is_none()
    }
}

/// How often a collector is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// From the due time of one call to the due time of the next.
    pub every: Span,
    /// Each device delays its calls by a fixed share of this, so that a fleet does not
    /// call in step.
    pub jitter: Span,
}

#[cfg(test)]
mod parse_tests;
