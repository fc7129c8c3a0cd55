//! Actions: what an operator asks of a device, and what came of it.
//!
//! An action is one signed envelope; its id is the envelope's nonce. A device runs it at
//! most once: what was cut in the middle is told as [`Outcome::Interrupted`], never tried
//! again.

mod bridges;
mod document;
mod envelope;
mod hex;
mod id;
mod judge;
mod operator_key;
mod operators;
mod outcome;

#[cfg(test)]
mod tests;

pub use bridges::{Candidate, MOST_BRIDGES, bridges};
pub use document::{
    Audience, Document, DocumentFault, FASTEST_RATE, LONGEST_LIFE, LONGEST_RATE, MOST_DEVICES,
    Order,
};
pub use envelope::{DOMAIN, Envelope, EnvelopeError, LONGEST_ENVELOPE};
pub use id::{ActionId, ActionIdError};
pub use judge::{Accepted, Expiry, Judged, Refusal, Standing, judge};
pub use operator_key::{OperatorKey, OperatorKeyError, Signature};
pub use operators::{LONGEST_OPERATORS, OPERATORS_TARGET, Operator, Operators, Reach};
pub use outcome::{Outcome, Progress};

use crate::{bytes::ByteCount, ids::PluginName, time::Timestamp};

/// Longest arguments of an action, and longest result of a handler.
pub const LONGEST_VALUE: ByteCount = ByteCount::kib(64);

/// What a handler is asked to do, once everything that the device demands was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which action.
    pub id: ActionId,
    /// The plugin that handles it.
    pub handler: PluginName,
    /// A JSON object in the handler's own words, at most [`LONGEST_VALUE`].
    pub arguments: String,
    /// Up to when it may begin; what has begun ends by the policy's deadline.
    pub expires: Timestamp,
}
