//! Learning: what a plugin was observed to ask for, and the least policy for that.
//!
//! A plugin is observed under its own policy: what that denies stays denied, and is noted. A
//! proposal ([`propose`]) is text for a person to read. It never gives more than the policy under
//! which the plugin was observed: what was used is written out, what was not is left out, and
//! what was asked for and refused stands in it as comments.

mod observed;
mod propose;
#[cfg(test)]
mod tests;
mod words;

pub use observed::{MOST_CALLS, Observed, ObservedError, Peaks, Verdict};
pub use propose::{ProposalError, propose};
pub use words::split;
