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

/// Which agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It lists processes by the kernel's iterator.
    Bpf,
    /// It reads /proc, as where it may attach nothing to the kernel.
    Proc,
    /// As the first, with no plugin: it is connected, and finds sessions.
    Bare,
}

impl Way {
    pub(super) const ALL: [Self; 3] = [Self::Bpf, Self::Proc, Self::Bare];

    /// For the table.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bpf => "bailiwick, BPF",
            Self::Proc => "bailiwick, over /proc",
            Self::Bare => "bailiwick without plugins",
        }
    }

    /// The same.
    pub(super) const fn tells(self) -> &'static str {
        match self {
            Self::Bpf | Self::Proc => {
                "applications of each session: CPU, memory, I/O, states; each sample kept"
            }
            Self::Bare => "which sessions there are",
        }
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::Bpf => "peers-bpf",
            Self::Proc => "peers-proc",
            Self::Bare => "peers-bare",
        }
    }

    const fn has_plugin(self) -> bool {
        match self {
            Self::Bpf | Self::Proc => true,
            Self::Bare => false,
        }
    }

    /// As `bailiwick status` tells.
    const fn told(self) -> &'static str {
        match self {
            Self::Bpf | Self::Bare => "bpf",
            Self::Proc => "proc",
        }
    }

    /// `agent` with the rights that lead to this way.
    fn as_allowed(self, agent: Command) -> Command {
        match self {
            Self::Bpf | Self::Bare => agent,
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
    /// Which are sampled.
    sessions: u64,
}

impl Agent {
    /// Starts one and waits until each of `sessions` was sampled.
    pub(super) fn start(bench: &Bench, way: Way, sessions: usize) -> anyhow::Result<Self> {
        let desk = bench.desk_for(Devices::Enrolled, way.folder())?;
        if way.has_plugin() {
            desk.add_with(ANALYZER, |_| None)?;
        }
        let account = Account::open(way.folder())?;
        let sent = Arc::new(AtomicU64::new(0));
        let device = Device::begin_enrolled_as(desk, |desk, opened| {
            let agent = counted(desk, opened, &sent)?;
            Ok(account.within(&way.as_allowed(agent)))
        })?;
        let mut agent = Self {
            device,
            account,
            sent,
            sessions: if way.has_plugin() { sessions as u64 } else { 0 },
        };
        let sign = if way.has_plugin() {
            "plugin-started"
        } else {
            "started"
        };
        agent
            .device
            .wait(PATIENCE, sign, |event| event["event"] == sign)?;
        agent.is_read(way)?;
        agent.sampled()?;
        Ok(agent)
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    /// Bytes that it sent so far, TLS included.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// How many samples it took so far.
    pub(super) fn samples(&self) -> anyhow::Result<u64> {
        if self.sessions == 0 {
            return Ok(0);
        }
        let calls = self.device.timing(ANALYZER)?["calls"].as_u64();
        calls.context("the agent does not tell of samples")
    }

    /// Figures of an agent that did not do its work are none: how many samples it takes in the
    /// time of `samples`, of which one may be due at either end.
    pub(super) fn due(&self, samples: u32) -> u64 {
        u64::from(samples.saturating_sub(1)) * self.sessions
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

    /// Waits until each session was sampled once: an instance samples as it starts.
    fn sampled(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let samples = self.samples()?;
            if samples >= self.sessions {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "{samples} samples of {}",
                self.sessions
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
