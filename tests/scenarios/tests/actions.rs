//! Actions from an operator's key file to a device and back, with the real programs.

#![cfg(unix)]

use std::{
    fs,
    process::{Command, Output},
    time::{Duration, Instant},
};

use bailiwick_scenarios::{Desk, Program};
use serde_json::Value;

/// For one thing to happen on a machine that builds meanwhile.
const PATIENCE: Duration = Duration::from_secs(120);

/// A desk whose operator alice may give orders to `pressure` and to `absent`.
struct Scene {
    desk: Desk,
    console: Option<Program>,
    device: String,
}

impl Scene {
    fn new(over_mqtt: bool) -> (Self, Program) {
        let mut desk = Desk::new();
        let console = desk.console();
        desk.publish("pressure", "0.2.0");
        desk.policy("pressure", ToOwned::to_owned);
        desk.assign("pressure", "0.2.0");
        let keys = path(&desk, "keys");
        run(&mut desk.action(&["key", "--name", "alice", "--out", &keys]));
        let public = format!("{keys}/alice.pub");
        desk.repo(&[
            "operator",
            "add",
            &public,
            "--handler",
            "pressure",
            "--handler",
            "absent",
            "--group",
            "*",
            "--until",
            "2099-12-31",
        ]);
        let settings = match over_mqtt {
            true => desk.settings_over_mqtt(),
            false => desk.settings(),
        };
        fs::write(desk.path("device.toml"), settings).expect("the folder is ours");
        let mut agent = desk.agent();
        let started = agent.event("plugin-started");
        assert_eq!(started["plugin"], "pressure", "{started}");
        let device = desk.ask(&["status"])["device"].as_str().map(str::to_owned);
        let scene = Self {
            desk,
            console: Some(console),
            device: device.expect("a device has an id"),
        };
        (scene, agent)
    }

    /// Drafts and signs; gives the id and the file of the envelope.
    fn signed(&self, name: &str, draft: &[&str]) -> (String, String) {
        let [file, envelope] =
            ["draft", "signed"].map(|end| path(&self.desk, &format!("{name}.{end}")));
        let mut drafting = self.desk.action(&["draft", "--out", &file]);
        run(drafting.args(draft));
        let key = path(&self.desk, "keys/alice.json");
        run(&mut self
            .desk
            .action(&["sign", "--key", &key, "--out", &envelope, &file]));
        let text = fs::read_to_string(&file).expect("it was drafted");
        let draft: Value = serde_json::from_str(&text).expect("a draft is JSON");
        (
            draft["id"].as_str().unwrap_or_default().to_owned(),
            envelope,
        )
    }

    fn send(&self, envelope: &str) {
        let ca = path(&self.desk, "repository/tls/ca.pem");
        let to = self.desk.console_address();
        run(&mut self
            .desk
            .action(&["send", envelope, "--to", &to, "--ca", &ca]));
    }

    /// Follows an action to its end: its exit code, and how it ended on the device.
    fn watch(&self, id: &str) -> (i32, Value) {
        let data = path(&self.desk, "console");
        let mut watching = self
            .desk
            .action(&["watch", "--json", "--within", "100 s", "--data", &data, id]);
        let Output { status, stdout, .. } = watching.output().expect("the program starts");
        let text = String::from_utf8_lossy(&stdout).into_owned();
        let last = text.lines().last().unwrap_or_default();
        let told: Value = serde_json::from_str(last).unwrap_or_default();
        (status.code().unwrap_or(-1), told["outcome"].clone())
    }
}

fn path(desk: &Desk, name: &str) -> String {
    desk.path(name).display().to_string()
}

fn run(command: &mut Command) {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// What an operator asks, and what the device answers.
struct Case {
    name: &'static str,
    draft: &'static [&'static str],
    ended: &'static str,
    reason: &'static str,
}

