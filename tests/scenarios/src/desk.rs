//! One desk: a repository with its keys, a console, a device.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    Program,
    built::{output, program, root},
};

/// For something to come about on a machine that builds meanwhile.
const SOON: Duration = Duration::from_secs(120);

const VENDOR: &str = "bailiwick";

/// A fresh desk in a folder that goes with it.
pub struct Desk {
    folder: TempDir,
    root_sha256: String,
    /// The console's address, once it has listened.
    address: String,
    /// That of its broker.
    broker: String,
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

impl Desk {
    /// Makes keys, certificates and an empty repository.
    ///
    /// # Panics
    /// A program failed.
    #[must_use]
    pub fn new() -> Self {
        Self::at(Ipv4Addr::LOCALHOST)
    }

    /// The same for a console that listens on another address of this machine.
    ///
    /// # Panics
    /// A program failed.
    #[must_use]
    pub fn at(address: Ipv4Addr) -> Self {
        Self::named(address, &address.to_string())
    }

    /// The same for a console whose certificate has this name.
    ///
    /// # Panics
    /// A program failed.
    #[must_use]
    pub fn named(address: Ipv4Addr, name: &str) -> Self {
        program("bailiwick-compile");
        let folder = match TempDir::new() {
            Ok(folder) => folder,
            Err(error) => panic!("no folder: {error}"),
        };
        let mut desk = Self {
            folder,
            root_sha256: String::new(),
            address: format!("{address}:0"),
            broker: format!("{address}:0"),
        };
        fs::create_dir(desk.path("console")).expect("the folder is ours");
        let made = desk.repo(&["init", "--vendor", VENDOR, "--server-name", name]);
        desk.root_sha256 = made["root-sha256"].as_str().unwrap_or_default().to_owned();
        desk
    }

    /// A path in the desk's folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the console listens, once it has.
    #[must_use]
    pub fn address(&self) -> &str {
        self.address.trim_start_matches("https://")
    }

