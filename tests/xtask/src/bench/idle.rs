//! CPU time of the agent when nothing is due: `inventory` has reported and is due in an
//! hour, and so is the next refresh.

use std::time::Duration;

use super::{Bench, device::Device, table::Figure};

const MINUTE: Duration = Duration::from_secs(60);
/// After the last work: tokio keeps idle threads for 10 s, and connections end later.
const SETTLE: Duration = Duration::from_secs(20);

pub(crate) fn measure(bench: &Bench, _: &str) -> anyhow::Result<Vec<Figure>> {
    let desk = bench.desk("idle")?;
    desk.add("inventory", "1 h")?;
    let mut device = Device::begin(desk)?;
    device.wait(MINUTE, "start of inventory", |event| {
        event["event"] == "plugin-started"
    })?;
    device.desk.ask(&["inventory"])?;
    device.wait_for_delivery("inventory")?;
    device.rest(SETTLE)?;
    let minutes = if bench.short { 1 } else { 3 };
    let used = device.rest_and_account(MINUTE * minutes)? / minutes;
    device.end()?;
    Ok(vec![Figure::new("idle", used.as_secs_f64() * 1e3)])
}
