//! Medians and percentiles, the clocks, and what others use of the processors.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};

/// What a benchmark answers: figures by name, in the unit that the table names.
pub(crate) type Figures = Vec<(String, f64)>;

/// CPU time of all threads of this process.
pub(crate) fn process_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // Neither is ever negative on this clock.
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// CPU time of this thread, in nanoseconds.
pub(crate) fn thread_cpu_ns() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// What other programs use of the processors from a point in time on.
pub(crate) struct Others {
    began: Instant,
    busy: Duration,
    own: Duration,
}

impl Others {
    pub(crate) fn begin() -> anyhow::Result<Self> {
        Ok(Self {
            began: Instant::now(),
            busy: machine_busy()?,
            own: process_cpu(),
        })
    }

    /// Processors that they used since, on average. To a hundredth of a second.
    pub(crate) fn share(&self) -> anyhow::Result<f64> {
        let own = process_cpu().saturating_sub(self.own);
        let all = machine_busy()?.saturating_sub(self.busy);
        Ok(all.saturating_sub(own).as_secs_f64() / self.began.elapsed().as_secs_f64())
    }
}

/// CPU time of the whole machine, all processors together, from `/proc/stat` (proc_stat(5)).
fn machine_busy() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/stat").context("/proc/stat")?;
    busy(&text).context("/proc/stat has no line of all processors")
}

fn busy(stat: &str) -> Option<Duration> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks = line
        .split_ascii_whitespace()
        .map(|ticks| ticks.parse::<u64>().ok())
        .collect::<Option<Vec<_>>>()?;
    // User, nice, system, idle, waiting for a disk, interrupts, soft ones, stolen by another
    // guest. Guests of ours are part of user's.
    let [user, nice, system, _, _, interrupts, soft, stolen, ..] = ticks[..] else {
        return None;
    };
    let ticks = user + nice + system + interrupts + soft + stolen;
    // The kernel tells programs of hundredths, whatever it counts in itself.
    Some(Duration::from_millis(ticks * 10))
}

/// The value below which `per_cent` of the samples are, by the nearest rank.
pub(crate) fn percentile(samples: &[f64], per_cent: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (per_cent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .or(sorted.last())
        .copied()
        .unwrap_or(f64::NAN)
}

pub(crate) fn median(samples: &[f64]) -> f64 {
    percentile(samples, 50.0)
}

pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_busy_for_as_long_as_it_neither_rests_nor_waits_for_a_disk() {
        let stat = "cpu  100 20 30 9000 400 5 6 7 50 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(busy(stat), Some(Duration::from_millis(1_680)));
        assert_eq!(busy("cpu0 1 1 1 1 1 1 1 1"), None);
        assert_eq!(busy("cpu  1 1"), None);
    }

    #[test]
    fn percentiles_are_samples_by_the_nearest_rank() {
        let samples: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(percentile(&samples, 99.0), 198.0);
        assert_eq!(median(&samples), 100.0);
        assert_eq!(percentile(&[7.0], 99.0), 7.0);
        assert!(median(&[]).is_nan());
    }
}
