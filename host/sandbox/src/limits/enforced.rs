//! Which enforcers are at work: all of them, outside the tests of this crate.

/// One limit's enforcement, or another defence against what a guest does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enforcer {
    Memory,
    Deadline,
    Cpu,
    Output,
    HostCalls,
    LogLines,
    State,
    /// Lines are cut and made fit for terminals.
    LineShape,
    /// Keys of the state have a form.
    StateKeys,
    /// The clock tells no more than microseconds.
    ClockResolution,
    /// A guest that computes lets others run.
    GivingWay,
    /// Paths have one form, and lie beneath a granted root.
    Paths,
    /// Headers of requests name no other server, path or method.
    Headers,
    /// What `wake` sends is a magic packet to whom the policy names.
    MagicPackets,
    /// A handler whose action was called off is stopped.
    CallingOff,
    /// A handler's words are passed on only so often.
    Words,
    /// Handles of WASI are counted.
    WasiHandles,
    /// Random numbers of WASI are bounded.
    WasiRandom,
    /// What only handlers may have is not linked for others.
    Worlds,
    /// An instance that runs for a session names no other one.
    OwnSession,
}

/// Which enforcers are at work. Only tests of this crate can switch one off, to show that
/// its probe then fails.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Enforced {
    #[cfg(test)]
    off: Option<Enforcer>,
}

impl Enforced {
    /// All but one.
    #[cfg(test)]
    pub(crate) const fn all_but(enforcer: Enforcer) -> Self {
        Self {
            off: Some(enforcer),
        }
    }

    #[cfg(test)]
    pub(crate) fn is_on(self, enforcer: Enforcer) -> bool {
        self.off != Some(enforcer)
    }

    #[cfg(not(test))]
    pub(crate) const fn is_on(self, _: Enforcer) -> bool {
        true
    }
}
