//! A grant: one capability, allowed or denied, with a scope.

use super::FileRoot;
use crate::time::Timestamp;

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
}

impl Capability {
    /// Every capability, in the contract's order.
    pub const ALL: [Self; 7] = [
        Self::Log,
        Self::Clock,
        Self::State,
        Self::Config,
        Self::System,
        Self::Files,
        Self::Network,
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
        }
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
    /// All of it: for capabilities that have no parts.
    Whole,
    /// Files below these roots.
    Files(Vec<FileRoot>),
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
    /// From then on the capability answers `denied`.
    pub expires: Option<Timestamp>,
    /// The approver's judgement.
    pub risk: Risk,
}
