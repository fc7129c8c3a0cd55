//! Decisions about host calls that are written down: what a plugin was refused, and what it
//! did that changes something outside of it.
//!
//! Reads that are allowed are not among them: there are thousands in a minute, and accounting
//! has their number. What a plugin makes happen in a loop must not push everything else out of
//! the log, nor wear a flash disk out, so the [`Ledger`] decides what is written now and what is
//! only counted.

mod ledger;
mod redact;

use std::fmt;

pub use ledger::{AT_ONCE, DISTINCT, EVERY, Ledger, Note, REFILL, Summary, Unlisted};
pub use redact::{LONGEST_CALL, in_words};

use crate::{action::ActionId, policy::Call, session::SessionId};

/// A host call with what was decided about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What was asked for.
    pub call: Call,
    /// What came of it.
    pub answer: Answer,
    /// The session that it is about: the one that was named, or for which the instance runs.
    pub session: Option<SessionId>,
    /// The action that was at work.
    pub action: Option<ActionId>,
}

/// What came of a host call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The policy allows it not, or not any more.
    Refused,
    /// The policy allows the name, but a link on the way leads to what it does not allow.
    LedAstray,
    /// It was allowed and done.
    Done,
    /// It was allowed and not done, or not to the end, and why.
    Failed(String),
}

impl Answer {
    /// Which of the two kinds it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Refused | Self::LedAstray => Kind::Denial,
            Self::Done | Self::Failed(_) => Kind::Effect,
        }
    }
}

/// What a decision is, in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something was refused.
    Denial,
    /// Something was allowed that changes something outside of the plugin.
    Effect,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denial => "denial",
            Self::Effect => "effect",
        })
    }
}
