//! A plugin that keeps its schedule while another on the same runtime is hostile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bailiwick_core::{
    ids::DeviceId,
    policy::Interval,
    schedule::{Decision, Schedule},
    time::{Monotonic, Span},
};

use super::{order, start};
use crate::{
    Component, Trap,
    testing::{clock, limits, probe},
};

/// By how much the schedule's clock is faster than the machine's: its second is 200 ms.
const SPEED: u32 = 5;

/// How long each attack goes on, in ticks of the neighbour.
const TICKS: u32 = 4;

const TICK: Duration = Duration::from_millis(200);

/// An attack, its order, and what it can end with; nothing if the call ends well and loses
/// lines or, at its `collect`, the output.
type Attack = (&'static str, [u32; 3], &'static [Trap]);

const ATTACKS: [Attack; 6] = [
    ("trap", [7, 0, 0], &[Trap::Unreachable]),
    // Which comes first depends on how busy the machine is.
    ("endless loop", [0, 0, 0], &[Trap::Cpu, Trap::Deadline]),
    ("memory bomb", [1, 1_000, 1], &[Trap::Memory]),
    ("log flood", [3, 1_900, 0], &[]),
    ("output flood", [5, 0, 2 * 1024 * 1024], &[]),
    ("host-call storm", [2, 3_000, 0], &[Trap::HostCalls]),
];

/// A deadline that nothing reaches.
fn patient() -> Span {
    Span::new(Duration::from_secs(30))
}

/// Runs one attack again and again, each time in a fresh instance, for [`TICKS`].
async fn go_on(probe: Component, attack: Attack) {
    let (name, [which, often, much], expected) = attack;
    let mut limits = limits();
    if name != "endless loop" {
        // On a busy machine it must not end another attack before its own limit does.
        limits.deadline = patient();
        limits.cpu.window = patient();
    }
    let ends = tokio::time::Instant::now() + TICKS * TICK;
    while tokio::time::Instant::now() < ends {
        let (mut instance, _) = start(&probe, &limits).await;
        let result = instance.load("", &order(which, often, much)).await;
        match &result {
            Ok(()) => assert!(expected.is_empty(), "{name}: nothing stopped it"),
            Err(error) => assert!(
                error.trap().is_some_and(|trap| expected.contains(trap)),
                "{name}: {error}"
            ),
        }
        if name == "output flood" {
            let error = instance.collect().await.unwrap_err();
            assert_eq!(error.trap(), Some(&Trap::Output));
        }
        if name == "log flood" {
            assert_eq!(instance.usage().log_lines_dropped, 1_880);
        }
        let usage = instance.usage();
        assert!(usage.memory_high_water <= limits.memory, "{name}");
        // The agent waits between two instances; this is the least that it would.
        tokio::task::yield_now().await;
    }
}

/// Calls `probe` when it is due, as the agent does, until `over`. Answers how many ticks
/// were kept and how many missed.
async fn keep_schedule(probe: Component, over: Arc<AtomicBool>) -> (u64, u64) {
    let clock = clock();
    let now = || Monotonic::from_ns(clock.monotonic().as_ns() * u64::from(SPEED));
    let interval = Interval {
        every: Span::new(SPEED * TICK),
        jitter: Span::default(),
    };
    let mut roomy = limits();
    roomy.cpu.per_mille = 1_000;
    roomy.deadline = patient();
    roomy.cpu.window = patient();
    let (mut instance, _) = start(&probe, &roomy).await;
    let mut schedule = Schedule::new(
        interval,
        &DeviceId::from_bytes([0; 16]),
        &"quiet".parse().unwrap(),
        now(),
    );
    let (mut kept, mut missed) = (0, 0);
    while !over.load(Relaxed) {
        match schedule.poll(now()) {
            Decision::Call(tick) => {
                missed += tick.missed;
                instance.collect().await.unwrap();
                schedule.finished();
                kept += 1;
            }
            Decision::Wait(at) => tokio::time::sleep(at.since(now()) / SPEED).await,
            Decision::InFlight => panic!("every call is awaited"),
        }
    }
    (kept, missed)
}

/// Two hostile plugins at once, so that each of the two threads has one, as in the agent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_misses_no_tick_while_others_attack_each_limit() {
    let (_engine, probe) = probe().await;
    let over = Arc::new(AtomicBool::new(false));
    let neighbour = tokio::spawn(keep_schedule(probe.clone(), Arc::clone(&over)));
    for attack in ATTACKS {
        let one = tokio::spawn(go_on(probe.clone(), attack));
        let other = tokio::spawn(go_on(probe.clone(), attack));
        one.await.unwrap();
        other.await.unwrap();
    }
    over.store(true, Relaxed);
    let (kept, missed) = neighbour.await.unwrap();
    assert_eq!(missed, 0, "of {kept}");
    let least = u64::from(TICKS) * ATTACKS.len() as u64 - 1;
    assert!(kept >= least, "{kept} of at least {least}");
}
