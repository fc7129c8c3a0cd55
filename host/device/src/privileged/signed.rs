//! Whom the privileged process believes: whoever signed, and not the agent.

use bailiwick_core::{
    action::{Envelope, Request},
    digest::Sha256,
    ids::DeviceId,
    policy::Policy,
    time::Timestamp,
};

/// Policies that somebody trusted has signed, proven in the privileged process itself. What it
/// reads may be written by whoever broke out into the agent, so that proves nothing by itself.
pub trait SignedPolicies {
    /// The policy whose file has this digest, if it is one of those that are signed now.
    ///
    /// # Errors
    /// It is not, or that can't be proven: why, for whoever asked.
    fn policy(&mut self, digest: &Sha256) -> Result<&Policy, String>;

    /// The same where it is a handler's, for what no collector may do whoever grants it.
    ///
    /// # Errors
    /// As of [`Self::policy`], or it is a collector's.
    fn handlers_policy(&mut self, digest: &Sha256) -> Result<&Policy, String> {
        let policy = self.policy(digest)?;
        if policy.is_of_a_handler() {
            Ok(policy)
        } else {
            Err("only what handles actions may do that, and its policy has a schedule".to_owned())
        }
    }

    /// Something newer may have been signed.
    fn look_again(&mut self);
}

/// Actions that somebody signed whom somebody trusted has named, proven likewise.
pub trait SignedActions: SignedPolicies {
    /// What an operator asks of a handler on `device`, if it may begin at `now`. It begins with
    /// that, and never again.
    ///
    /// # Errors
    /// It may not, or that can't be proven: why, for whoever asked.
    fn action(
        &mut self,
        envelope: &Envelope,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<Request, String>;
}
