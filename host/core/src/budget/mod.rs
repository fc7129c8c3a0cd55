//! What the agent itself may use, and how much less often it samples when it uses more.
//!
//! [`Pressure`] is told now and then, when the agent works anyway, what it has used. Over the
//! budget all intervals of collectors double, once a minute and up to [`Stretch::MOST`]; they
//! shrink again where the use would still be within the budget if twice as often were sampled,
//! with a fifth to spare, so that nothing flaps.

mod share;

use std::{collections::VecDeque, time::Duration};

pub use share::{CpuShare, CpuShareError};

use crate::{bytes::ByteCount, time::Monotonic};

/// Over so long the use of the processor is averaged, and so long a change is left to work.
const MINUTE: Duration = Duration::from_secs(60);
/// No closer are two looks worth it.
const CLOSEST: Duration = Duration::from_secs(1);
/// What is called as seldom as this costs next to nothing, and is not stretched; nothing is
/// stretched beyond it.
const SELDOM: Duration = Duration::from_secs(3_600);
/// The highest level: 2³ times the interval.
const HIGHEST: u32 = 3;

/// The most that the agent is to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Of one core, averaged over a minute.
    pub cpu: CpuShare,
    /// Resident memory.
    pub memory: ByteCount,
}

impl Default for Budget {
    /// 1 % of a core and 80 MB.
    fn default() -> Self {
        Self {
            cpu: CpuShare::PERCENT,
            memory: ByteCount::new(80_000_000),
        }
    }
}

/// From what the machine lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Supply {
    /// Mains, or nothing tells.
    #[default]
    Mains,
    /// A battery that is being emptied.
    Battery,
}

/// What the agent uses at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Processor time since it started.
    pub cpu: Duration,
    /// Memory that is resident now.
    pub resident: ByteCount,
    /// From what the machine lives.
    pub supply: Supply,
}

/// How many times longer intervals are: 1, 2, 4 or 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch(u32);

impl Stretch {
    /// As policies say.
    pub const NONE: Self = Self(1);
    /// The longest.
    pub const MOST: Self = Self(1 << HIGHEST);

    /// As often as it doubles, within the bound.
    const fn doubled(times: u32) -> Self {
        let times = if times < HIGHEST { times } else { HIGHEST };
        Self(1 << times)
    }

    /// The factor.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The one of this factor; what is none is the next lower, within the bounds.
    pub fn nearest(factor: u32) -> Self {
        Self::doubled(factor.max(1).ilog2())
    }

    /// An interval that the policy says, as long as it is now. One of an hour or more stays.
    pub fn of(self, every: Duration) -> Duration {
        every.saturating_mul(self.0).min(every.max(SELDOM))
    }
}

/// How the agent stands to its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How much longer intervals are.
    pub stretch: Stretch,
    /// Of one core, over the last minute.
    pub cpu: CpuShare,
    /// Memory that is resident.
    pub resident: ByteCount,
    /// Memory is short: what can be dropped is.
    pub short_of_memory: bool,
    /// From what the machine lives.
    pub supply: Supply,
}

/// What is known of the agent's use.
#[derive(Clone, Debug)]
pub struct Pressure {
    /// Processor time at moments, the oldest first: those of the last minute, and one before.
    /// All are of the present level.
    marks: VecDeque<(Monotonic, Duration)>,
    level: u32,
    /// When the level became another one.
    changed: Option<Monotonic>,
    standing: Standing,
}

impl Default for Pressure {
    fn default() -> Self {
        Self {
            marks: VecDeque::new(),
            level: 0,
            changed: None,
            standing: Standing {
                stretch: Stretch::NONE,
                cpu: CpuShare::default(),
                resident: ByteCount::default(),
                short_of_memory: false,
                supply: Supply::Mains,
            },
        }
    }
}

impl Pressure {
    /// Whether it is time to look again.
    pub fn is_due(&self, now: Monotonic) -> bool {
        let last = self.marks.back();
        last.is_none_or(|(at, _)| now.since(*at) >= CLOSEST)
    }

    /// As it was at the last look.
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// Takes what is used at `now`. Whether intervals are longer or shorter from now on.
    pub fn observe(&mut self, now: Monotonic, used: Used, budget: &Budget) -> bool {
        let before = self.standing.stretch;
        self.mark(now, used.cpu);
        let cpu = self.average(now, used.cpu);
        let memory = budget.memory.get();
        // What fell by little is back at once.
        let enough = if self.standing.short_of_memory {
            memory - memory / 8
        } else {
            memory
        };
        let short_of_memory = used.resident.get() > enough;
        let settled = self.changed.is_none_or(|at| now.since(at) >= MINUTE);
        let over = cpu > budget.cpu || short_of_memory;
        // At twice the rate four fifths of the budget, or less.
        let under = !over && cpu.is_at_most(2, 5, budget.cpu);
        if settled && over && self.level < HIGHEST {
            self.step(self.level + 1, now, used.cpu);
        } else if settled && under && self.level > 0 {
            self.step(self.level - 1, now, used.cpu);
        }
        let on_battery = u32::from(used.supply == Supply::Battery);
        self.standing = Standing {
            stretch: Stretch::doubled(self.level + on_battery),
            cpu,
            resident: used.resident,
            short_of_memory,
            supply: used.supply,
        };
        self.standing.stretch != before
    }

    fn step(&mut self, level: u32, now: Monotonic, cpu: Duration) {
        self.level = level;
        self.changed = Some(now);
        self.marks.clear();
        self.marks.push_back((now, cpu));
    }

    fn mark(&mut self, now: Monotonic, cpu: Duration) {
        let is_over = |mark: Option<&(Monotonic, Duration)>| {
            mark.is_some_and(|(at, _)| now.since(*at) >= MINUTE)
        };
        while is_over(self.marks.get(1)) {
            self.marks.pop_front();
        }
        if self.is_due(now) {
            self.marks.push_back((now, cpu));
        }
    }

    /// The higher of two: what was used within the last minute, and since the mark before it.
    fn average(&self, now: Monotonic, cpu: Duration) -> CpuShare {
        let since = |(at, before): &(Monotonic, Duration)| {
            CpuShare::of(cpu.saturating_sub(*before), now.since(*at).max(MINUTE))
        };
        let shares = self.marks.iter().take(2).map(since);
        shares.max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
