//! From a signed assignment that is published to its version at work on a device that is
//! connected: the console sees a new timestamp and hints over MQTT, the agent waits for up to
//! half a second so that a fleet does not ask at once, reads the repository, fetches,
//! audits, compiles, and swaps.
//!
//! The clock starts when the timestamp is written, which is the last that publishing does,
//! and stops when the agent tells of the swap. Each version is a component of its own, so
//! that none is compiled already; they are in the repository before the agent starts.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;

use super::{Bench, device::Device, table::Figure};

/// The largest plugin there is.
const PLUGIN: &str = "inventory";
const ROUNDS: usize = 8;
const ROUNDS_SHORT: usize = 3;
/// An agent follows a hint at once if the last ones are so long ago.
const PAUSE: Duration = Duration::from_secs(11);
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn measure(bench: &Bench, _: &str) -> anyhow::Result<Vec<Figure>> {
    let desk = bench.desk("assignment")?;
    desk.add(PLUGIN, "1 h")?;
    let rounds = if bench.short { ROUNDS_SHORT } else { ROUNDS };
    for version in versions(rounds) {
        desk.build(PLUGIN, &version)?;
        desk.publish(PLUGIN, &version, &desk.component(PLUGIN, &version))?;
    }
    let mut device = Device::begin_over_mqtt(desk)?;
    device.wait_for_delivery(PLUGIN)?;
    let mut took = Vec::new();
    for version in versions(rounds) {
        device.rest(PAUSE)?;
        device.desk.assign(PLUGIN, &version)?;
        let published = published(&device)?;
        device.wait(PATIENCE, &format!("swap to {version}"), |event| {
            event["event"] == "swapped" && event["to"] == version.as_str()
        })?;
        let live = SystemTime::now().duration_since(published);
        took.push(live.context("the clock was set back")?.as_secs_f64());
    }
    device.end()?;
    took.sort_by(f64::total_cmp);
    let (fastest, slowest) = (took[0], took[took.len() - 1]);
    Ok(vec![
        Figure::new("assignment-slowest", slowest),
        Figure::new("assignment-median-s", took[took.len() / 2]),
        Figure::new("assignment-fastest-s", fastest),
        Figure::new("assignments", rounds as f64),
    ])
}

/// When the newest repository was there for all to read.
fn published(device: &Device) -> anyhow::Result<SystemTime> {
    let timestamp = device.desk.public().join("timestamp.json");
    let written = timestamp.metadata().and_then(|file| file.modified());
    written.with_context(|| timestamp.display().to_string())
}

fn versions(rounds: usize) -> impl Iterator<Item = String> {
    (1..=rounds).map(|patch| format!("0.1.{patch}"))
}
