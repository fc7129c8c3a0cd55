//! Programs that run as the user of a session, of several on one machine.

#![cfg(target_os = "linux")]

use std::fs;

use bailiwick_needs::Login;
use bailiwick_scenarios::{Desk, Operator, Program};
use serde_json::{Value, json};

const HANDLER: &str = "run-program";

/// Grants `id` and `env` as the user of whichever session is named, and `true` as nobody.
const POLICY: &str = r#"format = 1
plugin = "run-program"
vendor = "bailiwick"
versions = ">=0.1, <0.2"
summary = "Runs what a test asks for."

[limits]
memory = "8 MiB"
deadline = "60 s"
cpu = { per-mille = 500, window = "60 s" }
output = "64 KiB"
host-calls = 50
log-lines = 10
state = "4 KiB"

[[grant]]
capability = "exec"
effect = "allow"
programs = [
  { path = "/usr/bin/id", run-as = "@session", arguments = [["-u"]] },
  { path = "/usr/bin/env", run-as = "@session", arguments = [[]] },
  { path = "/usr/bin/true", arguments = [[]] },
]
reason = "A test looks at as whom programs run."
approved-by = "policies-2026"
risk = "high"
"#;

struct Scene {
    desk: Desk,
    alice: Operator<'static>,
    _console: Program,
    agent: Program,
    device: String,
    asked: usize,
}

impl Scene {
    fn new() -> Self {
        let mut desk = Desk::new();
        let console = desk.console();
        desk.publish_of("action-handler", HANDLER, "0.1.0");
        desk.put("run-program.toml", POLICY);
        desk.assign(HANDLER, "0.1.0");
        let alice = Operator::make(&desk, "alice", &[HANDLER]);
        fs::write(desk.path("device.toml"), desk.settings_over_mqtt()).expect("the folder is ours");
        // Sessions are those that the kernel numbers.
        let mut agent = desk.agent_without_bus();
        agent.event("plugin-started");
        Self {
            device: desk.device_id(),
            desk,
            alice,
            _console: console,
            agent,
            asked: 0,
        }
    }

    /// How an action ends that asks for `program` as the user of `session`.
    fn ran(&mut self, program: &str, arguments: &[&str], session: Option<&str>) -> Value {
        self.asked += 1;
        let mut asked = json!({ "program": program, "arguments": arguments });
        if let Some(session) = session {
            asked["session"] = session.into();
        }
        let asked = asked.to_string();
        let draft = ["--handler", HANDLER, "--device", &self.device];
        let draft = [&draft[..], &["--arguments", &asked]].concat();
        let name = format!("order-{}", self.asked);
        let (id, envelope) = self.alice.sign(&self.desk, &name, "draft", &draft);
        self.desk.send(&envelope);
        self.desk.watch(&id).1
    }

    /// What it writes.
    fn writes(&mut self, program: &str, arguments: &[&str], session: &str) -> String {
        let outcome = self.ran(program, arguments, Some(session));
        assert_eq!(outcome["ended"], "done", "{outcome}");
        let told = outcome["result"].as_str().unwrap_or_default();
        let told: Value = serde_json::from_str(told).expect("a handler tells JSON");
        assert_eq!(told["exit-status"], 0, "{told}");
        told["output"].as_str().unwrap_or_default().to_owned()
    }

    /// Why it does not run.
    fn refuses(&mut self, program: &str, session: Option<&str>, words: &str) {
        let arguments: &[&str] = if program.ends_with("id") {
            &["-u"]
        } else {
            &[]
        };
        let outcome = self.ran(program, arguments, session);
        assert_eq!(outcome["ended"], "failed", "{outcome}");
        let reason = outcome["reason"].as_str().unwrap_or_default();
        assert!(reason.contains(words), "{reason}");
    }
}

/// Two accounts of this machine that are no root's: id, name and home.
fn two_accounts() -> [(u32, String, String); 2] {
    let passwd = fs::read_to_string("/etc/passwd").expect("every Linux has it");
    let mut accounts = passwd.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let (uid, home) = (fields[2].parse().ok()?, fields[5].to_owned());
        (uid != 0 && fields[3] != "0").then(|| (uid, fields[0].to_owned(), home))
    });
    [(); 2].map(|()| accounts.next().expect("accounts of services"))
}

#[test]
fn a_program_runs_as_the_user_of_the_session_that_is_named_and_of_no_other() {
    if !Login::is_possible("that a program runs as the user of a session") {
        return;
    }
    let users = two_accounts();
    let mut scene = Scene::new();
    let logins = users
        .each_ref()
        .map(|(uid, ..)| Login::of(*uid).expect("it was possible"));
    let sessions = logins.each_ref().map(|login| scene.agent.opened(login));
    for ((uid, name, home), session) in users.iter().zip(&sessions) {
        let told = scene.writes("/usr/bin/id", &["-u"], session);
        assert_eq!(told, format!("{uid}\n"));
        let told = scene.writes("/usr/bin/env", &[], session);
        for line in [
            format!("HOME={home}"),
            format!("USER={name}"),
            format!("LOGNAME={name}"),
        ] {
            assert!(told.lines().any(|told| told == line), "{line}: {told}");
        }
    }
    let [first, second] = sessions;
    scene.refuses("/usr/bin/id", None, "none is named");
    scene.refuses("/usr/bin/true", Some(&first), "no session may be named");
    let later = first.replace('#', "#1");
    scene.refuses("/usr/bin/id", Some(&later), "is open on this device");
    let root = Login::of(0).expect("it was possible");
    let of_root = scene.agent.opened(&root);
    scene.refuses("/usr/bin/id", Some(&of_root), "is root's");
    drop(logins);
    scene.agent.until("the end of the session", |line| {
        line["event"] == "session-closed" && line["session"] == second.as_str()
    });
    scene.refuses("/usr/bin/id", Some(&second), "is open on this device");
}
