//! Programs that run for an operator on a device: how they end, and that nothing of them
//! is left.

#![cfg(target_os = "linux")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bailiwick_scenarios::{Desk, Operator, Program};
use serde_json::{Value, json};

/// For one thing to happen on a machine that builds meanwhile.
const PATIENCE: Duration = Duration::from_secs(120);
/// From one look at the machine's processes to the next.
const LOOK: Duration = Duration::from_millis(20);
const HANDLER: &str = "run-program";

/// A device on which alice may have programs run.
struct Scene {
    desk: Desk,
    alice: Operator<'static>,
    _console: Program,
    device: String,
    programs: Programs,
}

/// What the policy of a scene grants.
struct Programs {
    /// Without links, as a policy names it.
    shell: PathBuf,
    /// Where each run of [`Self::tree`] leaves a line.
    ran: PathBuf,
    /// Seconds that no other process of this machine sleeps.
    seconds: String,
}

impl Programs {
    /// `number` tells the scenes of this file apart.
    fn new(desk: &Desk, number: u32) -> Self {
        Self {
            shell: fs::canonicalize("/bin/sh").expect("every Linux has a shell"),
            ran: desk.path("ran"),
            seconds: format!("{}", 100_000_000 + std::process::id() * 10 + number),
        }
    }

    /// A shell script that ends at once, with something on both outputs.
    fn short() -> Value {
        json!(["-c", "echo out; echo err >&2; exit 3"])
    }

    /// One that starts two processes and waits for both. The second is in a session of its
    /// own, whose leader's parent has ended.
    fn tree(&self) -> Value {
        let (ran, seconds) = (self.ran.display(), &self.seconds);
        let script =
            format!("echo ran >> {ran}; sleep {seconds} & (setsid sleep {seconds} &); wait");
        json!(["-c", script])
    }

    fn policy(&self, deadline: &str, time_limit: &str) -> String {
        let shell = self.shell.display();
        // The test's own user: root where root runs the tests.
        let root = rustix::process::geteuid().is_root();
        let run_as = if root { "root".to_owned() } else { own_name() };
        format!(
            r#"format = 1
plugin = "{HANDLER}"
vendor = "bailiwick"
versions = ">=0.1, <0.2"
summary = "Runs what a test asks for."

[limits]
memory = "8 MiB"
deadline = "{deadline}"
cpu = {{ per-mille = 500, window = "60 s" }}
output = "64 KiB"
host-calls = 50
log-lines = 10
state = "4 KiB"

[[grant]]
capability = "exec"
effect = "allow"
programs = [
  {{ path = "{shell}", run-as = "{run_as}", arguments = [{short}] }},
  {{ path = "{shell}", run-as = "{run_as}", time-limit = "{time_limit}", arguments = [{tree}] }},
  {{ path = "/usr/bin/sleep", run-as = "{run_as}", arguments = [[{{ matches = "[0-9]{{1,3}}" }}]] }},
]
reason = "A test looks at how programs end."
approved-by = "policies-2026"
risk = "high"
"#,
            short = Self::short(),
            tree = self.tree(),
        )
    }

    /// How many processes of the tree sleep.
    fn asleep(&self) -> usize {
        let wanted = format!("sleep\0{}\0", self.seconds);
        let processes = fs::read_dir("/proc").expect("Linux has it");
        processes
            .flatten()
            .filter(|process| {
                let line = fs::read(process.path().join("cmdline"));
                line.is_ok_and(|line| line == wanted.as_bytes())
            })
            .count()
    }

    /// Waits until so many sleep.
    fn wait_for(&self, number: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.asleep() != number {
            assert!(Instant::now() < deadline, "{} sleep", self.asleep());
            std::thread::sleep(LOOK);
        }
    }

    fn runs(&self) -> usize {
        let text = fs::read_to_string(&self.ran).unwrap_or_default();
        text.lines().count()
    }
}

impl Scene {
    fn new(number: u32, deadline: &str, time_limit: &str) -> (Self, Program) {
        let mut desk = Desk::new();
        let console = desk.console();
        let programs = Programs::new(&desk, number);
        desk.publish_of("action-handler", HANDLER, "0.1.0");
        desk.put("run-program.toml", &programs.policy(deadline, time_limit));
        desk.assign(HANDLER, "0.1.0");
        let alice = Operator::make(&desk, "alice", &[HANDLER]);
        let settings = desk.settings_over_mqtt() + &desk.ceiling("");
        fs::write(desk.path("device.toml"), settings).expect("the folder is ours");
        let mut agent = desk.agent();
        agent.event("plugin-started");
        let scene = Self {
            device: desk.device_id(),
            desk,
            alice,
            _console: console,
            programs,
        };
        (scene, agent)
    }

