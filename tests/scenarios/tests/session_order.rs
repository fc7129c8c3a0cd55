//! A session-collector that is told something while users are logged in: another rate, a
//! pause, a new version; and one of its instances that fails alone.

#![cfg(target_os = "linux")]

use std::{
    fs,
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use bailiwick_needs::{Login, own_uid};
use bailiwick_scenarios::{Desk, Operator, Program};
use serde_json::{Value, json};

const PLUGIN: &str = "session-analyzer";
/// For something to come about on a machine that builds meanwhile.
const SOON: Duration = Duration::from_secs(120);
/// In which a sample would have come, at a rate of one a second.
const A_WHILE: Duration = Duration::from_secs(4);

/// Sessions are the machine's: what one test opens the other sees.
static MACHINE: Mutex<()> = Mutex::new(());

/// A device where operators may have samples taken faster, and files stay.
struct Scene {
    desk: Desk,
    _console: Program,
    agent: Program,
    alice: Operator<'static>,
    device: String,
}

impl Scene {
    fn begin(edit: impl Fn(&str) -> String) -> Self {
        let mut desk = Desk::new();
        let console = desk.console();
        // Nothing says where files go, so they stay to be looked at.
        fs::write(desk.path("device.toml"), desk.settings_over_mqtt()).expect("the folder is ours");
        desk.publish_of("session-collector", PLUGIN, "0.1.0");
        desk.policy(PLUGIN, edit);
        desk.assign(PLUGIN, "0.1.0");
        let alice = Operator::make(&desk, "alice", &[PLUGIN]);
        let mut agent = desk.agent_without_bus();
        agent.event("plugin-started");
        Self {
            device: desk.device_id(),
            desk,
            _console: console,
            agent,
            alice,
        }
    }

    /// Logs a user in, and waits until the agent tells of it.
    fn login(&mut self, user: u32, sleepers: usize) -> (Login, String) {
        let login = Login::with_sleepers(own_uid(user), sleepers).expect("it is possible");
        let session = self.agent.opened(&login);
        (login, session)
    }

    /// Has samples taken each second for so long, in these sessions at least.
    fn hasten(&self, name: &str, lasting: &str, sessions: u64) {
        let draft = ["--handler", PLUGIN, "--every", "1 s", "--for", lasting];
        let draft = [&draft[..], &["--device", &self.device]].concat();
        let (action, envelope) = self.alice.sign(&self.desk, name, "draft", &draft);
        self.desk.send(&envelope);
        let (code, outcome) = self.desk.watch(&action);
        assert_eq!(code, 0, "{outcome}");
        let result = outcome["result"].as_str().unwrap_or_default();
        let result: Value = serde_json::from_str(result).expect("JSON");
        // Somebody else may log in on this machine.
        assert!(result["sessions"].as_u64() >= Some(sessions), "{outcome}");
    }

    /// The plugin, as the agent lists it.
    fn listed(&self) -> Value {
        let list = self.desk.ask(&["plugin", "list"]);
        let plugins = list["plugins"].as_array().cloned().unwrap_or_default();
        let found = plugins
            .into_iter()
            .find(|plugin| plugin["plugin"] == PLUGIN);
        found.unwrap_or_else(|| panic!("{list}"))
    }

    /// Samples that were due and taken, of all sessions.
    fn calls(&self) -> u64 {
        let listed = self.listed();
        listed["timing"]["calls"].as_u64().expect("a number")
    }

    /// Waits until so many samples were taken.
    fn until_calls(&self, count: u64) {
        self.until(|| self.calls() >= count);
    }

    fn until(&self, mut is_so: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < SOON, "{}", self.listed());
            // Nothing tells when the answer of another program is another one.
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until no sample is taken any more; gives how many were.
    fn until_quiet(&self) -> u64 {
        let mut before = self.calls();
        self.until(|| {
            thread::sleep(A_WHILE);
            std::mem::replace(&mut before, self.calls()) == before
        });
        before
    }

    /// How many samples of a session are in files.
    fn samples(&self, session: &str) -> usize {
        let files = self.desk.session_files();
        let texts = files.get(session).into_iter().flatten();
        texts.map(|text| text.matches("sample at ").count()).sum()
    }

    /// What files of this version say of a session.
    fn told_by(&self, version: &str, session: &str) -> Vec<String> {
        let made = format!("made by {PLUGIN} {version}\n");
        let files = self
            .desk
            .session_files()
            .remove(session)
            .unwrap_or_default();
        files
            .into_iter()
            .filter(|text| text.starts_with(&made))
            .collect()
    }
}

/// Ends one of the processes that a login began, and gives its id.
fn end_a_sleeper(login: &Login) -> u32 {
    let pid = login.pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.expect("it runs");
    let child = children.split_whitespace().next().expect("it sleeps");
    let ended = Command::new("kill")
        .arg(child)
        .status()
        .expect("there is such a program");
    assert!(ended.success());
    child.parse().expect("a number")
}

/// Whether one of the texts has this process id as a word.
fn tells_of(texts: &[String], pid: u32) -> bool {
    let pid = pid.to_string();
    let mut words = texts
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric()));
    words.any(|word| word == pid)
}

