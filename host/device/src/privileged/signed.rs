//! Whom the privileged process believes: whoever signed, and not the agent.

use bailiwick_core::{digest::Sha256, policy::Policy};

/// Policies that somebody trusted has signed, proven in the privileged process itself. What it
/// reads may be written by whoever broke out into the agent, so that proves nothing by itself.
pub trait SignedPolicies {
    /// The policy whose file has this digest, if it is one of those that are signed now.
    ///
    /// # Errors
    /// It is not, or that can't be proven: why, for whoever asked.
    fn policy(&mut self, digest: &Sha256) -> Result<&Policy, String>;

    /// Something newer may have been signed.
    fn look_again(&mut self);
}
