//! How late calls are over 100 swaps of a plugin that is called every second.

use std::time::Duration;

use anyhow::Context as _;

use super::{Bench, device::Device, table::Figure};

const PLUGIN: &str = "pressure";
const SWAPS: usize = 100;
const SWAPS_SHORT: usize = 5;
/// Between two swaps: at least one call is due, at another point of its interval each time.
const PAUSE: Duration = Duration::from_secs(1);
/// For one swap: refresh, audit, load, probe, hand over.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn measure(bench: &Bench, _: &str) -> anyhow::Result<Vec<Figure>> {
    let desk = bench.desk("lateness")?;
    desk.add(PLUGIN, "1 s")?;
    let swaps = if bench.short { SWAPS_SHORT } else { SWAPS };
    let component = desk.component(PLUGIN, "0.1.0");
    for version in versions(swaps) {
        desk.publish(PLUGIN, &version, &component)?;
    }
    let mut device = Device::begin(desk)?;
    device.wait_for_delivery(PLUGIN)?;
    for version in versions(swaps) {
        device.desk.assign(PLUGIN, &version)?;
        device.desk.refresh()?;
        device.wait(PATIENCE, &format!("swap to {version}"), |event| {
            event["event"] == "swapped" && event["to"] == version.as_str()
        })?;
        device.rest(PAUSE)?;
    }
    let timing = device.timing(PLUGIN)?;
    let told = |key: &str| {
        timing[key]
            .as_f64()
            .with_context(|| format!("the agent does not tell {key}: {timing}"))
    };
    let figures = vec![
        Figure::new("longest-late", told("longest-late-us")? / 1e3),
        Figure::new("missed", told("missed")?),
        Figure::new("lateness-swaps", swaps as f64),
        Figure::new("lateness-calls", told("calls")?),
        Figure::new("lateness-failed", told("failed")?),
    ];
    device.end()?;
    Ok(figures)
}

fn versions(swaps: usize) -> impl Iterator<Item = String> {
    (1..=swaps).map(|patch| format!("0.1.{patch}"))
}
