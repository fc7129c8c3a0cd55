//! What this process itself uses, for metrics.

use std::time::Duration;

use bailiwick_core::bytes::ByteCount;

/// What this process uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnUse {
    /// Processor time of all its threads since it started.
    pub cpu: Duration,
    /// Memory that is resident now.
    pub resident: ByteCount,
}

impl OwnUse {
    /// As the kernel tells it; `None` where that is not Linux, or does not tell.
    #[cfg(target_os = "linux")]
    pub fn now() -> Option<Self> {
        use rustix::time::{ClockId, clock_gettime};
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Some(Self {
            cpu: Duration::new(
                u64::try_from(cpu.tv_sec).ok()?,
                u32::try_from(cpu.tv_nsec).ok()?,
            ),
            resident: resident(&std::fs::read_to_string("/proc/self/status").ok()?)?,
        })
    }

    /// As the kernel tells it; `None` where that is not Linux, or does not tell.
    #[cfg(not(target_os = "linux"))]
    pub fn now() -> Option<Self> {
        None
    }
}

/// `VmRSS` of proc_pid_status(5), whose kB are 1,024 bytes.
#[cfg(target_os = "linux")]
fn resident(status: &str) -> Option<ByteCount> {
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib = value.trim().strip_suffix(" kB")?;
    Some(ByteCount::kib(kib.parse().ok()?))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_uses_more_and_more() {
        let before = OwnUse::now().unwrap();
        assert!(before.resident > ByteCount::kib(100));
        while OwnUse::now().unwrap().cpu <= before.cpu {}
        assert_eq!(
            resident("Name:\tx\nVmRSS:\t    12 kB\n"),
            Some(ByteCount::kib(12))
        );
        assert_eq!(resident("VmRSS:\tmany kB\n"), None);
    }
}
