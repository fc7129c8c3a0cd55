//! Actions from an operator's key file to a device and back, with the real programs.

#![cfg(unix)]

use std::{
    fs,
    time::{Duration, Instant},
};

use bailiwick_scenarios::{Desk, Operator, Program};

/// For one thing to happen on a machine that builds meanwhile.
const PATIENCE: Duration = Duration::from_secs(120);

/// A desk whose operator alice may give orders to `pressure` and to `absent`.
struct Scene {
    desk: Desk,
    alice: Operator<'static>,
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
        let alice = Operator::make(&desk, "alice", &["pressure", "absent"]);
        let settings = match over_mqtt {
            true => desk.settings_over_mqtt(),
            false => desk.settings(),
        };
        fs::write(desk.path("device.toml"), settings).expect("the folder is ours");
        let mut agent = desk.agent();
        let started = agent.event("plugin-started");
        assert_eq!(started["plugin"], "pressure", "{started}");
        let scene = Self {
            device: desk.device_id(),
            desk,
            alice,
            console: Some(console),
        };
        (scene, agent)
    }

    /// Drafts and signs; gives the id and the file of the envelope.
    fn signed(&self, name: &str, draft: &[&str]) -> (String, String) {
        self.alice.sign(&self.desk, name, "draft", draft)
    }
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
        scene.desk.send(&envelope);
        // The same once more is the same.
        scene.desk.send(&envelope);
        let (code, outcome) = scene.desk.watch(&id);
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
    scene.desk.send(&envelope);
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
    scene.desk.send(&envelope);
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
        scene.desk.send(&envelope);
        sent.push(id);
        if number % 2 == 0 {
            let agent = scene.desk.agent();
            // No event marks the moment: each kill comes at another one.
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
    scene.desk.send(&envelope);
    // The console is a bystander: what it had is on its disk.
    drop(scene.console.take());
    scene.console = Some(scene.desk.console());
    // The agent's clock decides, and it is the machine's.
    std::thread::sleep(expires.saturating_duration_since(Instant::now()));
    let _agent = scene.desk.agent();
    let begun = Instant::now();
    for id in &sent {
        let (code, outcome) = scene.desk.watch(id);
        match outcome["ended"].as_str() {
            Some("failed" | "refused") => assert_eq!(code, 3, "{outcome}"),
            Some("interrupted") => assert_eq!(code, 4, "{outcome}"),
            _ => panic!("{id}: {outcome}"),
        }
    }
    let (_, outcome) = scene.desk.watch(&late);
    let reason = outcome["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("expiry: "), "{outcome}");
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}
