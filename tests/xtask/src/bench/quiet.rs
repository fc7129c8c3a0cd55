//! Bytes of an agent that is connected and has nothing to report: pings, the look for
//! updates, and what the agent tells of itself.
//!
//! MQTT is read from the kernel's account of the connection, TLS included, so the figure is
//! an upper bound. Updates come from nginx, whose log has each request's and answer's bytes.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, bail};
use bailiwick_needs::{nginx, nginx_of_fleet};

use super::{Bench, device::Device, table::Figure};
use crate::{desk::Desk, program::Program};

const HOUR: Duration = Duration::from_secs(3_600);
const SHORT: Duration = Duration::from_secs(300);
/// After the last report: what it set off has ended.
const SETTLE: Duration = Duration::from_secs(20);

pub(crate) fn measure(bench: &Bench, _: &str) -> anyhow::Result<Vec<Figure>> {
    let desk = bench.desk("quiet")?;
    desk.add("inventory", "12 h")?;
    let nginx = Nginx::start(&desk)?;
    let updates = format!("https://127.0.0.1:{}/updates/", nginx.port);
    let mut device = Device::begin_connected(desk, &updates)?;
    device.wait_for_delivery("inventory")?;
    device.rest(SETTLE)?;
    let time = bench.time(HOUR, SHORT);
    let before = (messages(&device)?, nginx.bytes()?);
    device.rest(time)?;
    if nginx.bytes()? == before.1 {
        // The one of an hour came before, or comes behind it.
        device.desk.refresh()?;
    }
    let (mqtt, https) = (messages(&device)? - before.0, nginx.bytes()? - before.1);
    device.end()?;
    nginx.program.stop()?;
    let hours = time.as_secs_f64() / HOUR.as_secs_f64();
    let mqtt = mqtt as f64 / hours;
    let https = https as f64;
    Ok(vec![
        Figure::new("quiet", (mqtt + https) / 1e3),
        Figure::new("quiet-mqtt-bytes-with-tls", mqtt),
        Figure::new("quiet-updates-bytes", https),
    ])
}

/// Bytes in both directions of the agent's only lasting connection.
fn messages(device: &Device) -> anyhow::Result<u64> {
    let mut command = Command::new("ss");
    command.args(["--tcp", "--info", "--no-header", "--oneline", "--processes"]);
    let output = command.output().context("can't start ss of iproute2")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let pid = format!("pid={},", device.process().0);
    let port = format!(":{}", device.broker_port);
    let connections = text.lines().filter(|line| {
        line.contains(&pid) && line.split_whitespace().any(|word| word.ends_with(&port))
    });
    let bytes: Vec<u64> = connections
        .map(|line| {
            let counters = line.split_whitespace().filter_map(|word| {
                let value = word
                    .strip_prefix("bytes_sent:")
                    .or(word.strip_prefix("bytes_received:"))?;
                value.parse::<u64>().ok()
            });
            counters.sum()
        })
        .collect();
    match bytes[..] {
        [one] => Ok(one),
        _ => bail!(
            "the agent has {} connections to the broker, where one is measured",
            bytes.len()
        ),
    }
}

/// nginx with the settings that the console hands out, and a log of bytes.
struct Nginx {
    program: Program,
    log: std::path::PathBuf,
    port: u16,
}

impl Nginx {
    fn start(desk: &Desk) -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        drop(listener);
        let folder = desk.folder().join("nginx");
        fs::create_dir(&folder)?;
        let own = nginx_of_fleet(port, &desk.folder().join("repository/tls"), &desk.public())?;
        let log = folder.join("bytes");
        let http = format!(
            "log_format bytes '$request_length $bytes_sent';\naccess_log {} bytes;\n{own}",
            log.display(),
        );
        let mut command = nginx(Path::new("nginx"), &folder, &http)?;
        Ok(Self {
            program: Program::start("nginx", &mut command)?,
            log,
            port,
        })
    }

    /// Bytes of all requests and answers until now.
    fn bytes(&self) -> anyhow::Result<u64> {
        let text = fs::read_to_string(&self.log)?;
        text.split_whitespace()
            .map(|number| number.parse::<u64>().context("nginx logs numbers"))
            .sum()
    }
}