    /// `bailiwick-console repo` with these arguments; gives its JSON.
    ///
    /// # Panics
    /// It failed.
    pub fn repo(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(program("bailiwick-console"));
        command
            .arg("repo")
            .args(arguments)
            .args(["--json", "--repo"]);
        let text = output(command.arg(self.path("repository")));
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// `bailiwick-console policy` with these arguments and the key of `policies`; gives its JSON.
    ///
    /// # Panics
    /// It failed.
    pub fn decide(&self, arguments: &[&str]) -> Value {
        let keys = fs::read_dir(self.path("repository/keys")).expect("there are keys");
        let is_approvers = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("policies-") && name.ends_with(".json")
        };
        let mut paths = keys.flatten().map(|entry| entry.path());
        let mut command = Command::new(program("bailiwick-console"));
        command
            .arg("policy")
            .args(arguments)
            .arg("--key")
            .arg(paths.find(is_approvers).expect("policies has a key"))
            .args(["--json", "--repo"]);
        let text = output(command.arg(self.path("repository")));
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Builds and publishes one version of a plugin of this workspace.
    ///
    /// # Panics
    /// It is not built or not published.
    pub fn publish(&self, plugin: &str, version: &str) {
        self.publish_of("collector", plugin, version);
    }

    /// The same of a plugin of another world.
    ///
    /// # Panics
    /// It is not built or not published.
    pub fn publish_of(&self, world: &str, plugin: &str, version: &str) {
        let out = self.path("plugins");
        let mut command = Command::new(program("cargo-bailiwick"));
        command
            .args(["bailiwick", "build", "--package", plugin])
            .args(["--as-version", version, "--out"])
            .arg(&out)
            .current_dir(root());
        output(&mut command);
        let component = out.join(format!("{plugin}-{version}.wasm"));
        self.repo(&[
            "publish",
            "--vendor",
            VENDOR,
            "--plugin",
            plugin,
            "--version",
            version,
            "--world",
            world,
            &text(&component),
        ]);
    }

    /// Publishes the workspace's own policy of a plugin, with `edit` applied to each line.
    ///
    /// # Panics
    /// It is not accepted.
    pub fn policy(&self, plugin: &str, edit: impl Fn(&str) -> String) {
        let name = format!("{plugin}.toml");
        let own = fs::read_to_string(root().join("policies").join(&name)).expect("a policy");
        let lines: Vec<_> = own.lines().map(edit).collect();
        self.put(&name, &lines.join("\n"));
    }

    /// Publishes a document beneath `policies/`.
    ///
    /// # Panics
    /// It is not accepted.
    pub fn put(&self, name: &str, content: &str) {
        let file = self.path(name);
        fs::write(&file, content).expect("the folder is ours");
        self.repo(&["policy", "put", &text(&file)]);
    }

    /// Tells devices to run a version under the policy of the plugin's name.
    ///
    /// # Panics
    /// It is not published.
    pub fn assign(&self, plugin: &str, version: &str) {
        self.assign_under(plugin, version, &format!("{plugin}.toml"));
    }

    /// The same under the policy of another name.
    ///
    /// # Panics
    /// It is not published.
    pub fn assign_under(&self, plugin: &str, version: &str, policy: &str) {
        self.repo(&[
            "assign",
            "--vendor",
            VENDOR,
            "--plugin",
            plugin,
            "--version",
            version,
            "--policy",
            policy,
        ]);
    }

    /// Starts the console; at the same address as before, if it ran before.
    ///
    /// # Panics
    /// It does not listen.
    pub fn console(&mut self) -> Program {
        let broker = self.broker.clone();
        self.serve(&["--devices", "open", "--mqtt", &broker])
    }

    /// The same, with somebody else's broker at `address`, whose certificate is the desk's.
    ///
    /// # Panics
    /// It does not listen.
    pub fn console_at(&mut self, address: &str) -> Program {
        let ca = text(&self.path("repository/tls/ca.pem"));
        self.serve(&["--devices", "open", "--broker", address, "--broker-ca", &ca])
    }

    pub(crate) fn serve(&mut self, more: &[&str]) -> Program {
        let mut command = Command::new(program("bailiwick-console"));
        command
            .args(["serve", "--json", "--listen", &self.address])
            .args(more)
            .arg("--data")
            .arg(self.path("console"))
            .arg("--public")
            .arg(self.path("repository/public"))
            .arg("--tls")
            .arg(self.path("repository/tls"));
        let mut console = Program::start(&mut command);
        let line = console.until("address of the console", |line| line["address"].is_string());
        line["address"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut self.address);
        let broker = line["mqtt"].as_str().unwrap_or_default();
        broker
            .trim_start_matches("mqtts://")
            .clone_into(&mut self.broker);
        console
    }

    /// Where its broker is, as a flag takes it.
    pub(crate) fn broker(&self) -> &str {
        &self.broker
    }

    /// Writes the ceiling of the device's owner, which has these entries, and gives the line of a
    /// settings file that names it.
    ///
    /// # Panics
    /// It can't be written.
    pub fn ceiling(&self, entries: &str) -> String {
        let file = self.path("ceiling.toml");
        fs::write(&file, format!("format = 1\n{entries}")).expect("the folder is ours");
        format!("ceiling-file = \"{}\"\n", text(&file))
    }

    /// The id of the device, whose agent runs.
    ///
    /// # Panics
    /// It does not tell.
    #[must_use]
    pub fn device_id(&self) -> String {
        let id = self.ask(&["status"])["device"].as_str().map(str::to_owned);
        id.expect("a device has an id")
    }

    /// The lines of a settings file with which a device finds this desk.
    #[must_use]
    pub fn settings(&self) -> String {
        format!(
            "format = 1\nupdate-url = \"https://{0}/updates/\"\nreport-url = \"https://{0}/\"\n\
             root-sha256 = \"{1}\"\nca-file = \"{2}\"\n",
            self.address,
            self.root_sha256,
            text(&self.path("repository/tls/ca.pem")),
        )
    }

    /// The same for a device that reports over MQTT alone.
    #[must_use]
    pub fn settings_over_mqtt(&self) -> String {
        let settings = self.settings();
        let lines = settings.lines().map(|line| match line.split_once(" = ") {
            Some(("report-url", _)) => format!("mqtt-url = \"mqtts://{}\"\n", self.broker),
            _ => format!("{line}\n"),
        });
        lines.collect()
    }

    /// Starts the agent with the settings file `device.toml` and the data folder `device`.
    ///
    /// # Panics
    /// It is not started.
    pub fn agent(&self) -> Program {
        self.run(Command::new(program("bailiwick")))
    }

    /// The same where no bus of the system answers: sessions are those that the kernel numbers.
    ///
    /// # Panics
    /// It is not started.
    pub fn agent_without_bus(&self) -> Program {
        self.agent_on_bus(&format!("unix:path={}", text(&self.path("no-bus"))))
    }

    /// The same where the bus of the system has this address.
    ///
    /// # Panics
    /// It is not started.
    pub fn agent_on_bus(&self, address: &str) -> Program {
        let mut command = Command::new(program("bailiwick"));
        command.env("DBUS_SYSTEM_BUS_ADDRESS", address);
        self.run(command)
    }

    /// The same within a network namespace.
    ///
    /// # Panics
    /// It is not started.
    pub fn agent_within(&self, namespace: &str) -> Program {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", namespace])
            .arg(program("bailiwick"));
        self.run(command)
    }

    /// The same under a wall clock that a file moves, preloaded from `library`; what the
    /// agent says on its standard error goes to `errors`.
    ///
    /// # Panics
    /// It is not started.
    pub fn agent_under_clock(&self, library: &str, moved_by: &Path, errors: &Path) -> Program {
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                "exec 2>\"$ERRORS\"; LD_PRELOAD=\"$LIBRARY\" exec \"$0\" \"$@\"",
            ])
            .env("ERRORS", errors)
            .env("LIBRARY", library)
            .env("FAKETIME_TIMESTAMP_FILE", moved_by)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1")
            .arg(program("bailiwick"));
        self.run(command)
    }

