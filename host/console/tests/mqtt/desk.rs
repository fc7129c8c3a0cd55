//! A console with a folder of its own, and devices that trust it.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use bailiwick_core::ids::DeviceId;
use bailiwick_transport::{
    Connector, ProxySettings, Trust,
    mqtt::{Ack, Device, DeviceOptions, Login},
};

use crate::{process::Process, squid};

const CONSOLE: &str = env!("CARGO_BIN_EXE_bailiwick-console");

/// The device of these tests.
pub(crate) const DEVICE: DeviceId = DeviceId::from_bytes([0x5a; 16]);

/// What the console is to MQTT.
pub(crate) enum Place {
    /// A broker on this port of loopback.
    Broker(u16),
    /// A broker on a WebSocket at this port of loopback.
    WebSocket(u16),
    /// A client of the broker at this address.
    Client(String),
    /// The same with the login in this file.
    ClientAs(String, PathBuf),
}

pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let desk = Self { folder };
        desk.run(&["repo", "init", "--server-name", squid::SERVER, "--repo"]);
        desk
    }

    /// A file of the folder with the console's certificates.
    pub(crate) fn tls(&self, name: &str) -> PathBuf {
        self.folder.path().join("tls").join(name)
    }

    /// Starts `serve` and waits until it serves.
    pub(crate) fn serve(&self, place: &Place) -> Process {
        let mut command = Command::new(CONSOLE);
        let any = "127.0.0.1:0";
        let listen = match place {
            Place::WebSocket(port) => format!("127.0.0.1:{port}"),
            _ => any.to_owned(),
        };
        command.args([
            "serve",
            "--json",
            "--devices",
            "open",
            "--listen",
            &listen,
            "--page",
            any,
            "--data",
        ]);
        command.arg(self.folder.path()).stdout(Stdio::piped());
        match place {
            Place::Broker(port) => command.args(["--mqtt", &format!("127.0.0.1:{port}")]),
            Place::WebSocket(_) => command.args(["--mqtt", any]),
            Place::Client(broker) => command
                .args(["--broker", broker, "--broker-ca"])
                .arg(self.tls("ca.pem")),
            Place::ClientAs(broker, login) => command
                .args(["--broker", broker, "--broker-ca"])
                .arg(self.tls("ca.pem"))
                .arg("--broker-login")
                .arg(login),
        };
        let mut process = Process::start(&mut command);
        let output = process.0.stdout.take().unwrap();
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert!(line.contains("mqtts://"), "{line}");
        process
    }

    /// The device, which waits for receipts.
    pub(crate) fn device(&self, broker: &str, proxy: &ProxySettings) -> Device {
        self.device_with(broker, proxy, Ack::Receipt)
    }

    /// The device with a login.
    pub(crate) fn device_as(&self, broker: &str, user: &str, password: &str) -> Device {
        let options = DeviceOptions {
            broker: broker.parse().unwrap(),
            id: DEVICE,
            login: Some(Login::read(&self.login(user, password)).unwrap()),
            ack: Ack::Receipt,
        };
        Device::start(self.connector(&ProxySettings::direct()), options)
    }

    /// A file with a login.
    pub(crate) fn login(&self, user: &str, password: &str) -> PathBuf {
        let file = self.folder.path().join(format!("login-{user}"));
        std::fs::write(&file, format!("{user}\n{password}\n")).unwrap();
        file
    }

    fn connector(&self, proxy: &ProxySettings) -> Connector {
        let trust = Trust::os().and_file(self.tls("ca.pem"));
        Connector::new(&trust, proxy).unwrap()
    }

    /// The device, which waits for `ack`.
    pub(crate) fn device_with(&self, broker: &str, proxy: &ProxySettings, ack: Ack) -> Device {
        let options = DeviceOptions {
            broker: broker.parse().unwrap(),
            id: DEVICE,
            login: None,
            ack,
        };
        Device::start(self.connector(proxy), options)
    }

    /// The keys of the reports in the database, and how often each is there.
    pub(crate) fn keys(&self) -> BTreeMap<String, usize> {
        let mut keys = BTreeMap::new();
        for line in self
            .run(&["reports", "--json", "--last", "10000", "--data"])
            .lines()
        {
            let json: serde_json::Value = serde_json::from_str(line).unwrap();
            *keys
                .entry(json["key"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        keys
    }

    pub(crate) fn has_each_once(&self, count: usize) {
        let keys = self.keys();
        assert_eq!(keys.len(), count);
        assert!(keys.values().all(|times| *times == 1), "{keys:?}");
    }

    /// A file of the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command to its end.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        Command::new(CONSOLE).args(arguments).output().unwrap()
    }

    /// The same of one that has to go well.
    pub(crate) fn tell(&self, arguments: &[&str]) {
        let output = self.command(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(CONSOLE)
            .args(arguments)
            .arg(self.folder.path())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}
