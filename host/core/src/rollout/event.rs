//! What happens to a rollout and what it asks for.

use super::{Generation, Transition, Wanted};
use crate::{ids::GenerationId, revocation::Revocations};

/// The steps of a candidate, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Fetch and prove whose it is.
    Verify,
    /// Compare imports with grants.
    Audit,
    /// To native code, in a child.
    Compile,
    /// Beside the old one, limits proven.
    Instantiate,
    /// State from the old one, if there is one, with no call in flight.
    HandOver,
}

impl Step {
    pub(super) const fn next(self) -> Option<Self> {
        match self {
            Self::Verify => Some(Self::Audit),
            Self::Audit => Some(Self::Compile),
            Self::Compile => Some(Self::Instantiate),
            Self::Instantiate => Some(Self::HandOver),
            Self::HandOver => None,
        }
    }

    /// As a verb.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Audit => "audit",
            Self::Compile => "compile",
            Self::Instantiate => "instantiate",
            Self::HandOver => "hand over",
        }
    }
}

/// What happened. Events of a generation that is not the one concerned are late and
/// change nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The agent started. Comes first after a restart.
    Started,
    /// A verified assignment names this plugin.
    Assigned {
        /// Of the assignment.
        serial: u64,
        /// What it names.
        wanted: Wanted,
    },
    /// A verified assignment does not name this plugin for this device.
    Unassigned {
        /// Of the assignment.
        serial: u64,
    },
    /// A step of the candidate succeeded.
    StepDone {
        /// Whose.
        generation: GenerationId,
        /// Which.
        step: Step,
    },
    /// A step of the candidate failed for good.
    StepFailed {
        /// Whose.
        generation: GenerationId,
        /// Which.
        step: Step,
        /// Why, for people.
        reason: String,
    },
    /// A step could not be done this time: no network, no space. Tried again at the next
    /// assignment, even if that is the same.
    StepPutOff {
        /// Whose.
        generation: GenerationId,
        /// Which.
        step: Step,
        /// Why, for people.
        reason: String,
    },
    /// The audit found that the candidate asks for more than its policy grants.
    Widened {
        /// Whose.
        generation: GenerationId,
        /// What it asks for in addition, one line each.
        difference: Vec<String>,
    },
    /// A call of a collector succeeded.
    CallSucceeded {
        /// Of which generation.
        generation: GenerationId,
    },
    /// A call failed or its instance died.
    CallFailed {
        /// Of which generation.
        generation: GenerationId,
        /// Why, for people.
        reason: String,
    },
    /// A verified list of revocations, stored by the caller.
    Revoked(Revocations),
    /// Time passed.
    Tick,
}

/// What to do, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Do this step of the candidate and tell how it ended.
    Do {
        /// Which.
        step: Step,
        /// For what.
        generation: Generation,
        /// What runs now, if anything: whose state is handed over.
        running: Option<Generation>,
    },
    /// Direct calls to this generation. The one before stops, and its artifact stays.
    Activate(Generation),
    /// Start this generation afresh and direct calls to it.
    Start(Generation),
    /// Stop this generation; no call begins any more.
    Stop(Generation),
    /// Forget this generation's instance and artifact.
    Discard(Generation),
    /// Tell people.
    Report(Transition),
}
