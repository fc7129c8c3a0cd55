//! Runs an attack against a host, and looks at it from outside.

use std::time::{Duration, Instant};

use bailiwick_core::{
    bytes::ByteCount,
    supervision::{Rules, Supervision},
    time::Monotonic,
};

use super::{
    attack::{Attack, Defence},
    calls::{Words, call, counted},
    host::Host,
};
use crate::{Component, CpuBudget, Instance, testing::mapped};

/// A plugin that nobody supervises is started again at once: as often as this.
const UNSUPERVISED: u32 = 50;

/// A call of so much time reaches several ticks, on a busy machine too.
const LONG: Duration = Duration::from_millis(100);

/// What came of an attack.
#[derive(Debug)]
pub(super) struct Saw {
    /// How the last call ended, or what kept it from beginning.
    pub(super) said: Result<(), String>,
    pub(super) memory: ByteCount,
    pub(super) longest_that_ended_well: Duration,
    pub(super) longest_output: ByteCount,
    /// In one call.
    pub(super) most_host_calls: u64,
    /// In one call.
    pub(super) most_lines: u64,
    pub(super) lines: Vec<String>,
    pub(super) kept: ByteCount,
    /// Whether a call went on for long and let nobody else run on its thread.
    pub(super) kept_the_thread: bool,
    /// Of an action, that came before 100 ms had passed.
    pub(super) words_too_soon: u32,
    /// Within ten minutes, of a plugin that is started for as long.
    pub(super) starts: u32,
    /// What the log got.
    pub(super) entries: Vec<String>,
    /// Calls that were told apart while it was observed.
    pub(super) observed: usize,
}

impl Saw {
    const NOTHING: Self = Self {
        said: Ok(()),
        memory: ByteCount::new(0),
        longest_that_ended_well: Duration::ZERO,
        longest_output: ByteCount::new(0),
        most_host_calls: 0,
        most_lines: 0,
        lines: Vec::new(),
        kept: ByteCount::new(0),
        kept_the_thread: false,
        words_too_soon: 0,
        starts: 0,
        entries: Vec::new(),
        observed: 0,
    };
}

impl Host {
    /// Runs what the compiler made of it, or has its refusal as the attack's.
    pub(super) async fn run(&self, attack: &Attack, compiled: &Result<Vec<u8>, String>) -> Saw {
        let mut saw = Saw::NOTHING;
        saw.said = match compiled {
            Ok(compiled) => {
                let component = mapped(&self.engine, compiled);
                self.all(attack, &component, &mut saw).await
            }
            Err(refusal) => Err(refusal.clone()),
        };
        saw.lines = self.outside.lines();
        saw.kept = self.outside.kept();
        saw.entries = self.outside.written().entries();
        saw.observed = self.outside.written().kept();
        saw
    }

    async fn all(
        &self,
        attack: &Attack,
        component: &Component,
        saw: &mut Saw,
    ) -> Result<(), String> {
        if attack.breaks == Some(super::bounds::Bound::Starts) {
            return self.again_and_again(attack, component, saw).await;
        }
        let budget = self.budget();
        for _ in 0..attack.instances {
            let own = self.budget();
            let budget = match self.without {
                Some(Defence::OneShare) => &own,
                _ => &budget,
            };
            self.one(attack, component, budget, saw).await?;
        }
        Ok(())
    }

    fn budget(&self) -> CpuBudget {
        CpuBudget::new(
            self.policy.limits.cpu,
            self.outside.ports().clock.monotonic(),
        )
    }

    /// One instance, from its start to its last call.
    async fn one(
        &self,
        attack: &Attack,
        component: &Component,
        budget: &CpuBudget,
        saw: &mut Saw,
    ) -> Result<(), String> {
        let (policy, ports) = (&self.policy, self.outside.ports());
        let now = ports.clock.now();
        let within = (budget, self.enforced);
        let start =
            Instance::start_enforced(component, policy, &policy.plugin, ports, now, within).await;
        let mut instance = start.map_err(|error| error.to_string())?;
        for _ in 0..attack.times {
            let (calls, lines) = (instance.usage().host_calls, self.outside.lines().len());
            let words = Words::default();
            let begun = Instant::now();
            let (ended, polls) = counted(call(&mut instance, attack.call, &words)).await;
            saw.words_too_soon += words.too_soon();
            // One that was stopped at its first tick gave way, too.
            saw.kept_the_thread |= ended.is_ok() && begun.elapsed() > LONG && polls == 1;
            let usage = instance.usage();
            let lines = (self.outside.lines().len() - lines) as u64;
            saw.most_lines = saw.most_lines.max(lines);
            saw.most_host_calls = saw.most_host_calls.max(usage.host_calls - calls);
            saw.memory = saw.memory.max(usage.memory_high_water);
            let length = ended?;
            saw.longest_output = saw.longest_output.max(length);
            saw.longest_that_ended_well = saw.longest_that_ended_well.max(begun.elapsed());
        }
        Ok(())
    }

    /// For ten minutes of a clock of its own, as often as the supervision lets it.
    async fn again_and_again(
        &self,
        attack: &Attack,
        component: &Component,
        saw: &mut Saw,
    ) -> Result<(), String> {
        let budget = self.budget();
        let mut supervision = Supervision::new(Rules::default());
        for second in 0..600 {
            let now = Monotonic::ZERO.after(Duration::from_secs(second));
            supervision.poll(now);
            if self.without != Some(Defence::Supervision) && !supervision.may_call() {
                continue;
            }
            if saw.starts == UNSUPERVISED {
                return Ok(());
            }
            saw.starts += 1;
            let ended = self.one(attack, component, &budget, saw).await;
            assert!(ended.is_err(), "it was to fail");
            supervision.failed(now);
        }
        Ok(())
    }
}
