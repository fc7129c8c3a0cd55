//! What every benchmark needs: engine, compiler, plugins and their policies.

use std::{path::Path, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use bailiwick_core::{
    bytes::ByteCount,
    limits::{CpuShare, Limits},
    policy::Policy,
    ports::Clock,
    time::Span,
};
use bailiwick_device::SystemClock;
use bailiwick_sandbox::{
    Component, Instance, Ports,
    artifact::Artifacts,
    compile::{Child, ChildLimits},
    engine::{Engine, engine},
};
use tempfile::TempDir;

use crate::ports;

/// Policy of the host's own probe, which serves as the guest of the smallest calls: it
/// exports an empty function and one that calls the clock as often as it is told.
const PROBE_POLICY: &str = r#"
format = 1
plugin = "probe"
vendor = "bailiwick"
versions = "^0.1"
summary = "Calls and attacks."

[limits]
memory = "4 MiB"
deadline = "10 s"
cpu = { per-mille = 1000, window = "60 s" }
output = "256 KiB"
host-calls = 20000
log-lines = 50
state = "64 KiB"

[schedule]
every = "1 h"
jitter = "0 s"
"#;

pub(crate) struct Setting {
    pub(crate) engine: Engine,
    pub(crate) artifacts: Artifacts,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) short: bool,
    compiler: Child,
    plugins: PathBuf,
    policies: PathBuf,
    /// Holds the artifacts, and what a benchmark lays down.
    pub(crate) folder: TempDir,
}

impl Setting {
    pub(crate) fn new(
        compiler: &Path,
        plugins: PathBuf,
        policies: PathBuf,
        short: bool,
    ) -> anyhow::Result<Self> {
        let engine = engine()?;
        let folder = TempDir::new()?;
        let artifacts = Artifacts::open(&folder.path().join("artifacts"), &engine)?;
        Ok(Self {
            engine,
            artifacts,
            clock: Arc::new(SystemClock::new()),
            short,
            compiler: Child::new(std::path::absolute(compiler)?, ChildLimits::default()),
            plugins,
            policies,
            folder,
        })
    }

    /// `full` rounds, or a tenth of them for a look.
    pub(crate) fn rounds(&self, full: usize) -> usize {
        if self.short { (full / 10).max(3) } else { full }
    }

    /// The bytes of a built plugin.
    pub(crate) fn bytes(&self, plugin: &str, version: &str) -> anyhow::Result<Vec<u8>> {
        let file = self.plugins.join(format!("{plugin}-{version}.wasm"));
        std::fs::read(&file).with_context(|| format!("{} can't be read", file.display()))
    }

    /// A built plugin, its artifact from the folder or compiled into it.
    pub(crate) async fn component(&self, plugin: &str, version: &str) -> anyhow::Result<Component> {
        let bytes = self.bytes(plugin, version)?;
        let artifact = self
            .artifacts
            .load_or_compile(&bytes, &self.compiler)
            .await?;
        Ok(Component::from_artifact(&self.engine, &artifact)?)
    }

    /// The project's own policy of `plugin`, with processor enough to be called without
    /// a pause.
    pub(crate) fn policy(&self, plugin: &str) -> anyhow::Result<Policy> {
        let file = self.policies.join(format!("{plugin}.toml"));
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("{} can't be read", file.display()))?;
        let mut policy = Policy::parse(&file.display().to_string(), &text)?;
        policy.limits.cpu = unlimited();
        Ok(policy)
    }

    /// The probe.
    pub(crate) async fn probe(&self) -> anyhow::Result<Component> {
        let artifact = self.compiler.compile_probe("limits").await?;
        Ok(Component::from_artifact(&self.engine, &artifact)?)
    }

    /// A running instance on the ports of this machine.
    pub(crate) async fn start(
        &self,
        component: &Component,
        policy: &Policy,
    ) -> anyhow::Result<Instance> {
        self.start_on(component, policy, ports::device(&self.clock))
            .await
    }

    pub(crate) async fn start_on(
        &self,
        component: &Component,
        policy: &Policy,
        ports: Ports,
    ) -> anyhow::Result<Instance> {
        let now = self.clock.now();
        Ok(Instance::start(component, policy, &policy.plugin, ports, now).await?)
    }
}

/// The probe's policy, with limits that a benchmark does not reach.
pub(crate) fn probe_policy() -> anyhow::Result<Policy> {
    let grants = ["log", "clock", "state"].map(|capability| {
        format!(
            "[[grant]]\ncapability = \"{capability}\"\neffect = \"allow\"\n\
             reason = \"To be measured.\"\napproved-by = \"host\"\nrisk = \"low\"\n"
        )
    });
    let text = format!("{PROBE_POLICY}\n{}", grants.join("\n"));
    let mut policy = Policy::parse("the probe's policy", &text)?;
    policy.limits.cpu = unlimited();
    policy.limits.host_calls = u32::MAX;
    Ok(policy)
}

/// The limits of a plugin that attacks: those of a small collector, but for the processor,
/// of which it may use all.
pub(crate) fn hostile_limits() -> Limits {
    Limits {
        memory: ByteCount::mib(4),
        deadline: Span::new(Duration::from_secs(10)),
        cpu: unlimited(),
        output: ByteCount::kib(256),
        host_calls: 20_000,
        log_lines: 50,
        state: ByteCount::kib(64),
    }
}

fn unlimited() -> CpuShare {
    CpuShare {
        per_mille: 1_000,
        window: Span::new(Duration::from_secs(1)),
    }
}
