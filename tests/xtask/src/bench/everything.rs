//! The agent with all that it is for: enrolled, connected over MQTT, four plugins under the
//! project's own policies, and a user's session with every process that is started here.
//!
//! The kernel gives the session, which only root can ask it for. Its processes sleep, so that
//! a pass over them costs what a pass costs, and no file grows with what they do. Each handler
//! has run once, as on a device that is in use.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bailiwick_needs::{Login, own_uid};
use serde_json::Value;

use super::{
    Bench,
    action::{FITNESS, PROGRAM},
    device::Device,
    process::processes,
    table::Figure,
};
use crate::{desk::Devices, operator::Operator};

const ANALYZER: &str = "session-analyzer";
const TIME: Duration = Duration::from_secs(30 * 60);
const SHORT: Duration = Duration::from_secs(3 * 60);
/// From one sample to the next, as the analyzer's policy says.
pub(super) const SAMPLE: Duration = Duration::from_secs(15);
/// Of which the CPU is taken, at the end: as many as make a file.
const SAMPLES: u32 = 20;
const SAMPLES_SHORT: u32 = 8;
/// That the machine has at least, and some more: those of others may end meanwhile.
const PROCESSES: usize = 300;
const SPARE: usize = 10;
/// For a plugin to be fetched and started.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn measure(bench: &Bench, _: &str) -> anyhow::Result<Vec<Figure>> {
    ensure!(
        Login::is_possible("what the agent needs for a user's session"),
        "only root can open a user's session here"
    );
    let desk = bench.desk_for(Devices::Enrolled, "everything")?;
    let handlers = [PROGRAM.0, FITNESS.0];
    let plugins = ["inventory", ANALYZER, PROGRAM.0, FITNESS.0];
    for plugin in plugins {
        desk.add_with(plugin, |_| None)?;
    }
    let operator = Operator::make(&desk, &handlers)?;
    let sleepers = (PROCESSES + SPARE).saturating_sub(processes()?);
    let _login = Login::with_sleepers(own_uid(0), sleepers)?;
    let mut device = Device::begin_enrolled(desk)?;
    for _ in plugins {
        device.wait(PATIENCE, "start of a plugin", |event| {
            event["event"] == "plugin-started"
        })?;
    }
    use_handlers(&device, &operator)?;
    let samples = if bench.short { SAMPLES_SHORT } else { SAMPLES };
    let time = bench.time(TIME, SHORT);
    device.rest(time.saturating_sub(SAMPLE * samples))?;
    let (mut used, mut longest) = (Duration::ZERO, Duration::ZERO);
    let mut least = processes()?;
    for _ in 0..samples {
        let sample = device.rest_and_account(SAMPLE)?;
        used += sample;
        longest = longest.max(sample);
        least = least.min(processes()?);
    }
    let process = device.process();
    let figures = vec![
        Figure::new("everything-rss", process.megabytes("VmRSS")?),
        Figure::new("everything-hwm", process.megabytes("VmHWM")?),
        Figure::new("everything-cpu", ms(used / samples)),
        Figure::new("everything-cpu-most-ms", ms(longest)),
        Figure::new("everything-anonymous-MB", process.megabytes("RssAnon")?),
        Figure::new("everything-file-MB", process.megabytes("RssFile")?),
        Figure::new("everything-threads", process.threads()? as f64),
        Figure::new("everything-processes", least as f64),
        Figure::new("everything-of-the-session", sleepers as f64),
    ];
    ensure!(least >= PROCESSES, "the machine had {least} processes");
    all_worked(&mut device, time)?;
    device.end()?;
    Ok(figures)
}

/// Runs each handler once.
fn use_handlers(device: &Device, operator: &Operator) -> anyhow::Result<()> {
    let id = device.id()?;
    for order in [PROGRAM, FITNESS] {
        let action = operator.ask(&device.desk, &device.address, &id, order)?;
        let told = operator.watch(&device.desk, &action)?;
        ensure!(told["outcome"]["ended"] == "done", "{}: {told}", order.0);
    }
    Ok(())
}

/// Figures of an agent that did not do its work are none.
fn all_worked(device: &mut Device, time: Duration) -> anyhow::Result<()> {
    let samples = device.timing(ANALYZER)?["calls"].as_u64();
    let samples = samples.context("the agent does not tell of samples")?;
    let due = time.as_secs() / SAMPLE.as_secs();
    ensure!(samples >= due - 2, "{samples} samples of {due} were taken");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status: Value = serde_json::from_str(&device.desk.ask(&["status"])?)?;
        let mut lanes = ["reports", "files", "outcomes"].into_iter();
        let waits = lanes.find(|lane| status["outbox"][*lane]["waiting"] != 0);
        let Some(lane) = waits else { return Ok(()) };
        // A file that was made just now may be on its way.
        ensure!(Instant::now() < deadline, "{lane} wait: {status}");
        device.rest(Duration::from_secs(1))?;
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
