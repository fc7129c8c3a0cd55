//! A console of its own, and devices that are enrolled there.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
};

use bailiwick_core::{enrolment::Token, ids::DeviceId};
use bailiwick_report::{
    rows::Snapshot,
    schema::{Collection, Field, Kind, Privacy, Schema},
    sender::Sender,
    wire::Origin,
};
use bailiwick_transport::{
    Address, Connector, Https, ProxySettings, Reports, Trust,
    enrol::{Credentials, DeviceKey, EnrolError, Enrolled, Enroller},
    mqtt::{Ack, Device, DeviceOptions},
};
use serde_json::Value;

use crate::process::Process;

const CONSOLE: &str = env!("CARGO_BIN_EXE_bailiwick-console");

pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

/// A console that serves.
pub(crate) struct Served {
    pub(crate) process: Process,
    pub(crate) address: Address,
    pub(crate) mqtt: String,
    pub(crate) websocket: Option<String>,
}

/// A device with its certificate.
pub(crate) struct Enrolment {
    pub(crate) id: DeviceId,
    pub(crate) key: DeviceKey,
    pub(crate) enrolled: Enrolled,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let desk = Self { folder };
        desk.run(&["repo", "init", "--vendor", "acme", "--repo"], &[]);
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts `serve` with `more` and waits until it serves.
    pub(crate) fn serve(&self, more: &[&str]) -> Served {
        let any = "127.0.0.1:0";
        let mut command = Command::new(CONSOLE);
        command
            .args(["serve", "--json", "--listen", any, "--page", any, "--data"])
            .arg(self.folder.path())
            .args(more)
            .stdout(Stdio::piped());
        if !more.contains(&"--broker") {
            command.args(["--mqtt", any]);
        }
        let mut process = Process::start(&mut command);
        let output = process.0.stdout.take().unwrap();
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap();
        let json: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["devices"], "enrolled");
        Served {
            process,
            address: json["console"].as_str().unwrap().parse().unwrap(),
            mqtt: json["mqtt"].as_str().unwrap().to_owned(),
            websocket: json["mqtt-on-websocket"].as_str().map(str::to_owned),
        }
    }

    /// `bailiwick-console device invite` with `more`.
    pub(crate) fn invite(&self, more: &[&str]) -> Token {
        let lines = self.device("invite", more);
        lines[0]["token"].as_str().unwrap().parse().unwrap()
    }

    /// A verb of `bailiwick-console device`: the JSON that it prints, a value a line.
    pub(crate) fn device(&self, verb: &str, more: &[&str]) -> Vec<Value> {
        let text = self.run(&["device", verb, "--json", "--data"], more);
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The events of a device that have this name.
    pub(crate) fn events(&self, name: &str) -> Vec<Value> {
        let text = self.run(&["reports", "--events", "--json", "--data"], &[]);
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines
            .filter(|line: &Value| line["event"]["event"] == name)
            .collect()
    }

    /// The keys of the stored reports.
    pub(crate) fn keys(&self) -> Vec<String> {
        let text = self.run(&["reports", "--json", "--data"], &[]);
        text.lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                line["key"].as_str().unwrap().to_owned()
            })
            .collect()
    }

    fn run(&self, before: &[&str], after: &[&str]) -> String {
        let output = self.try_run(before, after);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{before:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The program, the folder between `before` and `after`.
    pub(crate) fn try_run(&self, before: &[&str], after: &[&str]) -> Output {
        let mut command = Command::new(CONSOLE);
        command.args(before).arg(self.folder.path()).args(after);
        command.output().unwrap()
    }

    /// Enrols a new device.
    pub(crate) async fn enrol(&self, served: &Served, id: u8) -> Enrolment {
        let token = self.invite(&[]);
        let (id, key) = (
            DeviceId::from_bytes([id; 16]),
            DeviceKey::generate().unwrap(),
        );
        let enrolled = enrol(served, &token, id, &key).await.unwrap();
        Enrolment { id, key, enrolled }
    }

    fn trust(&self) -> Trust {
        Trust::os().and_file(self.path("tls/ca.pem"))
    }

    /// Who shows no certificate.
    pub(crate) fn nobody(&self) -> Https {
        Https::new(&self.trust(), &ProxySettings::direct()).unwrap()
    }

    pub(crate) fn https(&self, device: &Enrolment) -> Https {
        let trust = self.trust().and_credentials(device.credentials());
        Https::new(&trust, &ProxySettings::direct()).unwrap()
    }

    pub(crate) fn reports(&self, served: &Served, device: &Enrolment) -> Reports {
        Reports::new(&self.https(device), &served.address)
    }

    /// The other end of `broker` with the certificate of `device`, if there is one, as `id`.
    pub(crate) fn mqtt(&self, broker: &str, device: Option<&Enrolment>, id: DeviceId) -> Device {
        let trust = match device {
            Some(device) => self.trust().and_credentials(device.credentials()),
            None => self.trust(),
        };
        let options = DeviceOptions {
            broker: broker.parse().unwrap(),
            id,
            login: None,
            ack: Ack::Receipt,
        };
        let connector = Connector::new(&trust, &ProxySettings::direct()).unwrap();
        Device::start(connector, options)
    }
}

impl Enrolment {
    pub(crate) fn credentials(&self) -> Credentials {
        Credentials::new(&self.enrolled.certificate, &self.key).unwrap()
    }

    /// Certificate and key in files of `folder`, for other programs.
    pub(crate) fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (certificate, key) = (folder.join("device.pem"), folder.join("device-key.pem"));
        std::fs::write(&certificate, &self.enrolled.pem).unwrap();
        std::fs::write(&key, self.key.to_pem().unwrap()).unwrap();
        (certificate, key)
    }
}

/// Shows `token`, as a device that trusts what the token names and nothing else.
pub(crate) async fn enrol(
    served: &Served,
    token: &Token,
    id: DeviceId,
    key: &DeviceKey,
) -> Result<Enrolled, EnrolError> {
    let trust = Trust::authority(token.authority);
    let https = Https::new(&trust, &ProxySettings::direct()).unwrap();
    let enroller = Enroller::new(&https, &served.address);
    enroller
        .enrol(&token.secret, key.request(&id).unwrap())
        .await
}

/// A full report of `plugin` on a device.
pub(crate) fn report(device: DeviceId, plugin: &str) -> Vec<u8> {
    let field = Field::new("name", Kind::Text, "", 0, Privacy::None).unwrap();
    let schema = Schema::new(vec![Collection::new("disks", 1, vec![field]).unwrap()]).unwrap();
    let origin = Origin::new(*device.as_bytes(), plugin, "0.1.0").unwrap();
    let snapshot = Snapshot::empty(Arc::new(schema));
    Sender::new(1).next(&origin, 10, snapshot).bytes
}
