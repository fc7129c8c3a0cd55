//! What is written down of host calls.

use crate::{decision::Decision, digest::Sha256, policy};

/// Where a plugin's decisions go, see [`crate::decision`]. Called while a host call is answered:
/// it must not wait.
pub trait Decisions: Send + Sync {
    /// Takes one.
    fn note(&self, decision: Decision);
    /// Digest of the policy file under which the plugin runs, as it was signed; none where nothing
    /// is, as in trials.
    fn policy(&self) -> Option<Sha256> {
        None
    }
    /// Whether the plugin is observed, see [`policy::learn`]: then reads that are allowed, and
    /// what each call of an export used, are told as well.
    fn observes(&self) -> bool {
        false
    }
    /// Takes a read that was allowed.
    fn read(&self, call: policy::Call) {
        drop(call);
    }
    /// Takes what one call of an export used, or a part of it.
    fn used(&self, peaks: policy::learn::Peaks) {
        let _ = peaks;
    }
}

/// Where nobody asks afterwards: for trials of plugins.
#[derive(Clone, Copy, Debug, Default)]
pub struct NotWrittenDown;

impl Decisions for NotWrittenDown {
    fn note(&self, _: Decision) {}
}
