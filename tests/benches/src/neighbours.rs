//! How long the calls of plugins take while another one attacks, over how long they take
//! in peace.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::ensure;
use bailiwick_sandbox::{Component, Instance};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    host_call::order,
    measure::{Figures, Others, median, percentile},
    setting::{Setting, hostile_limits, probe_policy},
};

/// Plugins that are called meanwhile.
const NEIGHBOURS: u32 = 3;
/// Of each.
const EVERY: Duration = Duration::from_millis(5);
/// Of each, in one round.
const CALLS: u32 = 200;

/// Of one processor: with more, other programs disturbed a pair of rounds, which is taken again.
/// A scheduler lets whoever computes go on for some milliseconds, which is all that is measured.
const DISTURBED: f64 = 0.05;
/// For pairs that nobody disturbs, all together: they last three minutes.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// What the hostile plugin does, as the probe takes it. An output flood is ordered once
/// and happens when it is asked to collect.
const ATTACKS: [(&str, [u32; 3]); 6] = [
    ("trap", [7, 0, 0]),
    ("endless-loop", [0, 0, 0]),
    ("memory-bomb", [1, 1_000, 1]),
    ("log-flood", [3, 1_000_000, 0]),
    ("output-flood", [5, 0, 200 * 1024]),
    ("host-call-storm", [2, 1_000_000, 0]),
];

pub(crate) async fn run(setting: &Setting) -> anyhow::Result<Figures> {
    let probe = setting.probe().await?;
    let pressure = setting.component("pressure", "0.1.0").await?;
    let policy = setting.policy("pressure")?;
    let mut neighbours = Vec::new();
    for _ in 0..NEIGHBOURS {
        neighbours.push(setting.start(&pressure, &policy).await?);
    }
    let mut figures = Figures::new();
    let mut worst: f64 = 0.0;
    let mut disturbed = 0_u32;
    let begun = Instant::now();
    for (name, [attack, often, much]) in ATTACKS {
        let order = order(attack, often, much);
        let mut ratios = Vec::new();
        let mut latencies = [Vec::new(), Vec::new()];
        let rounds = setting.rounds(15);
        while ratios.len() < rounds {
            ensure!(
                begun.elapsed() < PATIENCE,
                "in {} minutes other programs left the processors alone too seldom: \
                 {disturbed} pairs of rounds do not count",
                PATIENCE.as_secs() / 60
            );
            let others = Others::begin()?;
            let peace = calls(&mut neighbours).await?;
            let hostile = Hostile::start(setting, &probe, order.clone())?;
            let attacked = calls(&mut neighbours).await;
            hostile.end().await?;
            if others.share()? > DISTURBED {
                disturbed += 1;
                continue;
            }
            let [peace, attacked] = [peace, attacked?].map(|took| percentile(&took, 99.0));
            latencies[0].push(peace);
            latencies[1].push(attacked);
            ratios.push(attacked / peace);
        }
        worst = worst.max(median(&ratios));
        figures.push((format!("neighbours-{name}"), median(&ratios)));
        figures.push((format!("neighbours-{name}-peace-ms"), median(&latencies[0])));
        figures.push((
            format!("neighbours-{name}-attacked-ms"),
            median(&latencies[1]),
        ));
    }
    figures.insert(0, ("neighbours".to_owned(), worst));
    figures.push(("neighbours-disturbed-pairs".to_owned(), disturbed.into()));
    Ok(figures)
}

/// Calls each neighbour [`CALLS`] times, and tells how long each call took from when it
/// was due, in milliseconds.
async fn calls(neighbours: &mut Vec<Instance>) -> anyhow::Result<Vec<f64>> {
    let mut tasks = JoinSet::new();
    let begin = Instant::now() + EVERY;
    for (index, mut instance) in (0..NEIGHBOURS).zip(neighbours.drain(..)) {
        let begin = begin + EVERY * index / NEIGHBOURS;
        tasks.spawn(async move {
            let mut took = Vec::new();
            for call in 0..CALLS {
                let due = begin + EVERY * call;
                tokio::time::sleep_until(due).await;
                instance.collect().await?;
                took.push(due.elapsed().as_secs_f64() * 1_000.0);
            }
            anyhow::Ok((instance, took))
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        let (instance, took) = ended??;
        neighbours.push(instance);
        all.extend(took);
    }
    Ok(all)
}

/// A plugin that attacks until it is told to end: stopped, it is started anew at once,
/// without the back-off of the agent.
struct Hostile {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Hostile {
    fn start(setting: &Setting, probe: &Component, order: Vec<u8>) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut policy = probe_policy()?;
        policy.limits = hostile_limits();
        let (probe, clock) = (probe.clone(), Arc::clone(&setting.clock));
        let ports = crate::ports::device(&clock);
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            while !stopped.load(Relaxed) {
                let (ports, now) = (ports.clone(), clock.now());
                let mut instance =
                    Instance::start(&probe, &policy, &policy.plugin, ports, now).await?;
                while instance.is_alive() && !stopped.load(Relaxed) {
                    let attack = async {
                        // How it ends is the enforcer's work, and its tests' to tell.
                        drop(instance.load("", &order).await);
                        drop(instance.collect().await);
                    };
                    // An endless loop lasts longer than a round.
                    tokio::select! {
                        () = attack => {}
                        () = until(&stopped) => return Ok(()),
                    }
                }
            }
            Ok(())
        });
        Ok(Self { stop, task })
    }

    async fn end(self) -> anyhow::Result<()> {
        self.stop.store(true, Relaxed);
        self.task.await?
    }
}

async fn until(stopped: &AtomicBool) {
    while !stopped.load(Relaxed) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
