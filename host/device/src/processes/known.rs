//! What is known of a process between two passes.

use std::{os::fd::OwnedFd, sync::Arc, time::Duration};

use bailiwick_core::{
    bytes::ByteCount,
    process::{Described, Process, ProcessState},
    time::Timestamp,
};

use super::{iterated::Iterated, stat::Stat};

/// The unit of times in `stat`, whatever the kernel's own clock: USER_HZ is 100 on every
/// architecture that this program is built for.
pub(super) const MS_PER_TICK: u64 = 10;

/// A process that was read before.
pub(super) struct Known {
    pub(super) process: Process,
    pub(super) cpu_ticks: u64,
    pub(super) started_ticks: u64,
    /// Its `stat`, if that stays open.
    pub(super) stat: Option<OwnedFd>,
    pub(super) iterated: Iterated,
}

impl Known {
    /// Of which nothing is known but its id and its start.
    pub(super) fn new(pid: u32, started_ticks: u64, boot: Timestamp) -> Self {
        let age = Duration::from_millis(started_ticks.saturating_mul(MS_PER_TICK));
        Self {
            process: Process {
                pid,
                started: boot.after(age),
                parent: 0,
                described: Arc::new(Described::default()),
                cpu_ms: 0,
                memory: ByteCount::new(0),
                read: None,
                written: None,
                threads: 0,
                state: ProcessState::Running,
            },
            cpu_ticks: 0,
            started_ticks,
            stat: None,
            iterated: Iterated::default(),
        }
    }

    /// What its `stat` tells.
    pub(super) fn follow(&mut self, stat: &Stat<'_>) {
        self.cpu_ticks = stat.cpu_ticks;
        let process = &mut self.process;
        process.parent = stat.parent;
        process.cpu_ms = stat.cpu_ticks.saturating_mul(MS_PER_TICK);
        process.threads = stat.threads;
        let has_ended = matches!(stat.state, b'Z' | b'X');
        process.state = state(has_ended.then_some(stat.exit));
        self.call(stat.name);
    }

    /// Whether it was read in /proc. The kernel's list alone makes an identity.
    pub(super) fn is_of_proc(&self) -> bool {
        self.iterated == Iterated::default()
    }

    /// By its name, as the kernel tells it.
    pub(super) fn call(&mut self, name: &[u8]) {
        let described = &mut self.process.described;
        if described.name.as_bytes() != name {
            let name = String::from_utf8_lossy(name);
            if described.name != name {
                Arc::make_mut(described).name = name.into_owned();
            }
        }
    }
}

/// Of who ended and still has a number the kernel keeps how, as wait(2) tells it.
pub(super) fn state(ended: Option<u32>) -> ProcessState {
    let Some(exit) = ended else {
        return ProcessState::Running;
    };
    match (exit & 0x7f) as u8 {
        0 => ProcessState::Ended,
        signal => ProcessState::Killed { signal },
    }
}
