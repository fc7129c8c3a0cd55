//! What an instance has used, for reports.

use std::time::Duration;

use bailiwick_core::{bytes::ByteCount, policy::CapabilitySet};

/// Everything since the instance started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Calls of the plugin's exports.
    pub calls: u64,
    /// Those that ended with a trap: 0 or 1.
    pub traps: u64,
    /// Host calls.
    pub host_calls: u64,
    /// Host calls answered with `denied`.
    pub denials: u64,
    /// Time on the clock in the guest, waiting for the processor included.
    pub guest_time: Duration,
    /// Time on the clock in host calls.
    pub host_time: Duration,
    /// CPU time, in the guest and in host calls on its thread.
    pub cpu: Duration,
    /// Memories, tables and host buffers now.
    pub memory: ByteCount,
    /// The same, at its highest.
    pub memory_high_water: ByteCount,
    /// Lines that `log` kept.
    pub log_lines: u64,
    /// Lines that it dropped.
    pub log_lines_dropped: u64,
    /// Which capabilities were called.
    pub capabilities: CapabilitySet,
    /// Bytes that `collect` and `save` returned.
    pub output: ByteCount,
}
