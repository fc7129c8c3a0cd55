//! What the scene's devices tell of their handlers, their links, and what became of actions;
//! and an operator with a key.

use std::{process::Command, sync::Arc};

use bailiwick_core::{
    action::{ActionId, Outcome, Progress},
    ids::DeviceId,
    settings::Ack,
    time::Timestamp,
};
use bailiwick_report::{
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
};
use bailiwick_transport::{
    Connector, EventLine, ProxySettings, Trust,
    actions::{Outbound, OutcomeMessage, ProgressMessage},
    mqtt::{Device, DeviceOptions, Link},
};
use serde_json::{Value as Json, json};

use super::scene::{CONSOLE, DESK, HOSTILE, SCRIPT, Scene};

/// Sources of the handlers that come with the project: what they take stands in them.
const RUN_PROGRAM: &str = include_str!("../../../../plugins/run-program/src/lib.rs");
const WAKE_ON_LAN: &str = include_str!("../../../../plugins/wake-on-lan/src/lib.rs");

fn schema(source: &str) -> Json {
    let (_, rest) = source.split_once("const SCHEMA: &str = r#\"").unwrap();
    rest.split_once("\"#").unwrap().0.into()
}

impl Scene {
    /// Devices start their handlers and pass on what they take.
    pub(crate) async fn handlers(&self) {
        self.start_handlers(
            DESK,
            &[
                ("run-program", schema(RUN_PROGRAM)),
                ("wake-on-lan", schema(WAKE_ON_LAN)),
            ],
        )
        .await;
        for number in 0..3u8 {
            self.start_handlers([number + 1; 16], &[("run-program", schema(RUN_PROGRAM))])
                .await;
        }
        let attack = json!({
            "type": "object", "title": SCRIPT, "description": SCRIPT, "required": [SCRIPT],
            "properties": { (SCRIPT): { "title": SCRIPT, "description": SCRIPT, "enum": [SCRIPT] } },
        });
        self.start_handlers(HOSTILE, &[("run-program", attack.to_string().into())])
            .await;
    }

    async fn start_handlers(&self, device: [u8; 16], handlers: &[(&str, Json)]) {
        let device = DeviceId::from_bytes(device);
        let events = handlers.iter().flat_map(|(plugin, schema)| {
            let told = |event: Json, words: &str| EventLine {
                device,
                at: Timestamp::from_ms(self.now() - 5_000),
                words: format!("{plugin} 0.1.0 {words}"),
                event,
                log: None,
            };
            let event = |name: &str| json!({ "event": name, "plugin": plugin, "version": "0.1.0" });
            let mut takes = event("takes-arguments");
            takes["schema"] = schema.clone();
            [
                told(event("plugin-started"), "started"),
                told(takes, "told which arguments it takes"),
            ]
        });
        let events: Vec<_> = events.collect();
        let key = format!("{device}-{}", handlers[0].0);
        self.events().send(&key, &events).await.unwrap();
    }

    /// A device that sleeps and its neighbours tell of their links, as the plugin `inventory`
    /// does.
    pub(crate) async fn network(&self) {
        for (device, link, ip) in [
            ([27; 16], "enp0s31f6", "192.0.2.17"),
            ([1; 16], "wlp2s0", "192.0.2.20"),
            ([2; 16], "enp0s31f6", "192.0.2.30"),
            ([3; 16], "enp0s31f6", "198.51.100.4"),
        ] {
            self.report(device, "network", "0.1.0", &[links(link, ip)])
                .await;
            if device != [27; 16] {
                let takes = [("wake-on-lan", schema(WAKE_ON_LAN))];
                self.start_handlers(device, &takes).await;
            }
        }
    }

    /// What became of an action on a device, posted as an agent does.
    pub(crate) async fn ended(&self, action: &str, device: [u8; 16], outcome: Outcome) {
        let message = OutcomeMessage {
            device: DeviceId::from_bytes(device),
            action: action.parse().unwrap(),
            at: Timestamp::from_ms(self.now()),
            outcome,
        };
        let body = serde_json::to_vec(&message).unwrap();
        let outcomes = Outbound::outcomes(self.https(), self.console());
        outcomes.send(&message.key(), body).await.unwrap();
    }

