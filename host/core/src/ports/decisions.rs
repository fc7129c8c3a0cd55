//! What is written down of host calls.

use crate::{decision::Decision, policy};

/// Where a plugin's decisions go, see [`crate::decision`]. Called while a host call is answered:
/// it must not wait.
pub trait Decisions: Send + Sync {
    /// Takes one.
    fn note(&self, decision: Decision);
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
