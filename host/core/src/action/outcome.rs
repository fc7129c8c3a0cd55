//! How an action ended.

use serde::{Deserialize, Serialize};

/// How an action ended on a device. Every action that reached a device has exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ended", rename_all = "kebab-case")]
pub enum Outcome {
    /// The handler did it.
    Done {
        /// A JSON object in the handler's own words, at most [`super::LONGEST_VALUE`].
        result: String,
    },
    /// The handler tried and could not.
    Failed {
        /// Why, in its words, at most 1 KiB.
        reason: String,
    },
    /// The device refused before a handler heard of it.
    Refused {
        /// Which check, and what to do.
        reason: String,
    },
    /// The time that the policy allows was over; everything it had started was ended.
    TimedOut,
    /// Somebody with the right to do so called it off.
    Cancelled,
    /// The agent was cut while it ran: what it did is unknown, and it is not tried again.
    Interrupted,
}

/// A word from a handler that is at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Of a hundred, if the handler can tell.
    pub percent: Option<u8>,
    /// One line of at most 256 bytes, without control characters.
    pub text: String,
}
