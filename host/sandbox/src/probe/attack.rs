//! The attacks, and what shows that a limit held.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bailiwick_core::{
    limits::{CpuShare, Limits},
    ports::Clock,
    time::{Monotonic, Span},
};

use super::{
    ProbeError,
    clock::Speed,
    policy::policy,
    ports::{Reached, ports},
};
use crate::{
    component::Component,
    error::{CallError, StartError},
    instance::Instance,
    limits::{CpuBudget, Enforced},
    trap::Trap,
};

const PAGE: u64 = 64 * 1024;

/// Rounds in which the memory attack reaches the limit: few enough to take no time.
const ROUNDS: u64 = 64;

/// Longest time for one attack. Where its limit is live it ends within some ticks of 10 ms,
/// so this is reached only where nothing ends it.
const PATIENCE: Duration = Duration::from_secs(5);

/// One attack on one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attack {
    Memory,
    Output,
    State,
    LogLines,
    HostCalls,
    Spin,
    Wait,
    Cpu,
}

impl Attack {
    /// The limit that it attacks, as in the policy.
    const fn limit(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Output => "output",
            Self::State => "state",
            Self::LogLines => "log-lines",
            Self::HostCalls => "host-calls",
            Self::Spin | Self::Wait => "deadline",
            Self::Cpu => "cpu",
        }
    }

    /// What `load` is told: which attack, how often, how much.
    fn order(self, limits: &Limits) -> [u64; 3] {
        let step = (limits.memory.get() / PAGE / ROUNDS).max(1);
        match self {
            Self::Spin | Self::Cpu => [0, 0, 0],
            // Three memories a round.
            Self::Memory => [1, limits.memory.get() / PAGE / step / 3 + 2, step],
            Self::HostCalls => [2, u64::from(limits.host_calls) + 1, 0],
            Self::LogLines => [3, u64::from(limits.log_lines) + 1, 0],
            Self::State => [4, 0, limits.state.get() + 1],
            Self::Output => [5, 0, limits.output.get() + 1],
            Self::Wait => [6, 0, 0],
        }
    }

    /// The plugin's limits. Who waits does not compute: its clock is fast all the same, and
    /// a share that ends before the deadline must not seem to have stopped it.
    fn limits(self, limits: &Limits) -> Limits {
        let mut limits = *limits;
        if self == Self::Wait {
            limits.cpu = CpuShare {
                per_mille: 1_000,
                window: Span::new(limits.deadline.get().saturating_mul(1_000)),
            };
        }
        limits
    }

    fn clock(self, limits: &Limits, clock: &Arc<dyn Clock>) -> Speed {
        let deadline = nanoseconds(limits.deadline);
        let (time, cpu) = match self {
            Self::Spin | Self::Wait => (Speed::to_reach(deadline), 1),
            Self::Cpu => (1, Speed::to_reach(limits.cpu.budget_ns())),
            // Not what they attack: on a slow machine it must not come first.
            Self::Memory | Self::Output | Self::State | Self::LogLines | Self::HostCalls => (0, 0),
        };
        Speed {
            clock: Arc::clone(clock),
            start: Monotonic::from_ns(clock.monotonic().as_ns()),
            time,
            cpu,
        }
    }

    /// Runs it in an instance of its own.
    pub(super) async fn run(
        self,
        probe: &Component,
        limits: &Limits,
        clock: &Arc<dyn Clock>,
        enforced: Enforced,
    ) -> Result<(), ProbeError> {
        let limit = self.limit();
        let limits = &self.limits(limits);
        let policy = policy(limits);
        let now = clock.now();
        let (ports, reached) = ports(Arc::new(self.clock(limits, clock)), self == Self::Wait);
        let budget = CpuBudget::new(limits.cpu, ports.clock.monotonic());
        let within = (&budget, enforced);
        let start = Instance::start_enforced(probe, &policy, &policy.plugin, ports, now, within);
        let mut instance = match start.await {
            Ok(instance) => instance,
            // On a busy machine the fast clock is there before the attack begins.
            Err(StartError::Trapped { trap, .. }) if self.is_stopped_by(&trap, limits) => {
                return Ok(());
            }
            Err(reason) => return Err(ProbeError::Start { limit, reason }),
        };
        let order: Vec<u8> = self
            .order(limits)
            .iter()
            .flat_map(|number| u32::try_from(*number).unwrap_or(u32::MAX).to_le_bytes())
            .collect();
        let attack = tokio::time::timeout(PATIENCE, instance.load("", &order));
        // A host call that nothing ends would keep the plugin waiting for its proof for ever.
        let Ok(mut result) = attack.await.map(|result| result.map(|()| Vec::new())) else {
            let saw = format!("nothing stopped the attack within {} s", PATIENCE.as_secs());
            return Err(ProbeError::NotLive { limit, saw });
        };
        if self == Self::Output && result.is_ok() {
            result = instance.collect().await;
        }
        if self.held(limits, &instance, &result, &reached) {
            return Ok(());
        }
        let saw = match result {
            Ok(_) => "nothing stopped what passed it".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(ProbeError::NotLive { limit, saw })
    }

    /// Whether this trap alone shows that the limit in time is live.
    fn is_stopped_by(self, trap: &Trap, limits: &Limits) -> bool {
        match self {
            Self::Spin => *trap == Trap::Deadline || *trap == Trap::Cpu && share_ends_first(limits),
            Self::Wait => *trap == Trap::Deadline,
            Self::Cpu => *trap == Trap::Cpu,
            Self::Memory | Self::Output | Self::State | Self::LogLines | Self::HostCalls => false,
        }
    }

    /// Whether what happened shows that the limit is live.
    fn held(
        self,
        limits: &Limits,
        instance: &Instance,
        result: &Result<Vec<u8>, CallError>,
        reached: &Reached,
    ) -> bool {
        let trap = result.as_ref().err().and_then(CallError::trap);
        // Where one limit can't be reached because another comes first, that one holds it.
        match self {
            Self::Memory => trap == Some(&Trap::Memory) && instance.usage().memory <= limits.memory,
            Self::Output => matches!(trap, Some(Trap::Output | Trap::Memory)),
            Self::State => {
                let refused = matches!(result, Err(CallError::Corrupt(_)));
                (refused || matches!(trap, Some(Trap::Memory))) && reached.state.load(Relaxed) == 0
            }
            Self::LogLines => {
                let usage = instance.usage();
                let held = result.is_ok()
                    && usage.log_lines_dropped == 1
                    // The lines that fit, and the notice.
                    && reached.lines.load(Relaxed) == u64::from(limits.log_lines) + 1;
                held || trap == Some(&Trap::HostCalls) && limits.log_lines >= limits.host_calls
            }
            Self::HostCalls => trap == Some(&Trap::HostCalls),
            Self::Spin => match trap {
                Some(Trap::Deadline) => true,
                _ => is_out_of_share(result) && share_ends_first(limits),
            },
            Self::Wait => trap == Some(&Trap::Deadline),
            Self::Cpu => is_out_of_share(result),
        }
    }
}

/// Whether a plugin that spins is stopped by its share of the processor.
fn share_ends_first(limits: &Limits) -> bool {
    limits.cpu.budget_ns() <= nanoseconds(limits.deadline)
}

/// Whether the share of the processor stopped the call or, used up by the start on a busy
/// machine, did not let it begin.
fn is_out_of_share(result: &Result<Vec<u8>, CallError>) -> bool {
    matches!(
        result,
        Err(CallError::Trapped(Trap::Cpu) | CallError::Wait(_))
    )
}

fn nanoseconds(span: Span) -> u64 {
    u64::try_from(span.get().as_nanos()).unwrap_or(u64::MAX)
}
