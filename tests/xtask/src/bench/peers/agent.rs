//! The agent beside its peers: enrolled, with an analyzer for each session, connected over MQTT.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{account::Account, received::relay};
use crate::{
    bench::{Bench, device::Device},
    desk::{Desk, Devices, Opened},
};

const ANALYZER: &str = "session-analyzer";
/// For a plugin to be fetched and started, and for all sessions to be sampled.
const PATIENCE: Duration = Duration::from_secs(120);

/// How it reads processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Bpf,
    Proc,
}

impl Way {
    pub(super) const ALL: [Self; 2] = [Self::Bpf, Self::Proc];

    /// For the table.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bpf => "bailiwick, BPF",
            Self::Proc => "bailiwick, over /proc",
        }
    }

    /// As `bailiwick status` tells.
    const fn told(self) -> &'static str {
        match self {
            Self::Bpf => "bpf",
            Self::Proc => "proc",
        }
    }

    /// `agent`, which has no other way.
    fn leaves(self, agent: Command) -> Command {
        match self {
            Self::Bpf => agent,
            Self::Proc => {
                // As on a machine where nobody may attach programs to the kernel: each of
                // these capabilities allows that.
                let mut without = Command::new("setpriv");
                without
                    .arg("--bounding-set=-bpf,-perfmon,-sys_admin")
                    .arg(agent.get_program())
                    .args(agent.get_args());
                without
            }
        }
    }
}

/// An agent that works.
pub(super) struct Agent {
    device: Device,
    account: Account,
    sent: Arc<AtomicU64>,
}

impl Agent {
    /// Starts one and waits until each of `sessions` was sampled.
    pub(super) fn start(bench: &Bench, way: Way, sessions: usize) -> anyhow::Result<Self> {
        let name = format!("peers-{}", way.told());
        let desk = bench.desk_for(Devices::Enrolled, &name)?;
        desk.add_with(ANALYZER, |_| None)?;
        let account = Account::open(&name)?;
        let sent = Arc::new(AtomicU64::new(0));
        let device = Device::begin_enrolled_as(desk, |desk, opened| {
            let agent = counted(desk, opened, &sent)?;
            Ok(account.within(&way.leaves(agent)))
        })?;
        let mut agent = Self {
            device,
            account,
            sent,
        };
        agent
            .device
            .wait(PATIENCE, "start of the analyzer", |event| {
                event["event"] == "plugin-started"
            })?;
        agent.is_read(way)?;
        agent.sampled(sessions)?;
        Ok(agent)
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    /// Bytes that it sent so far, TLS included.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// Figures of an agent that did not do its work are none: how many samples it took so far.
    pub(super) fn samples(&self) -> anyhow::Result<u64> {
        let calls = self.device.timing(ANALYZER)?["calls"].as_u64();
        calls.context("the agent does not tell of samples")
    }

    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.device.end()
    }

    fn is_read(&self, way: Way) -> anyhow::Result<()> {
        let status: Value = serde_json::from_str(&self.device.desk.ask(&["status"])?)?;
        let processes = &status["processes"];
        ensure!(
            processes["source"] == way.told(),
            "{}: processes are read otherwise: {processes}",
            way.name()
        );
        Ok(())
    }

    /// Waits until each of `sessions` was sampled once: an instance samples as it starts.
    fn sampled(&mut self, sessions: usize) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let samples = self.samples()?;
            if samples >= sessions as u64 {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "{samples} samples of {sessions}"
            );
            self.device.rest(Duration::from_secs(1))?;
        }
    }
}

/// The agent of an enrolled device, all of whose connections are counted.
fn counted(desk: &Desk, opened: &Opened, sent: &Arc<AtomicU64>) -> anyhow::Result<Command> {
    let through = |address: &str| {
        let to = address.split_once("://").map(|(_, rest)| rest);
        let to = to.with_context(|| format!("no address: {address}"))?;
        relay(to.trim_end_matches('/'), Arc::clone(sent))
    };
    let broker = through(&opened.broker)?;
    let console = through(&opened.address)?;
    let mut agent = desk.enrolled_agent();
    for setting in [
        format!("mqtt-url=mqtts://127.0.0.1:{broker}"),
        format!("report-url=https://127.0.0.1:{console}/"),
        format!("update-url=https://127.0.0.1:{console}/updates/"),
    ] {
        agent.arg("--set").arg(setting);
    }
    Ok(agent)
}
