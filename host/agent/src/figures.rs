//! What a plugin has used, and what it may use, as the console is told.

use std::time::Duration;

use bailiwick_core::{limits::Limits, policy::CapabilitySet};
use bailiwick_sandbox::Usage;
use serde::{Deserialize, Serialize};

/// What all instances of one generation have used together since it took over, in this run
/// of the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Figures {
    /// Calls of its exports.
    pub(crate) calls: u64,
    /// Those that a trap ended.
    pub(crate) traps: u64,
    pub(crate) host_calls: u64,
    /// Host calls that were denied.
    pub(crate) denials: u64,
    /// CPU time, in the guest and in host calls.
    pub(crate) cpu_us: u64,
    /// Time on the clock in the guest, waiting for the processor included.
    #[serde(default)]
    pub(crate) guest_us: u64,
    /// Time on the clock in host calls.
    #[serde(default)]
    pub(crate) host_us: u64,
    /// Most memory of one instance, host buffers included.
    pub(crate) memory_high_bytes: u64,
    /// What its exports returned.
    pub(crate) out_bytes: u64,
    /// Lines of its log that were beyond its limit.
    pub(crate) log_lines_dropped: u64,
    /// Which capabilities it called.
    #[serde(default)]
    pub(crate) capabilities: CapabilitySet,
}

impl From<&Usage> for Figures {
    fn from(usage: &Usage) -> Self {
        Self {
            calls: usage.calls,
            traps: usage.traps,
            host_calls: usage.host_calls,
            denials: usage.denials,
            cpu_us: micros(usage.cpu),
            guest_us: micros(usage.guest_time),
            host_us: micros(usage.host_time),
            memory_high_bytes: usage.memory_high_water.get(),
            out_bytes: usage.output.get(),
            log_lines_dropped: usage.log_lines_dropped,
            capabilities: usage.capabilities,
        }
    }
}

impl Figures {
    /// With what others have used.
    pub(crate) fn and(self, others: impl Into<Self>) -> Self {
        self.each(others.into(), u64::saturating_add, u64::max)
    }

    /// What was used since the figures were `earlier`. Memory stays at its highest.
    pub(crate) fn since(self, earlier: Self) -> Self {
        self.each(earlier, u64::saturating_sub, |highest, _| highest)
    }

    fn each(
        self,
        other: Self,
        count: impl Fn(u64, u64) -> u64,
        highest: impl Fn(u64, u64) -> u64,
    ) -> Self {
        Self {
            calls: count(self.calls, other.calls),
            traps: count(self.traps, other.traps),
            host_calls: count(self.host_calls, other.host_calls),
            denials: count(self.denials, other.denials),
            cpu_us: count(self.cpu_us, other.cpu_us),
            guest_us: count(self.guest_us, other.guest_us),
            host_us: count(self.host_us, other.host_us),
            memory_high_bytes: highest(self.memory_high_bytes, other.memory_high_bytes),
            out_bytes: count(self.out_bytes, other.out_bytes),
            log_lines_dropped: count(self.log_lines_dropped, other.log_lines_dropped),
            capabilities: self.capabilities.and(other.capabilities),
        }
    }
}

/// The limits of a plugin's policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Bounds {
    pub(crate) memory_bytes: u64,
    pub(crate) deadline_ms: u64,
    /// Thousandths of a core.
    pub(crate) cpu_per_mille: u16,
    /// Over which that share counts.
    pub(crate) cpu_window_ms: u64,
    pub(crate) output_bytes: u64,
    pub(crate) host_calls: u32,
    pub(crate) log_lines: u32,
    pub(crate) state_bytes: u64,
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        Self {
            memory_bytes: limits.memory.get(),
            deadline_ms: millis(limits.deadline.get()),
            cpu_per_mille: limits.cpu.per_mille,
            cpu_window_ms: millis(limits.cpu.window.get()),
            output_bytes: limits.output.get(),
            host_calls: limits.host_calls,
            log_lines: limits.log_lines,
            state_bytes: limits.state.get(),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use bailiwick_core::bytes::ByteCount;

    use super::*;

    fn usage(calls: u64, mib: u64) -> Usage {
        Usage {
            calls,
            cpu: Duration::from_millis(3),
            guest_time: Duration::from_millis(4),
            host_time: Duration::from_millis(5),
            memory_high_water: ByteCount::mib(mib),
            output: ByteCount::new(10),
            ..Usage::default()
        }
    }

    #[test]
    fn instances_are_summed_but_for_the_memory_of_which_the_highest_counts() {
        let figures = Figures::default().and(&usage(2, 5)).and(&usage(1, 4));
        assert_eq!((figures.calls, figures.out_bytes), (3, 20));
        assert_eq!(figures.cpu_us, 6_000);
        assert_eq!((figures.guest_us, figures.host_us), (8_000, 10_000));
        assert_eq!(figures.memory_high_bytes, 5 * 1024 * 1024);
    }

    #[test]
    fn what_was_told_piece_by_piece_is_what_was_used() {
        let (first, second) = (Figures::from(&usage(2, 5)), Figures::from(&usage(7, 6)));
        let pieces = Figures::default().and(first).and(second.since(first));
        assert_eq!(pieces, second);
    }

    #[test]
    fn figures_of_an_older_agent_are_read() {
        let mut json = serde_json::to_value(Figures::from(&usage(1, 1))).unwrap();
        json.as_object_mut().unwrap().remove("guest-us");
        let read: Figures = serde_json::from_value(json).unwrap();
        assert_eq!((read.guest_us, read.host_us), (0, 5_000));
    }
}
