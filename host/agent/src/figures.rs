//! What a plugin has used, and what it may use, as the console is told.

use std::time::Duration;

use bailiwick_core::limits::Limits;
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
    /// CPU time.
    pub(crate) cpu_us: u64,
    /// Most memory of one instance, host buffers included.
    pub(crate) memory_high_bytes: u64,
    /// What its exports returned.
    pub(crate) out_bytes: u64,
    /// Lines of its log that were beyond its limit.
    pub(crate) log_lines_dropped: u64,
}

impl Figures {
    /// With what one more instance has used.
    pub(crate) fn and(self, usage: &Usage) -> Self {
        Self {
            calls: self.calls.saturating_add(usage.calls),
            traps: self.traps.saturating_add(usage.traps),
            host_calls: self.host_calls.saturating_add(usage.host_calls),
            denials: self.denials.saturating_add(usage.denials),
            cpu_us: self.cpu_us.saturating_add(micros(usage.cpu)),
            memory_high_bytes: self.memory_high_bytes.max(usage.memory_high_water.get()),
            out_bytes: self.out_bytes.saturating_add(usage.output.get()),
            log_lines_dropped: self
                .log_lines_dropped
                .saturating_add(usage.log_lines_dropped),
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

    #[test]
    fn instances_are_summed_but_for_the_memory_of_which_the_highest_counts() {
        let usage = |calls, mib| Usage {
            calls,
            cpu: Duration::from_millis(3),
            memory_high_water: ByteCount::mib(mib),
            output: ByteCount::new(10),
            ..Usage::default()
        };
        let figures = Figures::default().and(&usage(2, 5)).and(&usage(1, 4));
        assert_eq!((figures.calls, figures.out_bytes), (3, 20));
        assert_eq!(figures.cpu_us, 6_000);
        assert_eq!(figures.memory_high_bytes, 5 * 1024 * 1024);
    }
}
