//! The share of the processor belongs to the plugin, not to one of its instances.

use std::{sync::Arc, time::Duration};

use bailiwick_core::{
    charge::charge,
    ids::PluginName,
    limits::{CpuShare, Limits},
    ports::{BoxFuture, State, StateEntries, StateError},
    time::Span,
};

use super::order;
use crate::{
    CallError, Component, CpuBudget, Instance, Ports, StartError, Trap,
    probe::{policy, ports},
    testing::{clock, limits, probe},
    usage::Usage,
};

/// 200 ms in a window that does not end during the test.
const BUDGET_NS: u64 = 200_000_000;

/// How much one call can use beyond it: what it does until the tick that stops it, on a
/// machine where a tick of 10 ms can be late.
const BEYOND: Duration = Duration::from_millis(100);

fn strict() -> Limits {
    let mut limits = limits();
    limits.cpu = CpuShare {
        per_mille: 20,
        window: Span::new(Duration::from_secs(10)),
    };
    assert_eq!(limits.cpu.budget_ns(), BUDGET_NS);
    limits
}

async fn start_within(
    component: &Component,
    ports: &Ports,
    budget: &CpuBudget,
) -> Result<Instance, StartError> {
    let mut limits = strict();
    limits.deadline = Span::new(Duration::from_secs(30));
    let policy = policy(&limits);
    let (ports, now) = (ports.clone(), ports.clock.now());
    Instance::start_within(component, &policy, &policy.plugin, ports, now, budget).await
}

/// Starts instance after instance and has each end with `attack`, until no more is left.
/// Answers what each used.
async fn until_nothing_is_left(attack: &[u8]) -> (Vec<Usage>, CpuBudget, Ports, Component) {
    let (_engine, probe) = probe().await;
    let (ports, _) = ports(clock(), false);
    let budget = CpuBudget::new(strict().cpu, ports.clock.monotonic());
    let mut used = Vec::new();
    loop {
        assert!(used.len() < 100_000, "the share does not end");
        let mut instance = match start_within(&probe, &ports, &budget).await {
            Ok(instance) => instance,
            Err(StartError::Wait { wait, .. }) => {
                assert!(wait <= Duration::from_secs(10), "{wait:?}");
                return (used, budget, ports, probe);
            }
            // It was used up between two ticks of the start.
            Err(StartError::Trapped { trap, .. }) => {
                assert_eq!(trap, Trap::Cpu);
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        match instance.load("", attack).await {
            Err(CallError::Trapped(_) | CallError::Wait(_)) => used.push(instance.usage()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_spins_and_is_started_again_waits_for_the_next_window() {
    let (used, ..) = until_nothing_is_left(&order(0, 0, 0)).await;
    let cpu: Duration = used.iter().map(|usage| usage.cpu).sum();
    assert!(cpu <= Duration::from_nanos(BUDGET_NS) + BEYOND, "{cpu:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_traps_at_once_uses_no_more_than_its_share_over_all_instances() {
    let (used, budget, ports, probe) = until_nothing_is_left(&order(7, 0, 0)).await;
    assert!(used.len() > 1, "one instance can't show it");
    let cpu: Duration = used.iter().map(|usage| usage.cpu).sum();
    assert!(cpu <= Duration::from_nanos(BUDGET_NS) + BEYOND, "{cpu:?}");
    // Nor does a new version with a budget of its own begin with a full window.
    let now = ports.clock.monotonic();
    let next = CpuBudget::new(strict().cpu, now);
    next.take_over(&budget, now);
    let refused = start_within(&probe, &ports, &next).await.unwrap_err();
    assert!(matches!(refused, StartError::Wait { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_call_is_charged() {
    let (_engine, probe) = probe().await;
    let (ports, _) = ports(clock(), false);
    let whole = CpuShare {
        per_mille: 1_000,
        ..strict().cpu
    };
    let mut policy = policy(&limits());
    (policy.limits.cpu, policy.limits.deadline) = (whole, whole.window);
    let budget = CpuBudget::new(whole, ports.clock.monotonic());
    let mut instance = Instance::start_within(
        &probe,
        &policy,
        &policy.plugin,
        ports.clone(),
        ports.clock.now(),
        &budget,
    )
    .await
    .unwrap();
    let before = budget.begin(ports.clock.monotonic()).0;
    let spin = order(0, 0, 0);
    let call = instance.load("", &spin);
    let dropped = tokio::time::timeout(Duration::from_millis(1), call).await;
    assert!(dropped.is_err());
    let left = budget.begin(ports.clock.monotonic()).0;
    assert!(left < before, "{left} of {before}");
}

/// A port that lets another thread work for a second.
struct Elsewhere;

impl State for Elsewhere {
    fn load<'a>(&'a self, _: &'a PluginName) -> BoxFuture<'a, Result<StateEntries, StateError>> {
        Box::pin(async {
            tokio::task::yield_now().await;
            charge(1_000_000_000);
            Ok(Vec::new())
        })
    }

    fn commit<'a>(
        &'a self,
        _: &'a PluginName,
        _: Vec<(String, Option<Vec<u8>>)>,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_port_does_on_another_thread_is_charged_to_the_call_that_asked() {
    let (_engine, probe) = probe().await;
    let (mut ports, _) = ports(clock(), false);
    ports.state = Arc::new(Elsewhere);
    let budget = CpuBudget::new(strict().cpu, ports.clock.monotonic());
    let mut instance = start_within(&probe, &ports, &budget).await.unwrap();
    // It ends in the poll in which it is charged, so it counts.
    instance.load("", &order(6, 0, 0)).await.unwrap();
    assert!(instance.usage().cpu >= Duration::from_secs(1));
    assert!(matches!(instance.collect().await, Err(CallError::Wait(_))));
    assert!(instance.is_alive());
}
