//! A session-collector on a device where users log in and out.

#![cfg(target_os = "linux")]

use std::fs;

use bailiwick_needs::{Login, own_uid};
use bailiwick_scenarios::{Desk, Program};
use serde_json::Value;

const PLUGIN: &str = "session-analyzer";

/// A second between two samples, five to a file, and no place to which files go.
fn quickly(line: &str) -> String {
    match line.split_once(" = ") {
        Some(("every", _)) => "every = \"1 s\"".to_owned(),
        Some(("file-every", _)) => "file-every = \"5 s\"".to_owned(),
        Some(("cpu", _)) => "cpu = { per-mille = 500, window = \"10 s\" }".to_owned(),
        _ => line.to_owned(),
    }
}

fn scene() -> (Desk, Program, Program) {
    let mut desk = Desk::new();
    let console = desk.console();
    let settings = desk.settings();
    let kept = settings
        .lines()
        .filter(|line| !line.starts_with("report-url"));
    let settings: Vec<_> = kept.collect();
    fs::write(desk.path("device.toml"), settings.join("\n")).expect("the folder is ours");
    desk.publish_of("session-collector", PLUGIN, "0.1.0");
    desk.policy(PLUGIN, quickly);
    desk.assign(PLUGIN, "0.1.0");
    let mut agent = desk.agent_without_bus();
    agent.event("plugin-started");
    (desk, console, agent)
}

fn closed(agent: &mut Program, session: &str) {
    agent.until("the end of a session", |line| {
        line["event"] == "session-closed" && line["session"] == session
    });
}

/// A file of this plugin was put away.
fn file(agent: &mut Program) {
    agent.until("a file", |line| {
        line["event"] == "reported" && line["kind"] == "file"
    });
}

/// Whether one of the texts has this process id as a word.
fn tells_of(texts: &[String], pid: u32) -> bool {
    let pid = pid.to_string();
    let mut words = texts
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric()));
    words.any(|word| word == pid)
}

#[test]
fn each_session_has_an_instance_that_sees_its_own_processes_alone() {
    if !Login::is_possible("that a plugin sees the processes of its own session alone") {
        return;
    }
    let (desk, _console, mut agent) = scene();
    let one = Login::of(own_uid(0)).expect("it is possible");
    let first = agent.opened(&one);
    let two = Login::of(own_uid(1)).expect("it is possible");
    let second = agent.opened(&two);
    let all = loop {
        file(&mut agent);
        let all = desk.session_files();
        if [&first, &second].iter().all(|id| all.contains_key(*id)) {
            break all;
        }
    };
    // What the instances have used is one account.
    let told = agent.passed("plugin-status").expect("what it has used");
    assert!(told["figures"]["calls"].as_u64() > Some(0), "{told}");
    let listed = desk.ask(&["plugin", "list"])["plugins"][0]["figures"].clone();
    assert!(listed["calls"].as_u64() > told["figures"]["calls"].as_u64());
    assert!(listed["guest-us"].as_u64() > Some(0) && listed["host-us"].as_u64() > Some(0));
    assert_eq!(listed["denials"], 0, "its policy has all that it asks for");
    for (session, own, other) in [(&first, &one, &two), (&second, &two, &one)] {
        let texts = &all[session];
        assert!(tells_of(texts, own.pid()), "{texts:?}");
        assert!(!tells_of(texts, other.pid()), "{texts:?}");
        assert!(!tells_of(texts, std::process::id()), "{texts:?}");
    }
    // The session that stays is sampled on; the closed one gets its last file and no more.
    drop(one);
    closed(&mut agent, &first);
    let count = |desk: &Desk, session: &str| desk.session_files().get(session).map_or(0, Vec::len);
    let before = count(&desk, &second);
    while count(&desk, &second) < before + 1 {
        file(&mut agent);
    }
    let last = count(&desk, &first);
    let before = count(&desk, &second);
    while count(&desk, &second) < before + 1 {
        file(&mut agent);
    }
    assert_eq!(count(&desk, &first), last);
    drop(two);
    agent.stop();
    // What it used to the last is kept, though the agent ended.
    let log = desk.lines(&["log", "--plugin", PLUGIN]);
    let mut used = log.iter().filter_map(|line| {
        let event = &line["event"];
        let is_status = event["event"] == "plugin-status";
        is_status.then(|| event["figures"]["calls"].as_u64())
    });
    assert!(used.next_back().flatten() > listed["calls"].as_u64());
}

#[test]
fn a_storm_of_logins_leaves_no_instance_over() {
    if !Login::is_possible("that no instance of a plugin outlives its session") {
        return;
    }
    let (desk, _console, mut agent) = scene();
    let stays = Login::of(own_uid(2)).expect("it is possible");
    let kept = agent.opened(&stays);
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let logins: Vec<_> = (0..6)
            .map(|_| Login::of(own_uid(3)).expect("it is possible"))
            .collect();
        for login in &logins {
            sessions.push(agent.opened(login));
        }
        drop(logins);
        for session in &sessions[sessions.len() - 6..] {
            closed(&mut agent, session);
        }
    }
    // Each put its samples away when it closed, and then made no more.
    let of_closed = |desk: &Desk| {
        let all = desk.session_files();
        let count = |session: &String| all.get(session).map_or(0, Vec::len);
        sessions.iter().map(count).collect::<Vec<_>>()
    };
    let stays_on = |desk: &Desk, agent: &mut Program| {
        let count = |desk: &Desk| desk.session_files().get(&kept).map_or(0, Vec::len);
        let before = count(desk);
        while count(desk) < before + 1 {
            file(agent);
        }
    };
    stays_on(&desk, &mut agent);
    let counts = of_closed(&desk);
    assert!(counts.iter().all(|count| *count >= 1), "{counts:?}");
    stays_on(&desk, &mut agent);
    assert_eq!(of_closed(&desk), counts);
    let list = desk.ask(&["plugin", "list"]);
    let plugins = list["plugins"].as_array().cloned().unwrap_or_default();
    let found: Option<&Value> = plugins.iter().find(|plugin| plugin["plugin"] == PLUGIN);
    assert_eq!(
        found.map(|plugin| &plugin["remark"]),
        Some(&"".into()),
        "{list}"
    );
    agent.stop();
}
