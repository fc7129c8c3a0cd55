//! What one plugin may use at most. Every limit is live: the host refuses to start a
//! plugin for which it could not prove one (see `bailiwick-sandbox`'s probes).

use crate::{bytes::ByteCount, time::Span};

/// A share of one processor core, accounted over a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuShare {
    /// Thousandths of one core; 50 is 5 %. 1 to 1,000.
    pub per_mille: u16,
    /// Over which the share is accounted. A plugin can use `per_mille` / 1,000 of it at
    /// once and then waits.
    pub window: Span,
}

impl CpuShare {
    /// CPU time that may be used within one window, in nanoseconds.
    pub fn budget_ns(self) -> u64 {
        let window = u64::try_from(self.window.get().as_nanos()).unwrap_or(u64::MAX);
        window / 1_000 * u64::from(self.per_mille)
    }
}

/// The limits of one instance of a plugin. None has a default: a policy names each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All linear memories, tables (16 bytes an element) and the host's buffers for the
    /// plugin together. Passing it stops the instance. During a call the larger of
    /// `output` and `state`, but at most half of what is left, is kept free for what the
    /// guest passes to the host.
    pub memory: ByteCount,
    /// Longest time on the clock for one call, host calls included. Passing it stops the
    /// instance.
    pub deadline: Span,
    /// CPU time of all instances of the plugin, in the guest and in host calls, on whatever
    /// thread. Passing it during a call stops the instance; a call is not begun before the
    /// window leaves some.
    pub cpu: CpuShare,
    /// Longest buffer that one call may return. Passing it fails the call.
    pub output: ByteCount,
    /// Host calls during one call. Passing it stops the instance.
    pub host_calls: u32,
    /// Lines that `log` keeps during one call; further ones are dropped and counted.
    pub log_lines: u32,
    /// Keys and values that `state` keeps, and what `save` may hand over. Passing it is an
    /// error that the plugin sees.
    pub state: ByteCount,
}
