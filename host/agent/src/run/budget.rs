//! Keeps the agent's own budget. It is looked at when a collector was called, or somebody asks:
//! nothing here wakes an idle agent, which uses nothing.
//!
//! Counted is this process: not the privileged one beside it and not the compiler, which work
//! for what was signed or asked for, and not by a schedule.

use std::{
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bailiwick_core::{
    budget::{Budget, Pressure, Stretch, Supply, Used},
    time::Monotonic,
};
use bailiwick_device::{OwnUse, POWER_SUPPLIES, supply};

use super::host::Host;
use crate::{budget::BudgetReport, events::Event};

/// A battery's controller takes its time to answer: it is asked no more often.
const SUPPLY: Duration = Duration::from_secs(60);

/// The budget, and how the agent stands to it.
pub(crate) struct OwnBudget {
    state: Mutex<State>,
    /// What schedules ask each time.
    stretch: AtomicU32,
}

struct State {
    budget: Budget,
    pressure: Pressure,
    /// When somebody looked from what the machine lives, and what it was.
    supply: Option<(Monotonic, Supply)>,
}

impl OwnBudget {
    pub(crate) fn new(budget: Budget) -> Self {
        Self {
            state: Mutex::new(State {
                budget,
                pressure: Pressure::default(),
                supply: None,
            }),
            stretch: AtomicU32::new(Stretch::NONE.get()),
        }
    }

    /// Another one counts from the next look on.
    pub(crate) fn set(&self, budget: Budget) {
        self.state().budget = budget;
    }

    /// How much longer intervals are.
    pub(crate) fn stretch(&self) -> Stretch {
        Stretch::nearest(self.stretch.load(Ordering::Relaxed))
    }

    /// Whether what can be dropped is to be dropped.
    pub(crate) fn is_short_of_memory(&self) -> bool {
        self.state().pressure.standing().short_of_memory
    }

    /// How the agent stood at the last look; none if nothing tells what it uses.
    pub(crate) fn report(&self) -> Option<BudgetReport> {
        let state = self.state();
        let standing = state.pressure.standing();
        // A process always has memory.
        (standing.resident.get() > 0).then(|| BudgetReport::new(standing, state.budget))
    }

    /// Looks, unless that was just done. Gives what is to be told: intervals are others now.
    fn look(&self, now: Monotonic) -> Option<BudgetReport> {
        let mut state = self.state();
        if !state.pressure.is_due(now) {
            return None;
        }
        let own = OwnUse::now()?;
        let supply = match state.supply {
            Some((at, supply)) if now.since(at) < SUPPLY => supply,
            _ => {
                let supply = supply(Path::new(POWER_SUPPLIES));
                state.supply = Some((now, supply));
                supply
            }
        };
        let used = Used {
            cpu: own.cpu,
            resident: own.resident,
            supply,
        };
        let budget = state.budget;
        let changed = state.pressure.observe(now, used, &budget);
        let standing = state.pressure.standing();
        self.stretch
            .store(standing.stretch.get(), Ordering::Relaxed);
        changed.then(|| BudgetReport::new(standing, budget))
    }

    /// It is whole between two calls, whoever panicked.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    /// Sees what the agent uses, and tells if it samples more or less often from now on.
    pub(crate) async fn look_at_budget(&self) {
        if let Some(report) = self.budget.look(self.clock.monotonic()) {
            self.tell(Event::Budget(report)).await;
        }
    }
}
