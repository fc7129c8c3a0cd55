//! From bytes on disk to the end of the new version's first call, while others are called
//! without a pause. The artifact is ready.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use bailiwick_core::digest::Sha256;
use bailiwick_sandbox::{Component, Instance};

use crate::{
    measure::{Figures, ms, percentile},
    setting::Setting,
};

/// Versions that take turns.
const VERSIONS: [&str; 2] = ["0.1.0", "0.2.0"];
/// Between two swaps.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) async fn run(setting: &Setting) -> anyhow::Result<Figures> {
    let policy = setting.policy("pressure")?;
    let mut digests = Vec::new();
    for version in VERSIONS {
        setting.component("pressure", version).await?;
        digests.push(Sha256::of(&setting.bytes("pressure", version)?));
    }
    let component = setting.component("pressure", VERSIONS[0]).await?;
    let load = Load::start(setting.start(&component, &policy).await?);
    let mut running = setting.start(&component, &policy).await?;
    running.collect().await?;
    let mut took = Vec::new();
    for round in 1..=setting.rounds(1_000) {
        tokio::time::sleep(PAUSE).await;
        let (from, to) = (VERSIONS[(round + 1) % 2], &digests[round % 2]);
        let began = Instant::now();
        let artifact = setting
            .artifacts
            .load(to)
            .context("the artifact is not there")?;
        let component = Component::from_artifact(&setting.engine, &artifact)?;
        let mut next = setting.start(&component, &policy).await?;
        next.schema().await?;
        let state = running.save().await?;
        ensure!(!state.is_empty(), "{from} handed over nothing");
        next.load(from, &state).await?;
        next.collect().await?;
        took.push(ms(began.elapsed()));
        running = next;
    }
    let calls = load.end().await?;
    Ok(vec![
        ("swap-median".to_owned(), percentile(&took, 50.0)),
        ("swap-p99".to_owned(), percentile(&took, 99.0)),
        ("swap-calls-meanwhile".to_owned(), calls as f64),
    ])
}

/// A plugin that is called again and again.
struct Load {
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Load {
    fn start(mut instance: Instance) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let calls = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn({
            let (stop, calls) = (Arc::clone(&stop), Arc::clone(&calls));
            async move {
                while !stop.load(Relaxed) {
                    instance.collect().await?;
                    calls.fetch_add(1, Relaxed);
                }
                Ok(())
            }
        });
        Self { stop, calls, task }
    }

    /// # Errors
    /// A call failed meanwhile.
    async fn end(self) -> anyhow::Result<u64> {
        self.stop.store(true, Relaxed);
        self.task.await??;
        Ok(self.calls.load(Relaxed))
    }
}
