//! A console with devices that have something to tell: real rows of the fixture of 916
//! packages, changes over days, events of every tone, and one device that attacks.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bailiwick_core::{ids::DeviceId, time::Timestamp};
use bailiwick_report::{
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
    sender::Sender,
    wire::Origin,
};
use bailiwick_transport::{
    Address, EventLine, Events, Files, Https, ProxySettings, Reports, Trust,
};
use serde_json::{Value as Json, json};

pub(crate) const CONSOLE: &str = env!("CARGO_BIN_EXE_bailiwick-console");
/// The device that most of the walk looks at.
pub(crate) const DESK: [u8; 16] = *b"desk-17 is here!";
/// The device that reports text made to run in a browser.
pub(crate) const HOSTILE: [u8; 16] = [0xbd; 16];
pub(crate) const SCRIPT: &str = "\"><script>document.title='taken'</script><b onclick=x>'";

const HOUR: u64 = 3_600_000;

/// The console, and what it printed.
pub(crate) struct Scene {
    folder: tempfile::TempDir,
    console: Child,
    pub(crate) page: String,
    pub(crate) login: String,
    reports: Reports,
    events: Events,
    files: Files,
    https: Https,
    console_address: Address,
    mqtt: String,
    now: u64,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.console.kill();
        let _ = self.console.wait();
    }
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(CONSOLE)
        .args(arguments)
        .arg(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

impl Scene {
    /// An empty console.
    pub(crate) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &["repo", "init", "--repo"]);
        let mut console = Command::new(CONSOLE)
            .args(["serve", "--json", "--devices", "open"])
            .args(["--listen", "127.0.0.1:0"])
            .args(["--mqtt", "127.0.0.1:0", "--page", "127.0.0.1:0", "--data"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(console.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let line: Json = serde_json::from_str(&line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        let trust = Trust::os().and_file(folder.path().join("tls/ca.pem"));
        let https = Https::new(&trust, &ProxySettings::direct()).unwrap();
        let address: Address = text("console").parse().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self {
            page: text("page").trim_end_matches('/').to_owned(),
            login: text("login"),
            reports: Reports::new(&https, &address),
            events: Events::new(&https, &address),
            files: Files::new(&https, &address),
            https,
            console_address: address,
            mqtt: text("mqtt"),
            folder,
            console,
            now: now.as_millis() as u64,
        }
    }

    /// Another login link.
    pub(crate) fn log_in(&self, role: &str) -> String {
        let printed = run(self.folder.path(), &["login", "--role", role, "--data"]);
        let (_, url) = printed.trim_end().split_once("http").unwrap();
        format!("http{url}")
    }

    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn https(&self) -> &Https {
        &self.https
    }

    /// Where devices report.
    pub(crate) fn console(&self) -> &Address {
        &self.console_address
    }

    pub(crate) fn mqtt(&self) -> &str {
        &self.mqtt
    }

    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    /// Devices of which little more than their names is known.
    async fn names(&self) {
        for number in 0..27u8 {
            let mut rows = fixture();
            rows["rows"]["package"] = json!([]);
            rows["rows"]["system"][0]["host-name"] = format!("kiosk-{number:02}").into();
            let snapshots = [snapshot(&rows)];
            self.report([number + 1; 16], "inventory", "0.1.0", &snapshots)
                .await;
        }
    }

    /// Fills the console.
    pub(crate) async fn fill(&self) {
        self.publish();
        self.names().await;
        self.desk().await;
        self.handlers().await;
        self.network().await;
        self.sessions().await;
        self.usage().await;
        self.troubled().await;
        self.hostile().await;
        self.enrolled().await;
    }

    async fn desk(&self) {
        let first = fixture();
        let mut second = first.clone();
        second["rows"]["system"][0]["kernel"] = "6.1.0-39-amd64".into();
        second["rows"]["link"][0]["address"] = "198.51.100.23".into();
        let packages = second["rows"]["package"].as_array_mut().unwrap();
        let library = packages.iter_mut().find(|it| it["name"] == "libssl3");
        library.unwrap()["version"] = "3.0.22-1~deb12u3".into();
        packages.retain(|it| it["name"] != "nano");
        packages
            .push(json!({ "name": "zstd", "architecture": "amd64", "version": "1.5.4+dfsg2-5" }));
        let mut third = second.clone();
        let users = third["rows"]["user"].as_array_mut().unwrap();
        users.push(
            json!({ "name": "grace", "uid": 1001, "home": "/home/grace", "shell": "/bin/bash" }),
        );
        third["rows"]["system"][0]["memory"] = 33_285_996_544_u64.into();
        let mut last = third.clone();
        for package in last["rows"]["package"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .take(40)
        {
            let version = format!("{}+b1", package["version"].as_str().unwrap());
            package["version"] = version.into();
        }
        let snapshots = [&first, &second, &third, &last].map(snapshot);
        self.report(DESK, "inventory", "0.2.0", &snapshots).await;
        let load = |share: u64| pressure(&[("cpu", share), ("memory", share / 3), ("io", 0)]);
        self.report(DESK, "pressure", "0.2.0", &[load(120), load(480)])
            .await;
        self.tell(DESK, &[
            (Some("inventory"), json!({ "event": "pulled", "version": "0.2.0", "bytes": 148_312 }),
                "inventory 0.2.0 pulled (148312 bytes) and verified: published by bailiwick, signed by vendor-bailiwick-2026"),
            (Some("inventory"), json!({ "event": "granted", "approved-by": ["policies-2026"], "grants": [
                "system: Host name, kernel, boot time, processors, memory and mounted file systems belong to every inventory.",
                "network: Links with MAC and addresses, and the default gateway, tell where the device is attached.",
                "files: Names the operating system, its time zone and locale, and the name servers.",
                "files, denied: Secrets, and what would identify the device elsewhere, stay out even if a later grant is too wide.",
            ] }), "inventory may, approved by policies-2026:\n    system: Host name, kernel, boot time, processors and memory belong to every inventory.\n    network: Links with MAC and addresses tell where the device is attached."),
            (Some("inventory"), json!({ "event": "limits-proven", "limits": ["memory", "deadline", "cpu", "output", "host-calls", "log-lines", "state"], "bounds": {
                "memory-bytes": 16_777_216, "deadline-ms": 5_000, "cpu-per-mille": 50, "cpu-window-ms": 60_000,
                "output-bytes": 1_048_576, "host-calls": 2_000, "log-lines": 50, "state-bytes": 65_536 } }),
                "inventory: limits shown to hold: memory, deadline, cpu, output, host-calls, log-lines, state"),
            (None, json!({ "event": "started", "version": "0.1.0" }),
                "bailiwick 0.1.0 runs on device 6465736b2d3137206973206865726521 with 2 plugins"),
            (Some("inventory"), json!({ "event": "plugin-started", "version": "0.1.0" }), "inventory 0.1.0 started from disk"),
            (Some("inventory"), json!({ "event": "swapped", "from": "0.1.0", "to": "0.2.0" }),
                "inventory swapped 0.1.0 → 0.2.0, 36 bytes of state handed over, 0 calls missed"),
            (Some("inventory"), json!({ "event": "kept", "version": "0.2.0" }), "inventory 0.2.0 passed probation"),
            (Some("inventory"), json!({ "event": "plugin-status", "version": "0.2.0", "generation": 4,
                "since": self.now - 26 * HOUR, "figures": { "calls": 29, "traps": 0, "host-calls": 41_276, "denials": 3,
                "cpu-us": 1_871_000, "guest-us": 1_412_000, "host-us": 512_000, "memory-high-bytes": 9_437_184, "out-bytes": 2_304_118, "log-lines-dropped": 0 } }),
                "inventory 0.2.0: 29 calls, 0 trapped, 1412 ms in the guest and 512 ms in host calls, 1871 ms of CPU, 9437184 bytes of memory at most"),
            (Some("pressure"), json!({ "event": "plugin-started", "version": "0.2.0" }), "pressure 0.2.0 started"),
        ]).await;
    }

    /// Two devices that wait for approval, one that waited for what was refused meanwhile, and one
    /// with a plugin that fails.
    async fn troubled(&self) {
        for (id, name, version) in [
            ([0xa1; 16], "reception", "0.3.0"),
            ([0xa2; 16], "workshop-2", "0.3.0"),
            ([0xa4; 16], "branch-04", "0.2.1"),
        ] {
            let asks = format!(
                "{version} (generation 4) asks for more than is approved: files: /etc/shadow; \
                 network: links; 0.2.0 keeps running"
            );
            let mut rows = fixture();
            rows["rows"]["system"][0]["host-name"] = name.into();
            self.report(id, "inventory", "0.2.0", &[snapshot(&rows)])
                .await;
            let refused = json!({ "event": "refused", "version": version, "reason": asks });
            let words = format!("inventory {version} refused: {asks}");
            self.tell(id, &[(Some("inventory"), refused, &words)]).await;
        }
        let mut rows = fixture();
        rows["rows"]["system"][0]["host-name"] = "files-01".into();
        let files = [0xa3; 16];
        self.report(files, "inventory", "0.2.0", &[snapshot(&rows)])
            .await;
        let trap = "memory limit of 16 MiB reached";
        self.tell(files, &[
            (Some("pressure"), json!({ "event": "plugin-started", "version": "0.1.0" }), "pressure 0.1.0 started"),
            (Some("pressure"), json!({ "event": "plugin-status", "version": "0.1.0", "generation": 1,
                "since": self.now - HOUR, "figures": { "calls": 14, "traps": 5, "host-calls": 28, "denials": 0,
                "cpu-us": 96_000, "guest-us": 118_000, "host-us": 7_000, "memory-high-bytes": 16_777_216, "out-bytes": 4_318, "log-lines-dropped": 12 } }),
                "pressure 0.1.0: 14 calls, 5 trapped, 118 ms in the guest and 7 ms in host calls, 96 ms of CPU, 16777216 bytes of memory at most"),
            (Some("pressure"), json!({ "event": "call-failed", "reason": trap }),
                "pressure: call failed: memory limit of 16 MiB reached; next call in 4000 ms"),
            (Some("pressure"), json!({ "event": "suspended", "for-ms": 3_600_000 }),
                "pressure failed too often and is suspended for 3600 s"),
            (None, json!({ "event": "refresh-failed", "reason": "timeout" }),
                "repository not read; what runs goes on: https://desk.example:8443/updates/timestamp.json did not answer in 30 s"),
        ]).await;
    }

    async fn hostile(&self) {
        let mut rows = fixture();
        rows["rows"]["system"][0]["host-name"] = SCRIPT.into();
        rows["rows"]["package"][0]["name"] = SCRIPT.into();
        let mut later = rows.clone();
        later["rows"]["package"][0]["version"] = SCRIPT.into();
        self.report(
            HOSTILE,
            "inventory",
            "0.1.0",
            &[snapshot(&rows), snapshot(&later)],
        )
        .await;
        let granted = json!({ "event": "granted", "grants": [SCRIPT], "approved-by": [SCRIPT] });
        self.tell(HOSTILE, &[(Some("inventory"), granted, SCRIPT)])
            .await;
    }

    /// Reports, the last one taken just now and each other a few hours before the next.
    pub(crate) async fn report(
        &self,
        device: [u8; 16],
        plugin: &str,
        version: &str,
        rows: &[Snapshot],
    ) {
        let origin = Origin::new(device, plugin, version).unwrap();
        let mut sender = Sender::new(u64::from(device[0]) + 7);
        for (number, snapshot) in rows.iter().enumerate() {
            let before = (rows.len() - 1 - number) as u64 * 17 * HOUR;
            let prepared = sender.next(&origin, self.now - before - 90_000, snapshot.clone());
            sender = prepared.sender;
            let id = DeviceId::from_bytes(device);
            let key = format!("{id}-{plugin}-{number}");
            self.reports.send(&key, prepared.bytes).await.unwrap();
        }
    }

    async fn tell(&self, device: [u8; 16], events: &[(Option<&str>, Json, &str)]) {
        let lines: Vec<_> = events
            .iter()
            .enumerate()
            .map(|(number, (plugin, event, words))| {
                let mut event = event.clone();
                if let Some(plugin) = plugin {
                    event["plugin"] = (*plugin).into();
                }
                let before = (events.len() - number) as u64 * 7_000;
                EventLine {
                    device: DeviceId::from_bytes(device),
                    at: Timestamp::from_ms(self.now - before),
                    words: (*words).to_owned(),
                    event,
                    log: None,
                }
            })
            .collect();
        let key = format!("{}-events", DeviceId::from_bytes(device));
        self.events.send(&key, &lines).await.unwrap();
    }
}

/// The committed inventory, with a collection of users.
fn fixture() -> Json {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/benches/fixtures/inventory.json"
    );
    let mut fixture: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let field = |name, kind, privacy| json!({ "name": name, "kind": kind, "unit": "", "quantum": 0, "privacy": privacy });
    let fields = [
        field("name", "text", "personal"),
        field("uid", "unsigned", "none"),
        field("home", "text", "personal"),
        field("shell", "text", "none"),
    ];
    let shapes = fixture["schema"].as_array_mut().unwrap();
    shapes.push(json!({ "name": "user", "key-fields": 1, "fields": fields }));
    fixture["rows"]["user"] = json!([
        { "name": "ada", "uid": 1000, "home": "/home/ada", "shell": "/bin/bash" },
        { "name": "root", "uid": 0, "home": "/root", "shell": "/bin/bash" },
    ]);
    fixture
}

fn schema(fixture: &Json) -> Arc<Schema> {
    let field = |json: &Json| {
        let text = |name: &str| json[name].as_str().unwrap();
        let kind = match text("kind") {
            "text" => Kind::Text,
            "boolean" => Kind::Boolean,
            "unsigned" => Kind::Unsigned,
            "timestamp" => Kind::Timestamp,
            other => panic!("{other}"),
        };
        let privacy = match text("privacy") {
            "none" => Privacy::None,
            "device" => Privacy::Device,
            "personal" => Privacy::Personal,
            other => panic!("{other}"),
        };
        let quantum = json["quantum"].as_u64().unwrap();
        Field::new(text("name"), kind, text("unit"), quantum, privacy).unwrap()
    };
    let collections = fixture["schema"].as_array().unwrap().iter().map(|json| {
        let fields = json["fields"].as_array().unwrap().iter().map(field);
        let key_fields = u8::try_from(json["key-fields"].as_u64().unwrap()).unwrap();
        Collection::new(json["name"].as_str().unwrap(), key_fields, fields.collect()).unwrap()
    });
    Arc::new(Schema::new(collections.collect()).unwrap())
}

fn snapshot(fixture: &Json) -> Snapshot {
    let schema = schema(fixture);
    let mut encoder = Encoder::new(&schema);
    for (index, shape) in schema.collections().iter().enumerate() {
        for row in fixture["rows"][shape.name()].as_array().unwrap() {
            let values = shape.fields().iter().map(|field| {
                let json = &row[field.name()];
                Some(match field.kind() {
                    Kind::Text => json.as_str()?.into(),
                    Kind::Boolean => json.as_bool()?.into(),
                    Kind::Unsigned => json.as_u64()?.into(),
                    Kind::Signed => json.as_i64()?.into(),
                    Kind::Timestamp => Value::Timestamp(json.as_u64()?),
                })
            });
            encoder.row(index, &values.collect::<Vec<_>>()).unwrap();
        }
    }
    let buffer = encoder.finish();
    Snapshot::decode(schema, &buffer).unwrap()
}

fn pressure(shares: &[(&str, u64)]) -> Snapshot {
    let fields = vec![
        Field::new("resource", Kind::Text, "", 0, Privacy::None).unwrap(),
        Field::new("stalled", Kind::Unsigned, "per-mille", 0, Privacy::None).unwrap(),
    ];
    let schema = Schema::new(vec![Collection::new("pressure", 1, fields).unwrap()]).unwrap();
    let mut encoder = Encoder::new(&schema);
    for (resource, share) in shares {
        encoder
            .row(0, &[Some((*resource).into()), Some((*share).into())])
            .unwrap();
    }
    let buffer = encoder.finish();
    Snapshot::decode(Arc::new(schema), &buffer).unwrap()
}