const CASES: [Case; 5] = [
    Case {
        name: "right",
        draft: &["--handler", "inventory", "--arguments", "{}"],
        ended: "refused",
        reason: "right: alice may not give orders to inventory",
    },
    Case {
        name: "assigned",
        draft: &["--handler", "absent", "--arguments", "{}"],
        ended: "refused",
        reason: "policy: the plugin absent is not assigned to this device",
    },
    Case {
        name: "handler",
        draft: &["--handler", "pressure", "--arguments", r#"{"a":1}"#],
        ended: "refused",
        reason: "policy: the plugin pressure handles no actions",
    },
    Case {
        name: "rate",
        draft: &["--handler", "pressure", "--every", "2 s", "--for", "1 min"],
        ended: "failed",
        reason: "this plugin takes no other rate than its policy's",
    },
    Case {
        name: "rate-again",
        draft: &["--handler", "pressure", "--every", "1 s", "--for", "1 h"],
        ended: "failed",
        reason: "this plugin takes no other rate than its policy's",
    },
];

fn each_is_answered(over_mqtt: bool) {
    let (scene, _agent) = Scene::new(over_mqtt);
    for case in CASES {
        let mut draft = vec!["--device", &scene.device];
        draft.extend(case.draft);
        let (id, envelope) = scene.signed(case.name, &draft);
        scene.send(&envelope);
        // The same once more is the same.
        scene.send(&envelope);
        let (code, outcome) = scene.watch(&id);
        assert_eq!(outcome["ended"], case.ended, "{}: {outcome}", case.name);
        assert_eq!(outcome["reason"], case.reason, "{}", case.name);
        assert_eq!(code, 3, "{}", case.name);
    }
}

#[test]
fn each_action_is_answered_over_mqtt() {
    each_is_answered(true);
}

#[test]
fn each_action_is_answered_over_https() {
    each_is_answered(false);
}

#[test]
fn another_group_is_refused_as_audience_and_a_removed_operator_as_unknown() {
    let (scene, mut agent) = Scene::new(true);
    let draft = [
        "--group",
        "office",
        "--handler",
        "pressure",
        "--arguments",
        "{}",
    ];
    let (id, envelope) = scene.signed("group", &draft);
    scene.send(&envelope);
    let told = agent.event("action-refused");
    assert_eq!(told["action"], id.as_str(), "{told}");
    let reason = told["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("audience: "), "{told}");

    // Signed and handed in while she may; she may no more when the device hears of it.
    drop(agent);
    let draft = [
        "--device",
        &scene.device,
        "--handler",
        "pressure",
        "--arguments",
        "{}",
    ];
    let (id, envelope) = scene.signed("late", &draft);
    scene.send(&envelope);
    scene.desk.repo(&["operator", "remove", "alice"]);
    let mut agent = scene.desk.agent();
    // The first refresh may come after the envelope: then it is refused by policy, or for a
    // plugin that does not run yet.
    let told = agent.until("the refusal", |line| {
        line["event"] == "action-refused" && line["action"] == id.as_str()
    });
    let reason = told["reason"].as_str().unwrap_or_default();
    assert!(
        reason.starts_with("right: no operator has the key") || reason.starts_with("policy: "),
        "{told}"
    );
}

/// What was sent before and while the agent was killed again and again ends once each, and
/// what has expired meanwhile is not begun.
#[test]
fn kills_lose_no_action_and_expiry_holds() {
    let (mut scene, agent) = Scene::new(true);
    drop(agent);
    let mut sent = Vec::new();
    for number in 0..6 {
        let draft = [
            "--device",
            &scene.device,
            "--handler",
            "pressure",
            "--every",
            "2 s",
            "--for",
            "1 min",
        ];
        let (id, envelope) = scene.signed(&format!("n{number}"), &draft);
        scene.send(&envelope);
        sent.push(id);
        if number % 2 == 0 {
            let agent = scene.desk.agent();
            std::thread::sleep(Duration::from_millis(150 * (number + 1)));
            drop(agent);
        }
    }
    let draft = [
        "--device",
        &scene.device,
        "--handler",
        "pressure",
        "--every",
        "2 s",
        "--for",
        "1 min",
        "--expires-in",
        "1 s",
    ];
    let (late, envelope) = scene.signed("late", &draft);
    let expires = Instant::now() + Duration::from_millis(1_100);
    scene.send(&envelope);
    // The console is a bystander: what it had is on its disk.
    drop(scene.console.take());
    scene.console = Some(scene.desk.console());
    std::thread::sleep(expires.saturating_duration_since(Instant::now()));
    let _agent = scene.desk.agent();
    let begun = Instant::now();
    for id in &sent {
        let (code, outcome) = scene.watch(id);
        match outcome["ended"].as_str() {
            Some("failed" | "refused") => assert_eq!(code, 3, "{outcome}"),
            Some("interrupted") => assert_eq!(code, 4, "{outcome}"),
            _ => panic!("{id}: {outcome}"),
        }
    }
    let (_, outcome) = scene.watch(&late);
    let reason = outcome["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("expiry: "), "{outcome}");
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}
