//! Hostile guests against an instance, and what goes on beside them.

mod action;
mod budget;
mod decisions;
mod guests;
mod hostile_numbers;
mod http;
#[cfg(target_os = "linux")]
mod meddling;
mod memory;
mod neighbour;
mod own_session;
mod redaction;
mod watch;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick_core::{
    ids::PluginName,
    limits::{CpuShare, Limits},
    policy::{Capability, Policy},
    ports::{BoxFuture, Log, LogLevel, State, StateError},
    time::Span,
};

use crate::{
    CallError, Component, Instance, StartError, Trap,
    probe::{policy, ports},
    testing::{clock, limits, probe},
};

/// One call's changes of state.
type Changes = Vec<(String, Option<Vec<u8>>)>;

/// Keeps what it is given.
#[derive(Default)]
struct Kept {
    lines: Mutex<Vec<String>>,
    commits: Mutex<Vec<Changes>>,
}

impl Log for Kept {
    fn write(&self, _: &PluginName, _: LogLevel, line: &str) {
        self.lines.lock().unwrap().push(line.to_owned());
    }
}

impl State for Kept {
    fn load<'a>(
        &'a self,
        _: &'a PluginName,
    ) -> BoxFuture<'a, Result<Vec<(String, Vec<u8>)>, StateError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn commit<'a>(
        &'a self,
        _: &'a PluginName,
        changes: Changes,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        self.commits.lock().unwrap().push(changes);
        Box::pin(async { Ok(()) })
    }
}

async fn start_with(
    component: &Component,
    policy: &Policy,
) -> (Result<Instance, StartError>, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let (mut ports, _) = ports(clock(), false);
    ports.log = kept.clone();
    ports.state = kept.clone();
    let now = ports.clock.now();
    let started = Instance::start(component, policy, &policy.plugin, ports, now).await;
    (started, kept)
}

async fn start(component: &Component, limits: &Limits) -> (Instance, Arc<Kept>) {
    let (started, kept) = start_with(component, &policy(limits)).await;
    (started.unwrap(), kept)
}

fn order(attack: u32, often: u32, much: u32) -> Vec<u8> {
    [attack, often, much]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect()
}

async fn attack(instance: &mut Instance, order: &[u8]) -> Trap {
    let error = instance.load("", order).await.unwrap_err();
    assert!(!instance.is_alive());
    assert_eq!(instance.usage().traps, 1);
    assert!(matches!(instance.collect().await, Err(CallError::Dead)));
    error.trap().cloned().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_attack_is_stopped_with_its_reason_and_leaves_the_instance_dead() {
    let (_engine, probe) = probe().await;
    // A share of 200 ms and no more, so that it ends first on a busy machine too.
    let mut strict = limits();
    strict.cpu = CpuShare {
        per_mille: 2,
        window: Span::new(Duration::from_secs(100)),
    };
    strict.deadline = strict.cpu.window;
    let (mut spinning, _) = start(&probe, &strict).await;
    assert_eq!(attack(&mut spinning, &order(0, 0, 0)).await, Trap::Cpu);
    for (attack_order, trap) in [
        (order(1, 1_000, 1), Trap::Memory),
        (order(1, 2, 60_000), Trap::Memory),
        (order(2, 3_000, 0), Trap::HostCalls),
        (order(7, 0, 0), Trap::Unreachable),
        (order(8, 0, 0), Trap::Stack),
    ] {
        let (mut instance, _) = start(&probe, &limits()).await;
        assert_eq!(attack(&mut instance, &attack_order).await, trap);
        assert!(instance.usage().memory_high_water <= limits().memory);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_over_its_limit_stops_the_instance_with_and_without_a_copy() {
    let (_engine, probe) = probe().await;
    for bytes in [256 * 1024 + 1, 2 * 1024 * 1024] {
        let (mut instance, _) = start(&probe, &limits()).await;
        instance.load("", &order(5, 0, bytes)).await.unwrap();
        let error = instance.collect().await.unwrap_err();
        assert_eq!(error.trap(), Some(&Trap::Output));
    }
    let (mut instance, _) = start(&probe, &limits()).await;
    instance.load("", &order(5, 0, 256 * 1024)).await.unwrap();
    assert_eq!(instance.collect().await.unwrap().len(), 256 * 1024);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_flood_keeps_its_first_lines_and_says_once_what_was_dropped() {
    let (_engine, probe) = probe().await;
    let (mut instance, kept) = start(&probe, &limits()).await;
    instance.load("", &order(3, 500, 0)).await.unwrap();
    let lines = kept.lines.lock().unwrap();
    assert_eq!(lines.len(), 21);
    assert_eq!(lines[0], "probe");
    assert!(lines[20].starts_with("480 lines"), "{}", lines[20]);
    assert_eq!(instance.usage().log_lines_dropped, 480);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn state_is_committed_after_the_call_and_refused_beyond_its_limit() {
    let (_engine, probe) = probe().await;
    let (mut instance, kept) = start(&probe, &limits()).await;
    instance.load("", &order(4, 0, 10)).await.unwrap();
    assert_eq!(kept.commits.lock().unwrap().len(), 1);
    let refused = instance.load("", &order(4, 0, 64 * 1024)).await;
    assert!(matches!(refused, Err(CallError::Corrupt(_))), "{refused:?}");
    assert_eq!(kept.commits.lock().unwrap().len(), 1);
    assert!(instance.is_alive());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_never_granted_does_not_start_and_is_named() {
    let (_engine, probe) = probe().await;
    let mut policy = policy(&limits());
    policy
        .grants
        .retain(|grant| grant.capability != Capability::State);
    let (started, _) = start_with(&probe, &policy).await;
    let error = started.unwrap_err().to_string();
    assert!(error.contains("bailiwick:plugin/state@0.1.0"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_grant_answers_denied_and_a_clock_that_is_denied_stops_who_asks() {
    let (_engine, probe) = probe().await;
    let mut policy = policy(&limits());
    for grant in &mut policy.grants {
        grant.expires = Some(clock().now());
    }
    let (started, kept) = start_with(&probe, &policy).await;
    let mut instance = started.unwrap();
    let refused = instance.load("", &order(4, 0, 10)).await;
    assert!(matches!(refused, Err(CallError::Corrupt(_))), "{refused:?}");
    instance.load("", &order(3, 1, 0)).await.unwrap();
    assert_eq!(kept.lines.lock().unwrap().len(), 1, "the notice alone");
    assert_eq!(instance.usage().denials, 2);
    let trap = attack(&mut instance, &order(2, 1, 0)).await;
    assert_eq!(trap, Trap::Denied(Capability::Clock));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_call_leaves_a_dead_instance_and_nothing_else() {
    let (engine, probe) = probe().await;
    let (mut spinning, _) = start(&probe, &limits()).await;
    let spin = order(0, 0, 0);
    let call = spinning.load("", &spin);
    let dropped = tokio::time::timeout(Duration::from_millis(25), call).await;
    assert!(dropped.is_err());
    assert!(!spinning.is_alive());
    assert!(matches!(spinning.collect().await, Err(CallError::Dead)));
    drop(spinning);
    let (mut next, _) = start(&probe, &limits()).await;
    assert_eq!(next.collect().await.unwrap(), Vec::<u8>::new());
    drop(engine);
}
