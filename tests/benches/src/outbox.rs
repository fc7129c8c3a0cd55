//! The agent's outbox: CPU of keeping reports, and a backlog to be drained by the real agent.
//!
//! The agent is a program and has no library, so its store is compiled into this one, from
//! its own source.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, ensure};
use bailiwick_core::{ids::PluginName, run_time::RunTime, time::Timestamp};
use bailiwick_report::{
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
    sender::Sender,
    wire::Origin,
};
use bailiwick_store::{Beside, Caps, Outgoing, Store, What};

use crate::measure::{Figures, median, ms, process_cpu};

/// Reports of one round.
const REPORTS: usize = 1_000;
/// Rounds of which the median counts.
const ROUNDS: usize = 5;
/// Reports of the backlog.
pub(crate) const BACKLOG: usize = 100_000;
/// When the first of them was made.
const NOW: Timestamp = Timestamp::from_ms(1_795_432_800_000);

/// CPU of 1,000 reports, one commit each and in batches of 100.
pub(crate) async fn run(short: bool) -> anyhow::Result<Figures> {
    let rounds = if short { 1 } else { ROUNDS };
    Ok(vec![
        ("outbox-one".to_owned(), cpu(1, rounds).await?),
        ("outbox-hundred".to_owned(), cpu(100, rounds).await?),
    ])
}

/// Median milliseconds of CPU, of all threads, for [`REPORTS`] in commits of `batch`.
async fn cpu(batch: usize, rounds: usize) -> anyhow::Result<f64> {
    let mut used = Vec::new();
    for round in 0..rounds {
        let folder = tempfile::tempdir()?;
        let (store, _) = Store::open(folder.path(), NOW).await?;
        let device = store.device_id().await?;
        let mut reports = reports(*device.as_bytes(), REPORTS)?.into_iter();
        // Divided before it counts: what does that is no part of the store.
        let commits: Vec<Vec<_>> = (0..REPORTS / batch)
            .map(|_| reports.by_ref().take(batch).collect())
            .collect();
        let begun = process_cpu();
        for commit in commits {
            put(&store, commit).await?;
        }
        used.push(ms(process_cpu() - begun));
        let waiting = store.outbox().figures().await?.reports.waiting;
        ensure!(waiting == REPORTS as u64, "round {round}: {waiting} wait");
    }
    Ok(median(&used))
}

/// Puts [`BACKLOG`] reports into the store of an agent that does not run.
pub(crate) async fn fill(data: &Path) -> anyhow::Result<Figures> {
    std::fs::create_dir_all(data)?;
    let (store, _) = Store::open(data, NOW).await?;
    let device = store.device_id().await?;
    let mut reports = reports(*device.as_bytes(), BACKLOG)?.into_iter();
    for _ in 0..BACKLOG / REPORTS {
        put(&store, reports.by_ref().take(REPORTS).collect()).await?;
    }
    let waiting = store.outbox().figures().await?.reports.waiting;
    ensure!(waiting == BACKLOG as u64, "{waiting} wait");
    Ok(vec![("backlog".to_owned(), waiting as f64)])
}

async fn put(store: &Store, reports: Vec<Outgoing>) -> anyhow::Result<()> {
    // Young for the agent that sends them.
    let outbox = store.outbox();
    let put = outbox.put(reports, Caps::DEFAULT, RunTime::ZERO).await?;
    ensure!(put.dropped.is_empty(), "dropped: {:?}", put.dropped.first());
    Ok(())
}

/// Reports as a collector of one row makes them: a full one, and a change each.
fn reports(device: [u8; 16], count: usize) -> anyhow::Result<Vec<Outgoing>> {
    let plugin: PluginName = "pressure".parse()?;
    let origin = Origin::new(device, plugin.as_str(), "0.1.0")?;
    let name = Field::new("name", Kind::Text, "", 0, Privacy::None)?;
    let share = Field::new("share", Kind::Unsigned, "thousandths", 1, Privacy::None)?;
    let collection = Collection::new("pressure", 1, vec![name, share])?;
    let schema = Arc::new(Schema::new(vec![collection])?);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let now = Timestamp::from_ms(u64::try_from(now.as_millis()).context("the clock")?);
    let mut sender = Sender::new(7);
    (0..count)
        .map(|number| {
            let mut encoder = Encoder::new(&schema);
            let row = [
                Some(Value::Text("cpu")),
                Some(Value::Unsigned(number as u64)),
            ];
            encoder.row(0, &row)?;
            let snapshot = Snapshot::decode(Arc::clone(&schema), &encoder.finish())?;
            let prepared = sender.next(&origin, now.as_ms(), snapshot);
            let kind = if number == 0 { "full" } else { "differential" };
            sender = prepared.sender;
            Ok(Outgoing {
                what: What::Report {
                    plugin: plugin.clone(),
                    kind: kind.to_owned(),
                },
                key: format!("bench-{number}"),
                at: now,
                body: prepared.bytes,
                beside: Some(Beside::Sender(sender.to_bytes())),
            })
        })
        .collect()
}
