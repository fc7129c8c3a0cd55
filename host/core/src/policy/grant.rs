//! A grant: one capability, allowed or denied, with a scope.

use std::fmt;

use super::{Controls, FileRoot, Messages, Powers, Program, Requests, Seen, Wakes};
use crate::{
    limits::Limits,
    time::{Span, Timestamp},
};

/// What can be allowed: one interface of the contract each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the interface of that name in wit/")]
pub enum Capability {
    Log,
    Clock,
    State,
    Config,
    System,
    Files,
    Network,
    Processes,
    Sessions,
    Exec,
    Wake,
    ProcessControl,
    Http,
    Message,
    Power,
    Watch,
}

impl Capability {
    /// Every capability, in the contract's order.
    pub const ALL: [Self; 16] = [
        Self::Log,
        Self::Clock,
        Self::State,
        Self::Config,
        Self::System,
        Self::Files,
        Self::Network,
        Self::Processes,
        Self::Sessions,
        Self::Exec,
        Self::Wake,
        Self::ProcessControl,
        Self::Http,
        Self::Message,
        Self::Power,
        Self::Watch,
    ];

    /// Its name in policies and in the contract: `files` is `bailiwick:plugin/files`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Clock => "clock",
            Self::State => "state",
            Self::Config => "config",
            Self::System => "system",
            Self::Files => "files",
            Self::Network => "network",
            Self::Processes => "processes",
            Self::Sessions => "sessions",
            Self::Exec => "exec",
            Self::Wake => "wake",
            Self::ProcessControl => "process-control",
            Self::Http => "http",
            Self::Message => "message",
            Self::Power => "power",
            Self::Watch => "watch",
        }
    }

    /// The capability of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|capability| capability.name() == name)
    }

    /// Whether a grant of it names parts (its scope is not [`Scope::Whole`]).
    pub const fn has_parts(self) -> bool {
        match self {
            Self::Files
            | Self::Processes
            | Self::Sessions
            | Self::Exec
            | Self::Wake
            | Self::ProcessControl
            | Self::Http
            | Self::Message
            | Self::Power
            | Self::Watch => true,
            Self::Log | Self::Clock | Self::State | Self::Config | Self::System | Self::Network => {
                false
            }
        }
    }

    /// Whether it tells of the device as a whole, all fields unless a grant says otherwise.
    pub const fn gives_facts(self) -> bool {
        matches!(self, Self::System | Self::Network)
    }

    /// Whether only action handlers have it, whatever a policy grants: it meddles with what
    /// people are at, and of what a handler does an operator signed each piece.
    pub const fn is_of_handlers(self) -> bool {
        match self {
            Self::ProcessControl | Self::Message | Self::Power => true,
            Self::Log
            | Self::Clock
            | Self::State
            | Self::Config
            | Self::System
            | Self::Files
            | Self::Network
            | Self::Processes
            | Self::Sessions
            | Self::Exec
            | Self::Wake
            | Self::Http
            | Self::Watch => false,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whether a grant gives or takes. Deny beats allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Gives.
    Allow,
    /// Takes, whatever allows.
    Deny,
}

/// How bad it would be if the plugin abused the grant, in the approver's judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "three words that say it")]
pub enum Risk {
    Low,
    Medium,
    High,
}

/// What part of the capability is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of it: for capabilities that have no parts, and for an owner's denial of one
    /// that has.
    Whole,
    /// Files below these roots.
    Files(Vec<FileRoot>),
    /// Whose processes or sessions, and how much of which fields of them; how much of which
    /// fields of the system and the network, where that is not all.
    Seen(Seen),
    /// These programs.
    Programs(Vec<Program>),
    /// These neighbours, on these links.
    Wakes(Wakes),
    /// Processes of these programs.
    Controls(Controls),
    /// These requests.
    Requests(Requests),
    /// To these users.
    Messages(Messages),
    /// These, of what is done to the whole device.
    Powers(Powers),
}

/// One capability allowed or denied with a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What.
    pub capability: Capability,
    /// Allowed or denied.
    pub effect: Effect,
    /// Which part of it.
    pub scope: Scope,
    /// Why the plugin needs it, or must not have it. Never empty.
    pub reason: String,
    /// The key of the `policies` role whose holder approved it, by its name.
    pub approved_by: String,
    /// From then on the capability answers `denied`. A denial never expires.
    pub expires: Option<Timestamp>,
    /// The approver's judgement.
    pub risk: Risk,
    /// Where it is written.
    pub source: GrantSource,
}

impl Grant {
    /// For how long it has users warned, if no call may take so long.
    pub(super) fn warns_beyond(&self, limits: &Limits) -> Option<Span> {
        let Scope::Powers(powers) = &self.scope else {
            return None;
        };
        let warned = Span::new(powers.warn_for);
        (warned >= limits.deadline).then_some(warned)
    }

    /// Whether it has expired at `now`.
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

/// Where a grant is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantSource {
    /// In the policy.
    Policy {
        /// From 1.
        line: u32,
    },
    /// In the ceiling file of the device's owner.
    Ceiling {
        /// From 1.
        line: u32,
    },
}

impl fmt::Display for GrantSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy { line } => write!(f, "line {line} of the policy"),
            Self::Ceiling { line } => write!(f, "line {line} of the owner's ceiling"),
        }
    }
}
