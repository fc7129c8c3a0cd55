//! What the log of decisions keeps in memory: the real agent with twenty plugins that are each
//! refused as many different things as are told apart, over the same agent with the same plugins
//! when their policies grant what they ask for.

use std::{fs, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{Bench, device::Device, table::Figure};
use crate::desk::Desk;

/// Looks at 48 files each time, by paths of as many bytes as it is made with.
const GUEST: &str = include_str!("../../../benches/fixtures/refused.wat");
const ASKED: u64 = 48;
const PLUGINS: u64 = 20;

/// Bytes of a path, as long ones are on devices, and beyond what the log keeps of one.
const LONG: usize = 120;
const ENDLESS: usize = 600;

const PAIRS: usize = 5;
const PAIRS_SHORT: usize = 1;
/// For a plugin to be fetched and started.
const PATIENCE: Duration = Duration::from_secs(90);
/// From the last call until memory is read: decisions are written half a second after they
/// came, and sent when they are written.
const REST: Duration = Duration::from_secs(20);

pub(crate) fn measure(bench: &Bench, name: &str) -> anyhow::Result<Vec<Figure>> {
    let accounts = PLUGINS as f64 * ACCOUNT / 1e6;
    let (long, most) = more(bench, name, LONG)?;
    let (endless, _) = more(bench, name, ENDLESS)?;
    Ok(vec![
        Figure::new("accounting", long.max(0.0) + accounts),
        Figure::new("accounting-most-MB", most + accounts),
        Figure::new("accounting-endless-paths-MB", endless + accounts),
        Figure::new("accounting-accounts-MB", accounts),
    ])
}

/// MB that an agent takes more where all that is asked for is refused: the median of some pairs,
/// and the most.
fn more(bench: &Bench, name: &str, path: usize) -> anyhow::Result<(f64, f64)> {
    let pairs = if bench.short { PAIRS_SHORT } else { PAIRS };
    let mut more = Vec::new();
    for _ in 0..pairs {
        let refused = resident(bench.desk(name)?, path, Policy::Refuses)?;
        let granted = resident(bench.desk(name)?, path, Policy::Grants)?;
        more.push(refused - granted);
    }
    more.sort_by(f64::total_cmp);
    Ok((more[pairs / 2], more[pairs - 1]))
}

/// What the policy says of all that is asked for.
#[derive(Clone, Copy)]
enum Policy {
    Grants,
    Refuses,
}

/// Bytes of one plugin's account, which no agent is without. `host/sandbox/src/context.rs` holds an
/// instance's to three quarters of it; the rest is for the sums that the agent keeps of instances.
const ACCOUNT: f64 = 1024.0;

/// MB of an agent, once each of its plugins has asked.
fn resident(desk: Desk, path: usize, policy: Policy) -> anyhow::Result<f64> {
    let (root, expected) = match policy {
        Policy::Grants => ("/asked", 0),
        Policy::Refuses => ("/elsewhere", PLUGINS * ASKED),
    };
    publish(&desk, path, root)?;
    let mut device = Device::begin(desk)?;
    for _ in 0..PLUGINS {
        device.wait(PATIENCE, "first report of a plugin", |event| {
            event["event"] == "reported"
        })?;
    }
    device.rest(REST)?;
    let denials = denials(&device)?;
    ensure!(
        denials == expected,
        "{denials} calls were refused, and not {expected}"
    );
    let resident = device.process().megabytes("VmRSS")?;
    device.end()?;
    Ok(resident)
}

/// What `plugin list` tells of all plugins.
fn denials(device: &Device) -> anyhow::Result<u64> {
    let answer: Value = serde_json::from_str(&device.desk.ask(&["plugin", "list"])?)?;
    let plugins = answer["plugins"]
        .as_array()
        .context("no plugin is listed")?;
    plugins
        .iter()
        .map(|plugin| {
            let denials = plugin["figures"]["denials"].as_u64();
            denials.with_context(|| format!("no figures: {plugin}"))
        })
        .sum()
}

fn publish(desk: &Desk, path: usize, root: &str) -> anyhow::Result<()> {
    let component = desk.folder().join("refused.wasm");
    let guest = GUEST.replace("PATH", &path.to_string());
    fs::write(&component, wat::parse_str(guest)?)?;
    for number in 0..PLUGINS {
        let plugin = format!("asks-{number}");
        let policy = desk.folder().join(format!("{plugin}.toml"));
        fs::write(&policy, TEXT.replace("ASKS", &plugin).replace("ROOT", root))?;
        desk.publish_as("inventory", &plugin, "0.1.0", &component)?;
        desk.sign_policy(&policy)?;
        desk.assign(&plugin, "0.1.0")?;
    }
    Ok(())
}

/// `files` is granted beneath a root.
const TEXT: &str = r#"
format = 1
plugin = "ASKS"
vendor = "bailiwick"
versions = "^0.1"
summary = "Asks."

[limits]
memory = "4 MiB"
deadline = "2 s"
cpu = { per-mille = 100, window = "60 s" }
output = "16 KiB"
host-calls = 100
log-lines = 10
state = "4 KiB"

[schedule]
every = "1 h"
jitter = "0 s"

[[grant]]
capability = "files"
effect = "allow"
roots = [{ root = "ROOT", paths = ["**"] }]
reason = "To be measured."
approved-by = "policies-2026"
risk = "low"
"#;
