//! The outbox: what it costs to keep reports, and how fast the agent drains a backlog into
//! the console over loopback.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::{Bench, device::Device, sandbox, table::Figure};
use crate::build::Profile;

/// Reports that wait when the agent starts; `tests/benches` puts them there.
const BACKLOG: usize = 100_000;
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) fn measure(bench: &Bench, name: &str) -> anyhow::Result<Vec<Figure>> {
    let mut figures = sandbox::measure(bench, name)?;
    figures.extend(drain(bench)?);
    Ok(figures)
}

fn drain(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let desk = bench.desk("backlog")?;
    // What the agent needs without a backlog, connected.
    let device = Device::begin_connected(desk, NOWHERE)?;
    waits(&device, 0)?;
    std::thread::sleep(Duration::from_secs(2));
    let before = device.process().megabytes("VmHWM")?;
    let desk = device.end_and_keep()?;
    let filled = Command::new(Profile::Device.built("bailiwick-benches"))
        .args(["--compiler", "unused", "--plugins", "unused"])
        .args(["--policies", "unused", "--data"])
        .arg(desk.folder().join("device"))
        .arg("fill-backlog")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    ensure!(filled.success(), "the backlog was not made: {filled}");
    let begun = Instant::now();
    let device = Device::begin_connected(desk, NOWHERE)?;
    waits(&device, 0)?;
    let took = begun.elapsed();
    let after = device.process().megabytes("VmHWM")?;
    let desk = device.end_and_keep()?;
    let stored = desk.stored(BACKLOG)?;
    ensure!(
        stored == BACKLOG,
        "{stored} of {BACKLOG} are in the console"
    );
    Ok(vec![
        Figure::new("backlog-seconds", took.as_secs_f64()),
        Figure::new("backlog-memory", (after - before).max(0.0)),
    ])
}

/// No update endpoint: only reports are measured.
const NOWHERE: &str = "https://127.0.0.1:9/updates/";

/// Waits until at most `left` reports wait.
fn waits(device: &Device, left: u64) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        // Until the agent listens nobody answers.
        if let Ok(status) = device.desk.ask(&["status"]) {
            let status: Value = serde_json::from_str(&status)?;
            let waiting = status["outbox"]["reports"]["waiting"].as_u64();
            if waiting.context("status tells nothing of reports")? <= left {
                return Ok(());
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("reports still wait after {} s", PATIENCE.as_secs())
}