    /// A word from a handler at work, over MQTT: there is no other way for it.
    pub(crate) async fn progress(&self, action: &str, device: [u8; 16], percent: u8, text: &str) {
        let trust = Trust::os().and_file(self.path("tls/ca.pem"));
        let connector = Connector::new(&trust, &ProxySettings::direct()).unwrap();
        let options = DeviceOptions {
            broker: self.mqtt().parse().unwrap(),
            id: DeviceId::from_bytes(device),
            login: None,
            ack: Ack::Receipt,
        };
        let device = Device::start(connector, options);
        let mut link = device.link();
        link.wait_for(|link| matches!(link, Link::Up(_)))
            .await
            .unwrap();
        let progress = Progress {
            percent: Some(percent),
            text: text.to_owned(),
        };
        let message = ProgressMessage {
            at: Timestamp::from_ms(self.now()),
            progress,
        };
        let action: ActionId = action.parse().unwrap();
        device.progress(action, serde_json::to_vec(&message).unwrap());
        // Events go after it on the same connection, and have a receipt.
        let line =
            json!({ "device": self.id(DESK), "at": 1, "words": "x", "event": { "event": "kept" } });
        let line = format!("{line}\n").into_bytes();
        device
            .events(&format!("{action}-after"), line)
            .await
            .unwrap();
    }

    pub(crate) fn id(&self, device: [u8; 16]) -> String {
        DeviceId::from_bytes(device).to_string()
    }

    /// Drafts on the command line, signs and sends; gives the action's id.
    pub(crate) fn sent(&self, arguments: &Json, devices: &[[u8; 16]]) -> String {
        let [draft, signed] = ["some.json", "some.signed"].map(|name| self.path(name));
        let asked = arguments.to_string();
        let mut command = Command::new(CONSOLE);
        command.args([
            "action",
            "draft",
            "--handler",
            "run-program",
            "--arguments",
            &asked,
            "--out",
        ]);
        command.arg(&draft);
        for device in devices {
            command.args(["--device", &self.id(*device)]);
        }
        succeed(&mut command);
        let key = self.path("keys/alice.json");
        succeed(
            Command::new(CONSOLE)
                .args(["action", "sign", "--key"])
                .arg(key)
                .arg("--out")
                .arg(&signed)
                .arg(&draft),
        );
        succeed(
            Command::new(CONSOLE)
                .args([
                    "action",
                    "send",
                    "--to",
                    &self.console().to_string(),
                    "--ca",
                ])
                .arg(self.path("tls/ca.pem"))
                .arg(&signed),
        );
        let text = std::fs::read_to_string(&draft).unwrap();
        let draft: Json = serde_json::from_str(&text).unwrap();
        draft["id"].as_str().unwrap().to_owned()
    }

    /// An operator, whom devices obey.
    pub(crate) fn operator(&self) {
        succeed(
            Command::new(CONSOLE)
                .args(["action", "key", "--name", "alice", "--out"])
                .arg(self.path("keys")),
        );
        let public = self.path("keys/alice.pub");
        let mut add = Command::new(CONSOLE);
        add.args([
            "repo",
            "operator",
            "add",
            "--until",
            "2099-12-31",
            "--handler",
            "*",
            "--group",
            "*",
            "--repo",
        ]);
        succeed(add.arg(self.path("")).arg(public));
    }
}

fn links(name: &str, ip: &str) -> Snapshot {
    let text = |name: &str| Field::new(name, Kind::Text, "", 0, Privacy::None).unwrap();
    let bits = Field::new("prefix", Kind::Unsigned, "bits", 0, Privacy::None).unwrap();
    let schema = Schema::new(vec![
        Collection::new("links", 1, vec![text("name"), text("mac")]).unwrap(),
        Collection::new("addresses", 2, vec![text("link"), text("ip"), bits]).unwrap(),
    ]);
    let schema = Arc::new(schema.unwrap());
    let mut rows = Encoder::new(&schema);
    let mac = "02:5e:10:4a:93:c1";
    rows.row(0, &[Some(name.into()), Some(mac.into())]).unwrap();
    let values = [
        Some(name.into()),
        Some(ip.into()),
        Some(Value::Unsigned(24)),
    ];
    rows.row(1, &values).unwrap();
    Snapshot::decode(Arc::clone(&schema), &rows.finish()).unwrap()
}

/// Runs a command that must succeed.
pub(crate) fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}
