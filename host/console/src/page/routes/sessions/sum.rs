//! Sums of what was used, and their means over a stretch of time.

use maud::{Markup, html};

use crate::page::render::{
    chart::{Measure, words},
    time,
};

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum By {
    #[default]
    Cpu,
    Memory,
}

/// What was used, of one thing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sum {
    cpu_us: f64,
    memory_kib_ms: f64,
    /// How long it was looked at.
    pub(super) ms: f64,
}

impl Sum {
    pub(super) fn of(ms: i64, cpu_us: i64, memory_kib_ms: i64) -> Self {
        Self {
            cpu_us: cpu_us as f64,
            memory_kib_ms: memory_kib_ms as f64,
            ms: ms as f64,
        }
    }

    /// This part of it.
    pub(super) fn share(self, part: f64) -> Self {
        Self {
            cpu_us: self.cpu_us * part,
            memory_kib_ms: self.memory_kib_ms * part,
            ms: self.ms * part,
        }
    }

    /// One behind the other.
    pub(super) fn then(self, next: Self) -> Self {
        Self {
            ms: self.ms + next.ms,
            ..self.and(next)
        }
    }

    /// Both, at the same time.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            cpu_us: self.cpu_us + other.cpu_us,
            memory_kib_ms: self.memory_kib_ms + other.memory_kib_ms,
            ms: self.ms.max(other.ms),
        }
    }

    /// Per cent of a core, or bytes, on average over `ms`.
    fn mean(self, measure: Measure, ms: f64) -> f64 {
        match measure {
            _ if ms <= 0.0 => 0.0,
            Measure::Cpu => self.cpu_us / (ms * 10.0),
            Measure::Memory => self.memory_kib_ms * 1024.0 / ms,
        }
    }

    pub(super) fn weight(self, by: By) -> f64 {
        match by {
            By::Cpu => self.cpu_us,
            By::Memory => self.memory_kib_ms,
        }
    }
}

/// Three columns of a table: what is used on average over `ms`, and the processor's time.
pub(super) fn figures(sum: Sum, ms: f64) -> Markup {
    let mean = |measure| words(sum.mean(measure, ms), measure);
    html! {
        td.figure data-label="CPU" { (mean(Measure::Cpu)) }
        td.figure data-label="CPU time" { (time::lasting_us(sum.cpu_us as u64)) }
        td.figure data-label="Memory" { (mean(Measure::Memory)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_over_the_time_that_was_looked_at() {
        let sum = Sum::of(1_000, 250_000, 4_000);
        assert_eq!(sum.mean(Measure::Cpu, 1_000.0), 25.0);
        assert_eq!(sum.mean(Measure::Memory, 1_000.0), 4_096.0);
        assert_eq!(sum.mean(Measure::Cpu, 0.0), 0.0);
    }
}
