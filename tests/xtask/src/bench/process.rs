//! What the kernel tells of a running program.

use std::{fs, time::Duration};

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

    /// CPU time that its living threads have used, from `schedstat`, whose unit is the
    /// nanosecond.
    pub(crate) fn cpu(self) -> anyhow::Result<Duration> {
        let folder = format!("/proc/{}/task", self.0);
        let mut ns = 0;
        for thread in fs::read_dir(&folder).with_context(|| folder.clone())? {
            let path = thread?.path().join("schedstat");
            // A thread can end between the two reads.
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let used = text.split(' ').next().unwrap_or_default();
            ns += used
                .parse::<u64>()
                .with_context(|| path.display().to_string())?;
        }
        Ok(Duration::from_nanos(ns))
    }

    /// How many threads it has.
    pub(crate) fn threads(self) -> anyhow::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/task", self.0))?.count())
    }
}
