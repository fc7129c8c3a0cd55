//! An empty export on a live instance, over wasmtime alone with the same settings.

use anyhow::ensure;

use crate::{
    bare::Bare,
    measure::{Figures, median, thread_cpu_ns},
    setting::{Setting, probe_policy},
};

/// Calls in one measurement.
const CALLS: u32 = 5_000;

pub(crate) async fn run(setting: &Setting) -> anyhow::Result<Figures> {
    let probe = setting.probe().await?;
    let mut ours = setting.start(&probe, &probe_policy()?).await?;
    let mut bare = Bare::start(&setting.clock).await?;
    let mut ratios = Vec::new();
    let mut costs = [Vec::new(), Vec::new()];
    // In turns, so that what else the machine does meets both alike.
    for round in 0..=setting.rounds(200) {
        let began = thread_cpu_ns();
        for _ in 0..CALLS {
            ensure!(ours.save().await?.is_empty(), "the export is not empty");
        }
        let between = thread_cpu_ns();
        for _ in 0..CALLS {
            ensure!(bare.save().await?.is_empty(), "the export is not empty");
        }
        let ended = thread_cpu_ns();
        // The first warms caches.
        if round > 0 {
            costs[0].push((between - began) / f64::from(CALLS));
            costs[1].push((ended - between) / f64::from(CALLS));
            ratios.push((between - began) / (ended - between));
        }
    }
    Ok(vec![
        ("empty-export".to_owned(), median(&ratios)),
        ("empty-export-ours-ns".to_owned(), median(&costs[0])),
        ("empty-export-bare-ns".to_owned(), median(&costs[1])),
    ])
}