    /// The console has what the handler takes, whole: its page makes a form of it.
    fn tells_what_it_takes(&self, agent: &mut Program) {
        let told = agent.event("takes-arguments");
        let schema = told["schema"].as_str().expect("it is short enough");
        assert!(schema.contains(r#""required":["program"]"#), "{schema}");
        let is_it = |event: &Value| event["event"]["schema"] == told["schema"];
        let begun = Instant::now();
        while !self.desk.reports(&["--events"]).iter().any(is_it) {
            assert!(begun.elapsed() < PATIENCE, "the console was not told");
            std::thread::sleep(LOOK);
        }
    }

    /// Signs an order to run `program`; gives the action's id and the file of the envelope.
    fn signed(&self, name: &str, program: &Path, arguments: &Value) -> (String, String) {
        let asked = json!({ "program": program, "arguments": arguments }).to_string();
        let draft = ["--handler", HANDLER, "--device", &self.device];
        let draft = [&draft[..], &["--arguments", &asked]].concat();
        self.alice.sign(&self.desk, name, "draft", &draft)
    }

    /// The same, sent and followed to its end.
    fn ran(&self, name: &str, program: &Path, arguments: &Value) -> (i32, Value) {
        let (id, envelope) = self.signed(name, program, arguments);
        self.desk.send(&envelope);
        self.desk.watch(&id)
    }

    /// Sends the tree, and waits until all of it runs; gives the action's id and envelope.
    fn begun(&self, name: &str) -> (String, String) {
        let (id, envelope) = self.signed(name, &self.programs.shell, &self.programs.tree());
        self.desk.send(&envelope);
        self.programs.wait_for(2);
        (id, envelope)
    }
}

fn own_name() -> String {
    std::env::var("USER").expect("who does not run as root has a name")
}

fn result(outcome: &Value) -> Value {
    assert_eq!(outcome["ended"], "done", "{outcome}");
    let text = outcome["result"].as_str().unwrap_or_default();
    serde_json::from_str(text).expect("a handler tells JSON")
}

#[test]
fn a_granted_program_is_run_once_and_told_and_another_is_refused() {
    let (scene, mut agent) = Scene::new(1, "60 s", "2 s");
    scene.tells_what_it_takes(&mut agent);
    let shell = &scene.programs.shell;
    let (id, envelope) = scene.signed("short", shell, &Programs::short());
    scene.desk.send(&envelope);
    let (code, outcome) = scene.desk.watch(&id);
    assert_eq!(code, 0, "{outcome}");
    let told = result(&outcome);
    assert_eq!(told["exit-status"], 3, "{told}");
    assert_eq!(
        (&told["output"], &told["errors"]),
        (&json!("out\n"), &json!("err\n"))
    );
    // Handed in once more it is the same action, told as it was.
    let before = scene.desk.told(&id);
    assert_eq!(before.len(), 1, "{before:?}");
    scene.desk.send(&envelope);

    // Its own words are what the policy grants; more than them is nothing.
    let (code, outcome) = scene.ran("more", Path::new("/usr/bin/sleep"), &json!(["1;reboot"]));
    assert_eq!(
        (code, &outcome["ended"]),
        (3, &json!("failed")),
        "{outcome}"
    );
    let reason = outcome["reason"].as_str().unwrap_or_default();
    assert!(
        reason.contains("`/usr/bin/sleep` is not granted so"),
        "{reason}"
    );
    let (code, outcome) = scene.ran("other", Path::new("/usr/bin/id"), &json!([]));
    assert_eq!(
        (code, &outcome["ended"]),
        (3, &json!("failed")),
        "{outcome}"
    );
    let reason = outcome["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("no grant covers `/usr/bin/id`"), "{reason}");

    // The limit of the grant: the handler tells that the time was over.
    let (_, outcome) = scene.ran("limit", shell, &scene.programs.tree());
    let told = result(&outcome);
    assert_eq!(told["timed-out"], true, "{told}");
    assert_eq!(scene.programs.runs(), 1);
    assert_eq!(
        scene.programs.asleep(),
        0,
        "nothing of it is left when it is told"
    );
    assert_eq!(scene.desk.told(&id), before);
}

#[test]
fn what_is_called_off_ends_with_all_that_it_started() {
    let (scene, _agent) = Scene::new(2, "5 min", "5 min");
    let (id, _) = scene.begun("tree");
    let mut watching = Program::start(&mut scene.desk.watching(&id));
    let running = format!("running {}", scene.programs.shell.display());
    watching.until("word of the handler", |line| {
        line["words"] == running.as_str()
    });
    let draft = ["--handler", HANDLER, "--device", &scene.device, &id];
    let (cancel, envelope) = scene.alice.sign(&scene.desk, "cancel", "cancel", &draft);
    scene.desk.send(&envelope);
    let (code, outcome) = scene.desk.watch(&id);
    assert_eq!(
        (code, &outcome["ended"]),
        (4, &json!("cancelled")),
        "{outcome}"
    );
    scene.programs.wait_for(0);
    let (code, outcome) = scene.desk.watch(&cancel);
    assert_eq!((code, result(&outcome)), (0, json!({ "cancelled": id })));
    assert_eq!(scene.programs.runs(), 1);
}

#[test]
fn what_takes_longer_than_the_deadline_ends_with_all_that_it_started() {
    let (scene, _agent) = Scene::new(3, "3 s", "5 min");
    let (code, outcome) = scene.ran("tree", &scene.programs.shell, &scene.programs.tree());
    assert_eq!(
        (code, &outcome["ended"]),
        (4, &json!("timed-out")),
        "{outcome}"
    );
    scene.programs.wait_for(0);
    assert_eq!(scene.programs.runs(), 1);
}

#[test]
fn what_a_kill_of_the_agent_cut_is_told_as_interrupted_and_never_run_again() {
    let (scene, agent) = Scene::new(4, "5 min", "5 min");
    let (id, envelope) = scene.begun("tree");
    // SIGKILL.
    drop(agent);
    scene.programs.wait_for(0);
    // It waits in the console still, and is handed in once more.
    scene.desk.send(&envelope);
    let mut agent = scene.desk.agent();
    let (code, outcome) = scene.desk.watch(&id);
    assert_eq!(
        (code, &outcome["ended"]),
        (4, &json!("interrupted")),
        "{outcome}"
    );
    let told = scene.desk.told(&id);
    assert_eq!(told.len(), 1, "{told:?}");
    agent.event("plugin-started");
    drop(agent);
    scene.desk.send(&envelope);
    let _agent = scene.desk.agent();
    // The device is connected and answers: what was before in its queue is over.
    let (code, outcome) = scene.ran("after", &scene.programs.shell, &Programs::short());
    assert_eq!(code, 0, "{outcome}");
    assert_eq!(scene.desk.told(&id), told);
    assert_eq!((scene.programs.runs(), scene.programs.asleep()), (1, 0));
}

/// Waits until so many keepers of this agent wait for a run.
fn wait_for_keepers(agent: u32, number: usize) {
    let cgroup = format!("\0keep\0bailiwick-{agent}-");
    let waiting = || {
        let processes = fs::read_dir("/proc").expect("Linux has it");
        let lines = processes.flatten().map(|process| {
            let line = fs::read(process.path().join("cmdline"));
            String::from_utf8_lossy(&line.unwrap_or_default()).into_owned()
        });
        lines.filter(|line| line.contains(&cgroup)).count()
    };
    let deadline = Instant::now() + PATIENCE;
    while waiting() != number {
        assert!(Instant::now() < deadline, "{} keepers wait", waiting());
        std::thread::sleep(LOOK);
    }
}

#[test]
fn a_keeper_waits_while_the_handler_may_run_programs() {
    let (scene, mut agent) = Scene::new(5, "60 s", "2 s");
    wait_for_keepers(agent.id(), 1);
    scene.desk.ask(&["pause", "--for", "2h"]);
    wait_for_keepers(agent.id(), 0);
    scene.desk.ask(&["resume"]);
    wait_for_keepers(agent.id(), 1);
    let (code, outcome) = scene.ran("short", &scene.programs.shell, &Programs::short());
    assert_eq!(code, 0, "{outcome}");
    wait_for_keepers(agent.id(), 1);
    scene
        .desk
        .ceiling("[[ceiling]]\ndeny = [\"exec\"]\nreason = \"Mine.\"\n");
    agent.event("narrowed");
    wait_for_keepers(agent.id(), 0);
    scene.desk.ceiling("");
    wait_for_keepers(agent.id(), 1);
    let id = agent.id();
    agent.stop();
    wait_for_keepers(id, 0);
}