    fn run(&self, mut command: Command) -> Program {
        command
            .args(["run", "--json", "--data"])
            .arg(self.path("device"))
            .arg("--settings-file")
            .arg(self.path("device.toml"));
        let settings = fs::read_to_string(self.path("device.toml")).unwrap_or_default();
        if !settings.contains("cpu-budget") {
            unbudgeted(&mut command);
        }
        Program::start(&mut command)
    }

    /// Asks the running agent; gives its JSON.
    ///
    /// # Panics
    /// It does not answer.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(program("bailiwick"));
        command.args(arguments).args(["--json", "--data"]);
        let text = output(command.arg(self.path("device")));
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Starts a command that goes on telling, one JSON object a line.
    ///
    /// # Panics
    /// It can't be started.
    pub fn follow(&self, arguments: &[&str]) -> Program {
        let mut command = Command::new(program("bailiwick"));
        command.args(arguments).args(["--json", "--data"]);
        Program::start(command.arg(self.path("device")))
    }

    /// Asks for words; gives the exit code, too.
    ///
    /// # Panics
    /// The program is not there.
    pub fn try_ask(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(program("bailiwick"));
        command
            .args(arguments)
            .arg("--data")
            .arg(self.path("device"));
        let output = command.output().expect("bailiwick can be started");
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), words)
    }

    /// Asks for what has one JSON object a line.
    ///
    /// # Panics
    /// The command failed.
    pub fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let mut command = Command::new(program("bailiwick"));
        command.args(arguments).args(["--json", "--data"]);
        let text = output(command.arg(self.path("device")));
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_default())
            .collect()
    }

    /// `bailiwick-console action` with these arguments, to be started.
    #[must_use]
    pub fn action(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("bailiwick-console"));
        command.arg("action").args(arguments);
        command
    }

    /// Where the console takes what is sent to it.
    #[must_use]
    pub fn console_address(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// A refresh that is expected to fail, and does.
    ///
    /// # Panics
    /// It did not fail.
    pub fn fails_to_refresh(&self) {
        let mut command = Command::new(program("bailiwick"));
        command.args(["update", "refresh", "--json", "--data"]);
        let output = command.arg(self.path("device")).output();
        let output = output.expect("the program starts");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }

    /// Waits until `status` has a line on sending `what` that fits; gives it.
    ///
    /// # Panics
    /// There is none in time.
    pub fn sending(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let sending = self.ask(&["status"])["sending"].clone();
            let lines = sending.as_array().into_iter().flatten();
            let found = lines
                .into_iter()
                .find(|line| line["what"] == what && fits(line));
            if let Some(line) = found {
                return line.clone();
            }
            assert!(
                begun.elapsed() < SOON,
                "no such line on {what} in {sending}"
            );
            // Nothing tells when the answer of another program is another one.
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// As [`Self::sending`], of what is wrong now for a reason with these words.
    ///
    /// # Panics
    /// Nothing is in time.
    pub fn is_wrong(&self, what: &str, words: &str) -> Value {
        self.sending(what, |line| line["until"].is_null() && says(line, words))
    }

    /// Publishes version 0.2.0 of `pressure`, which reports each second, and assigns it.
    ///
    /// # Panics
    /// It is not accepted.
    pub fn report_each_second(&self) {
        self.publish("pressure", "0.2.0");
        self.policy("pressure", |line| match line.split_once(" = ") {
            Some(("every", _)) => "every = \"1 s\"".to_owned(),
            Some(("jitter", _)) => "jitter = \"0 s\"".to_owned(),
            _ => line.to_owned(),
        });
        self.assign("pressure", "0.2.0");
    }

    /// Waits for the delivery of a report of `pressure` that is made from now on, and looks
    /// that each before it is in the console once.
    ///
    /// # Panics
    /// One is missing, or there twice.
    pub fn everything_is_there_once(&self, agent: &mut Program) {
        let made = agent.event("reported");
        let end = made["counter"].as_u64().expect("a number");
        let ends = format!("-{end}");
        agent.until("what was made last", |line| {
            let key = line["key"].as_str();
            line["event"] == "delivered" && key.is_some_and(|key| key.ends_with(&ends))
        });
        let mut stored: Vec<_> = self
            .reports(&["--plugin", "pressure"])
            .iter()
            .filter_map(|report| report["counter"].as_u64())
            .filter(|counter| *counter <= end)
            .collect();
        stored.sort_unstable();
        assert_eq!(stored, Vec::from_iter(0..=end), "each is there once");
    }

    /// `bailiwick-console reports` with these arguments: one JSON object a line.
    ///
    /// # Panics
    /// It failed.
    pub fn reports(&self, arguments: &[&str]) -> Vec<Value> {
        let mut command = Command::new(program("bailiwick-console"));
        command
            .args(["reports", "--json", "--last", "10000"])
            .args(arguments)
            .arg("--data");
        let text = output(command.arg(self.path("console")));
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_default())
            .collect()
    }
}

/// Whether the reason of a line has these words.
#[must_use]
pub fn says(line: &Value, words: &str) -> bool {
    let reason = line["reason"].as_str();
    reason.is_some_and(|reason| reason.contains(words))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// An agent that is built without optimizing, on a busy machine, and that is called each second,
/// is not to sample less often for it.
pub(crate) fn unbudgeted(command: &mut Command) {
    command
        .env("BAILIWICK_CPU_BUDGET", "100 %")
        .env("BAILIWICK_MEMORY_BUDGET", "10 GB");
}