/// A sample an hour unless somebody asks for more, and a file every five seconds.
fn seldom(line: &str) -> String {
    match line.split_once(" = ") {
        Some(("every", _)) => "every = \"1 h\"".to_owned(),
        Some(("file-every", _)) => "file-every = \"5 s\"".to_owned(),
        Some(("cpu", _)) => "cpu = { per-mille = 500, window = \"10 s\" }".to_owned(),
        _ => line.to_owned(),
    }
}

#[test]
fn a_rate_a_pause_and_a_new_version_reach_every_session() {
    if !Login::is_possible("that orders to a plugin reach the instance of each session") {
        return;
    }
    let _alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut scene = Scene::begin(seldom);
    let (one, first) = scene.login(0, 2);
    let (two, second) = scene.login(1, 2);
    // Each is sampled when it opens, and then in an hour.
    scene.until_calls(2);

    scene.hasten("faster", "30 s", 2);
    scene.until_calls(2 + 4);
    // Who logs in while it holds is sampled as fast, and all of them no longer than it does.
    let (three, third) = scene.login(2, 0);
    scene.until_quiet();
    for (session, at_least) in [(&first, 8), (&second, 8), (&third, 5)] {
        let samples = scene.samples(session);
        assert!(
            (at_least..=34).contains(&samples),
            "{:?}",
            scene.desk.session_files()
        );
    }

    // A new version takes over with the state of each: it tells of what ended before.
    let ended = [
        (&first, end_a_sleeper(&one)),
        (&second, end_a_sleeper(&two)),
    ];
    scene.desk.publish_of("session-collector", PLUGIN, "0.1.1");
    scene.desk.assign(PLUGIN, "0.1.1");
    scene.desk.ask(&["update", "refresh"]);
    let swapped = scene.agent.event("swapped");
    assert_eq!(
        (&swapped["to"], &swapped["missed"]),
        (&json!("0.1.1"), &json!(0))
    );
    scene.hasten("faster-again", "100 s", 3);
    for (session, pid) in ended {
        scene.until(|| !scene.told_by("0.1.1", session).is_empty());
        let old = scene.told_by("0.1.0", session);
        let new = scene.told_by("0.1.1", session);
        assert!(tells_of(&old, pid) && tells_of(&new[..1], pid), "{new:?}");
    }

    // A pause holds for all of them, and its end too.
    scene.desk.ask(&["pause"]);
    scene.agent.event("paused");
    let calls = scene.until_quiet();
    let before = [&first, &second, &third].map(|session| scene.samples(session));
    scene.desk.ask(&["resume"]);
    scene.until_calls(calls + 6);
    for (session, before) in [&first, &second, &third].into_iter().zip(before) {
        scene.until(|| scene.samples(session) > before + 2);
    }
    assert_eq!(scene.listed()["remark"], "");
    drop((one, two, three));
    for event in ["call-failed", "suspended", "went-back"] {
        assert_eq!(
            scene.agent.count(event),
            0,
            "{:?}",
            scene.agent.passed(event)
        );
    }
    scene.agent.stop();
}

/// A sample each second, which may not be long.
fn shortly(line: &str) -> String {
    match line.split_once(" = ") {
        Some(("every", _)) => "every = \"1 s\"".to_owned(),
        Some(("output", _)) => "output = \"8 KiB\"".to_owned(),
        // What is installed on this machine would be too much for it.
        Some(("roots", _)) => {
            r#"roots = [{ root = "/nowhere", paths = ["*.desktop"] }]"#.to_owned()
        }
        _ => seldom(line),
    }
}

#[test]
fn an_instance_that_fails_is_suspended_alone() {
    if !Login::is_possible("that a plugin which fails in one session goes on in another") {
        return;
    }
    let _alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut scene = Scene::begin(shortly);
    let (_quiet, well) = scene.login(0, 0);
    // On probation a plugin that fails goes back as a whole.
    if scene.agent.passed("kept").is_none() {
        scene.agent.event("kept");
    }
    let (_busy, failing) = scene.login(1, 400);
    // Ten minutes, after some failures and pauses in between.
    let long = 500_000;
    let last = scene.agent.until("the suspension", |line| {
        let reason = line["reason"].as_str().unwrap_or_default();
        line["event"] == "call-failed"
            && reason.contains(&failing)
            && line["again-in-ms"].as_u64().is_some_and(|ms| ms > long)
    });
    let failed = scene.agent.count("call-failed");
    let before = scene.samples(&well);
    scene.until(|| scene.samples(&well) > before + 4);
    assert_eq!(scene.agent.count("call-failed"), failed, "{last}");
    assert_eq!(scene.agent.count("suspended"), 0, "the other one goes on");
    assert_eq!(scene.samples(&failing), 0);
    let state = scene.listed()["state"].clone();
    assert!(state == "running" || state == "probation", "{state}");
    scene.agent.stop();
}
