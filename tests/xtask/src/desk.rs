//! A desk: repository, console, and the files of both and of one device, in one folder.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail, ensure};
use serde_json::Value;

use crate::{
    build::{self, Profile},
    program::Program,
    step::root,
};

/// Who publishes the plugins.
const VENDOR: &str = "bailiwick";

/// A console that serves.
pub(crate) struct Opened {
    pub(crate) console: Program,
    /// Where devices find it.
    pub(crate) address: String,
    /// Where they find its broker.
    pub(crate) broker: String,
    /// A link that lets an operator in, once.
    pub(crate) login: String,
}

/// Which devices a console listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Devices {
    /// All that know their id: for measurements, in which enrolment is no part.
    Open,
    /// Those with a certificate.
    Enrolled,
}

/// Repository, console and device.
pub(crate) struct Desk {
    folder: PathBuf,
    /// Of the agent and its compiler, and by these of the console.
    programs: Profile,
    /// Which devices the console listens to.
    devices: Devices,
    /// Of the repository's first root.
    pub(crate) root_sha256: String,
    /// Of the certificate authority that the repository made.
    pub(crate) ca_sha256: String,
}

impl Desk {
    /// Makes a fresh one in `folder`: keys, certificates for a console at `here`, and nothing
    /// published yet.
    pub(crate) fn make(
        folder: &Path,
        programs: Profile,
        devices: Devices,
        here: Ipv4Addr,
    ) -> anyhow::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("can't clear {}", folder.display()))?;
        }
        fs::create_dir_all(folder.join("console"))?;
        let mut desk = Self {
            folder: folder.to_owned(),
            programs,
            devices,
            root_sha256: String::new(),
            ca_sha256: String::new(),
        };
        let here = here.to_string();
        let made = desk.repo(&["init", "--vendor", VENDOR, "--server-name", &here])?;
        let text = |key: &str| made[key].as_str().unwrap_or_default().to_owned();
        desk.root_sha256 = text("root-sha256");
        desk.ca_sha256 = text("ca-sha256");
        ensure!(
            !desk.root_sha256.is_empty(),
            "repo init named no root: {made}"
        );
        Ok(desk)
    }

    /// Builds, publishes and assigns version 0.1.0 of `plugin`, to be called at `every`.
    pub(crate) fn add(&self, plugin: &str, every: &str) -> anyhow::Result<()> {
        self.add_with(plugin, |key| match key {
            "every" => Some(format!("\"{every}\"")),
            "jitter" => Some("\"0 s\"".to_owned()),
            _ => None,
        })
    }

    /// The same under the project's own policy, with other values for some of its keys.
    pub(crate) fn add_with(
        &self,
        plugin: &str,
        other: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<()> {
        self.build(plugin, "0.1.0")?;
        self.publish(plugin, "0.1.0", &self.component(plugin, "0.1.0"))?;
        self.put_policy(plugin, other)?;
        self.assign(plugin, "0.1.0")
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Builds one version of a plugin.
    pub(crate) fn build(&self, plugin: &str, version: &str) -> anyhow::Result<()> {
        let mut command = Command::new(build::built("cargo-bailiwick"));
        command
            .args([
                "bailiwick",
                "build",
                "--package",
                plugin,
                "--as-version",
                version,
                "--out",
            ])
            .arg(self.folder.join("plugins"))
            .current_dir(root());
        output(&mut command).map(drop)
    }

    /// Where [`Self::build`] put it.
    pub(crate) fn component(&self, plugin: &str, version: &str) -> PathBuf {
        self.folder
            .join("plugins")
            .join(format!("{plugin}-{version}.wasm"))
    }

    /// Publishes `component` as a version of `plugin`, signed by the vendor's key.
    pub(crate) fn publish(
        &self,
        plugin: &str,
        version: &str,
        component: &Path,
    ) -> anyhow::Result<()> {
        self.publish_as(plugin, plugin, version, component)
    }

    /// The same of a component of `plugin` that goes by another `name`.
    pub(crate) fn publish_as(
        &self,
        plugin: &str,
        name: &str,
        version: &str,
        component: &Path,
    ) -> anyhow::Result<()> {
        let component = component
            .to_str()
            .ok_or_else(|| anyhow!("a path is not text"))?;
        self.repo(&[
            "publish",
            "--vendor",
            VENDOR,
            "--plugin",
            name,
            "--version",
            version,
            "--world",
            &world(plugin)?,
            component,
        ])
        .map(drop)
    }

    /// Tells devices to run `version`.
    pub(crate) fn assign(&self, plugin: &str, version: &str) -> anyhow::Result<()> {
        let policy = format!("{plugin}.toml");
        self.repo(&[
            "assign",
            "--vendor",
            VENDOR,
            "--plugin",
            plugin,
            "--version",
            version,
            "--policy",
            &policy,
        ])
        .map(drop)
    }

    /// Publishes the project's own policy, with other values for some keys.
    fn put_policy(
        &self,
        plugin: &str,
        other: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<()> {
        let text = fs::read_to_string(root().join("policies").join(format!("{plugin}.toml")))?;
        let paced: Vec<String> = text
            .lines()
            .map(|line| {
                let key = line.split_once(" = ").map(|(key, _)| key);
                let changed = key.and_then(|key| Some(format!("{key} = {}", other(key)?)));
                changed.unwrap_or_else(|| line.to_owned())
            })
            .collect();
        let file = self.folder.join(format!("{plugin}.toml"));
        fs::write(&file, paced.join("\n"))?;
        self.sign_policy(&file)
    }

    /// Publishes the policy in `file`, signed by the key of `policies`.
    pub(crate) fn sign_policy(&self, file: &Path) -> anyhow::Result<()> {
        let file = file.to_str().ok_or_else(|| anyhow!("a path is not text"))?;
        self.repo(&["policy", "put", file]).map(drop)
    }

    /// Starts the console on `address`, and its broker on `broker`, of which port 0 picks a
    /// free one, and tells its own addresses.
    pub(crate) fn open(&self, address: &str, broker: &str) -> anyhow::Result<Opened> {
        let mut console = Program::start("bailiwick-console", &mut self.serve(address, broker))?;
        let line = console
            .next(Instant::now() + Duration::from_secs(20))?
            .context("the console named no address in 20 s")?;
        let named = |key: &str| {
            let text = line[key].as_str().map(str::to_owned);
            text.ok_or_else(|| anyhow!("the console named no {key}: {line}"))
        };
        Ok(Opened {
            address: named("console")?,
            broker: named("mqtt")?,
            login: named("login")?,
            console,
        })
    }

    fn serve(&self, address: &str, broker: &str) -> Command {
        let mut command = Command::new(self.console());
        let devices = match self.devices {
            Devices::Open => "open",
            Devices::Enrolled => "enrolled",
        };
        command
            .args(["serve", "--json", "--devices", devices])
            .args(["--listen", address, "--mqtt", broker, "--data"])
            .arg(self.folder.join("console"))
            .arg("--public")
            .arg(self.public())
            .arg("--tls")
            .arg(self.folder.join("repository/tls"));
        command
    }

    /// A token that enrols one device, once.
    pub(crate) fn invite(&self) -> anyhow::Result<String> {
        let mut command = Command::new(self.console());
        command
            .args(["device", "invite", "--json", "--data"])
            .arg(self.folder.join("console"))
            .arg("--public")
            .arg(self.public())
            .arg("--tls")
            .arg(self.folder.join("repository/tls"));
        let made: Value = serde_json::from_str(&output(&mut command)?)?;
        let token = made["token"].as_str().map(str::to_owned);
        token.with_context(|| format!("the console named no token: {made}"))
    }

    /// `bailiwick enrol` on the device.
    pub(crate) fn enrol(&self, token: &str) -> Command {
        self.command(&["enrol", token])
    }

    /// The agent of an enrolled device, which needs no settings.
    pub(crate) fn enrolled_agent(&self) -> Command {
        self.command(&["run"])
    }

    /// The agent, against the console at `console`.
    pub(crate) fn agent(&self, console: &str) -> Command {
        self.run(("report-url", console), &format!("{console}updates/"))
    }

    /// The agent, reporting over MQTT at `broker`, with updates from `updates`.
    pub(crate) fn connected_agent(&self, broker: &str, updates: &str) -> Command {
        self.run(("mqtt-url", broker), updates)
    }

    fn run(&self, (reports, to): (&str, &str), updates: &str) -> Command {
        let mut command = Command::new(self.programs.built("bailiwick"));
        let ca = self.folder.join("repository/tls/ca.pem");
        command
            .args(["run", "--json", "--data"])
            .arg(self.folder.join("device"));
        for (name, value) in [
            ("update-url", updates.to_owned()),
            (reports, to.to_owned()),
            ("root-sha256", self.root_sha256.clone()),
            ("ca-file", ca.display().to_string()),
        ] {
            command.arg("--set").arg(format!("{name}={value}"));
        }
        command
    }

    /// Tells the agent to read the repository now. A refused repository is no failure here:
    /// the agent's events tell.
    pub(crate) fn refresh(&self) -> anyhow::Result<()> {
        let mut command = self.command(&["update", "refresh"]);
        let output = command.output();
        output.with_context(|| format!("can't start {command:?}"))?;
        Ok(())
    }

    /// Asks the running agent.
    pub(crate) fn ask(&self, command: &[&str]) -> anyhow::Result<String> {
        output(&mut self.command(command))
    }

    fn command(&self, command: &[&str]) -> Command {
        let mut program = Command::new(self.programs.built("bailiwick"));
        program
            .args(command)
            .args(["--json", "--data"])
            .arg(self.folder.join("device"));
        program
    }

    /// Kinds of the reports that the console has committed.
    pub(crate) fn delivered(&self) -> anyhow::Result<Vec<String>> {
        let mut command = Command::new(self.console());
        command
            .args(["reports", "--json", "--last", "1000", "--data"])
            .arg(self.folder.join("console"));
        let text = output(&mut command)?;
        text.lines()
            .map(|line| {
                let report: Value = serde_json::from_str(line)?;
                Ok(report["kind"].as_str().unwrap_or_default().to_owned())
            })
            .collect()
    }

    /// How many reports the console has committed, of at most `last`.
    pub(crate) fn stored(&self, last: usize) -> anyhow::Result<usize> {
        let mut command = Command::new(self.console());
        command
            .args(["reports", "--json", "--last", &last.to_string(), "--data"])
            .arg(self.folder.join("console"));
        Ok(output(&mut command)?.lines().count())
    }

    /// The public folder, as whoever controls the server sees it.
    pub(crate) fn public(&self) -> PathBuf {
        self.folder.join("repository/public")
    }

    /// The console's program.
    pub(crate) fn console(&self) -> PathBuf {
        self.programs.of_console().built("bailiwick-console")
    }

    /// `bailiwick-console repo` with these arguments.
    pub(crate) fn repo(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let mut command = Command::new(self.console());
        command
            .arg("repo")
            .args(arguments)
            .args(["--json", "--repo"])
            .arg(self.folder.join("repository"));
        Ok(serde_json::from_str(&output(&mut command)?)?)
    }
}

/// The world that a plugin of the project says it is of.
fn world(plugin: &str) -> anyhow::Result<String> {
    let file = root().join("plugins").join(plugin).join("plugin.toml");
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let world = text.lines().find_map(|line| line.strip_prefix("world = "));
    let world = world.with_context(|| format!("{} names no world", file.display()))?;
    Ok(world.trim_matches('"').to_owned())
}

pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("can't start {command:?}"))?;
    if !output.status.success() {
        bail!(
            "{command:?} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}
