//! What the kernel tells of a running program.

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::Context as _;

/// A program by its process id.
#[derive(Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// A value of `/proc/PID/status` in MB; the kernel's kB count as 1,024 bytes.
    pub(crate) fn megabytes(self, key: &str) -> anyhow::Result<f64> {
        let path = format!("/proc/{}/status", self.0);
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
            .with_context(|| format!("{path} has no {key}"))?;
        let kilobytes: f64 = value
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .with_context(|| format!("{key} of {path}"))?;
        Ok(kilobytes * 1_024.0 / 1e6)
    }

    /// Nanoseconds of CPU that each of its living threads has used, by the thread's id, from
    /// `schedstat`.
    fn threads_cpu(self) -> anyhow::Result<BTreeMap<u32, u64>> {
        let folder = format!("/proc/{}/task", self.0);
        let mut used = BTreeMap::new();
        for thread in fs::read_dir(&folder).with_context(|| folder.clone())? {
            let thread = thread?;
            let path = thread.path().join("schedstat");
            // A thread can end between the two reads.
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let told = || path.display().to_string();
            let ns = text.split(' ').next().unwrap_or_default();
            let id = thread.file_name().to_string_lossy().parse();
            used.insert(id.with_context(told)?, ns.parse().with_context(told)?);
        }
        Ok(used)
    }

    /// How many threads it has.
    pub(crate) fn threads(self) -> anyhow::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/task", self.0))?.count())
    }
}

/// How often who keeps an account looks: tokio ends a thread that had nothing to do for 10 s,
/// so nothing that a thread used is missed.
pub(crate) const LOOK: Duration = Duration::from_secs(3);

/// CPU time of a program from a point in time on, that of threads which have ended included.
pub(crate) struct CpuAccount {
    process: Process,
    /// What each living thread had used at the last look.
    seen: BTreeMap<u32, u64>,
    ns: u64,
}

impl CpuAccount {
    pub(crate) fn begin(process: Process) -> anyhow::Result<Self> {
        let seen = process.threads_cpu()?;
        Ok(Self {
            process,
            seen,
            ns: 0,
        })
    }

    /// Adds what was used since the last look.
    pub(crate) fn look(&mut self) -> anyhow::Result<()> {
        let now = self.process.threads_cpu()?;
        self.ns += more(&self.seen, &now);
        self.seen = now;
        Ok(())
    }

    /// All of it, up to the last look.
    pub(crate) const fn used(&self) -> Duration {
        Duration::from_nanos(self.ns)
    }
}

/// What threads used between two looks. One with less than before is another one, to which
/// the kernel gave the same id.
fn more(before: &BTreeMap<u32, u64>, now: &BTreeMap<u32, u64>) -> u64 {
    now.iter()
        .map(|(thread, ns)| {
            let before = before.get(thread).copied().unwrap_or(0);
            ns.checked_sub(before).unwrap_or(*ns)
        })
        .sum()
}

/// How many processes the machine has, the kernel's own included.
pub(crate) fn processes() -> anyhow::Result<usize> {
    let entries = fs::read_dir("/proc")?.map_while(Result::ok);
    let is_process = |name: &[u8]| name.iter().all(u8::is_ascii_digit);
    Ok(entries
        .filter(|entry| is_process(entry.file_name().as_encoded_bytes()))
        .count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_come_and_go_are_counted_once() {
        let before = BTreeMap::from([(1, 100), (2, 500), (3, 70)]);
        // 1 went on, 2 ended and another got its id, 3 ended, 4 is new.
        let now = BTreeMap::from([(1, 130), (2, 20), (4, 7)]);
        assert_eq!(more(&before, &now), 30 + 20 + 7);
    }

    #[test]
    fn what_this_test_uses_is_in_its_account() {
        let process = Process(std::process::id());
        let mut account = CpuAccount::begin(process).unwrap();
        let mut turns = 0_u64;
        while account.used() < Duration::from_millis(20) {
            turns = std::hint::black_box(turns + 1);
            if turns.is_multiple_of(1_000_000) {
                account.look().unwrap();
            }
        }
        assert!(processes().unwrap() >= 1);
    }
}
