//! How the agent stands to its budget, as it is told.

use bailiwick_core::{
    budget::{Budget, CpuShare, Standing, Stretch, Supply},
    bytes::ByteCount,
};
use serde::{Deserialize, Serialize};

/// What the agent's process uses of what it may, and what follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct BudgetReport {
    /// How many times longer intervals of collectors are; 1 is as policies say.
    pub(crate) stretch: u32,
    /// Of one core in the last minute, in hundredths of a percent.
    pub(crate) cpu_basis_points: u32,
    /// What that may be.
    pub(crate) cpu_budget_basis_points: u32,
    /// Resident memory.
    pub(crate) resident_bytes: u64,
    /// What that may be.
    pub(crate) memory_budget_bytes: u64,
    /// Whether instances are dropped between two calls.
    pub(crate) short_of_memory: bool,
    /// Whether the machine lives from a battery.
    pub(crate) on_battery: bool,
}

impl BudgetReport {
    pub(crate) fn new(standing: Standing, budget: Budget) -> Self {
        Self {
            stretch: standing.stretch.get(),
            cpu_basis_points: standing.cpu.get(),
            cpu_budget_basis_points: budget.cpu.get(),
            resident_bytes: standing.resident.get(),
            memory_budget_bytes: budget.memory.get(),
            short_of_memory: standing.short_of_memory,
            on_battery: standing.supply == Supply::Battery,
        }
    }

    /// In plain words, with why it is so.
    pub(crate) fn words(&self) -> String {
        let over = self.cpu_basis_points > self.cpu_budget_basis_points || self.short_of_memory;
        format!(
            "{} of a core over a minute, of {}; {} MB resident, of {}; sampling {}{}{}{}",
            CpuShare::new(self.cpu_basis_points),
            CpuShare::new(self.cpu_budget_basis_points),
            self.resident_bytes.div_ceil(1_000_000),
            ByteCount::new(self.memory_budget_bytes),
            match self.stretch {
                1 => "as policies say".to_owned(),
                stretch => format!("{stretch} times less often"),
            },
            if self.on_battery { ", on battery" } else { "" },
            if self.short_of_memory {
                ", keeping no instance between two calls"
            } else {
                ""
            },
            if over && self.stretch == Stretch::MOST.get() {
                "; nothing more can be done here: raise the budget, or assign less"
            } else {
                ""
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_figures_and_what_follows_from_them() {
        let mut report = BudgetReport {
            stretch: 1,
            cpu_basis_points: 31,
            cpu_budget_basis_points: 100,
            resident_bytes: 13_100_000,
            memory_budget_bytes: 80_000_000,
            short_of_memory: false,
            on_battery: false,
        };
        let calm = "0.31 % of a core over a minute, of 1 %; 14 MB resident, of 80 MB; sampling as \
                    policies say";
        assert_eq!(report.words(), calm);
        (report.stretch, report.on_battery) = (2, true);
        let words = report.words();
        assert!(words.ends_with("; sampling 2 times less often, on battery"));
        (report.stretch, report.short_of_memory) = (8, true);
        let words = report.words();
        assert!(
            words.ends_with(
                "between two calls; nothing more can be done here: raise the budget, or assign less"
            ),
            "{words}"
        );
    }
}
