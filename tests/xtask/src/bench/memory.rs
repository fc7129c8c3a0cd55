//! Resident memory of the agent with `inventory`, which collects and reports every six
//! minutes and rests between: its own policy says every hour.

use std::time::Duration;

use super::{Bench, device::Device, table::Figure};

const TIME: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_secs(60);

pub(crate) fn measure(bench: &Bench, _: &str) -> anyhow::Result<Vec<Figure>> {
    let desk = bench.desk("memory")?;
    desk.add("inventory", "6 min")?;
    let mut device = Device::begin(desk)?;
    device.wait_for_delivery("inventory")?;
    device.rest(bench.time(TIME, SHORT))?;
    let process = device.process();
    let figures = vec![
        Figure::new("rss", process.megabytes("VmRSS")?),
        Figure::new("hwm", process.megabytes("VmHWM")?),
        Figure::new("rss-anonymous-MB", process.megabytes("RssAnon")?),
        Figure::new("rss-file-MB", process.megabytes("RssFile")?),
        Figure::new("threads", process.threads()? as f64),
    ];
    device.end()?;
    Ok(figures)
}
