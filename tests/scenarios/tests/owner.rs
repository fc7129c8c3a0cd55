//! What the device's owner sees and can stop.

#![cfg(unix)]

use std::{
    fs,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use bailiwick_scenarios::{Desk, Front, Manner};
use serde_json::Value;

/// For something to come about on a machine that builds meanwhile.
const SOON: Duration = Duration::from_secs(60);

fn desk_with_pressure() -> Desk {
    let desk = Desk::new();
    desk.report_each_second();
    desk
}

fn entries(report: &Value, list: &str) -> Vec<Value> {
    report[list].as_array().cloned().unwrap_or_default()
}

#[test]
fn the_owner_reads_what_was_sent_and_what_happened_with_and_without_the_agent() {
    let mut desk = desk_with_pressure();
    let _console = desk.console();
    fs::write(desk.path("device.toml"), desk.settings()).expect("the folder is ours");
    let mut agent = desk.agent();
    let key = agent.event("delivered")["key"].clone();
    let running = desk.ask(&["outbox", "show", "--decoded"]);
    let sent = entries(&running, "sent");
    let first = sent.iter().find(|one| one["key"] == key);
    let first = first.unwrap_or_else(|| panic!("{running}"));
    assert_eq!(first["confirmed"]["by"], "receipt");
    let text = first["content"]["text"].as_str().unwrap_or_default();
    // The plugin's own collection, in words.
    assert!(text.contains("pressure"), "{first}");
    // A change alone is read by the schema of what it changes.
    agent.until("a change", |line| line["kind"] == "differential");
    agent.event("delivered");
    let changed = desk.ask(&["outbox", "show", "--decoded"]);
    assert!(
        entries(&changed, "sent")
            .iter()
            .all(|one| one["content"]["text"].is_string()),
        "{changed}"
    );
    agent.stop();

    let offline = desk.ask(&["outbox", "show"]);
    assert!(
        entries(&offline, "sent")
            .iter()
            .any(|one| one["key"] == key)
    );
    let log = desk.lines(&["log", "--plugin", "pressure", "--since", "1h"]);
    let is = |line: &Value, name: &str| line["event"]["event"] == name;
    assert!(log.iter().any(|line| is(line, "reported")), "{log:?}");
    assert!(log.iter().all(|line| line["event"]["plugin"] == "pressure"));
    let all = desk.lines(&["log"]);
    assert!(all.iter().any(|line| is(line, "started")), "{all:?}");

    // Nothing was changed, and what was told to the console of it holds still.
    let whole = desk.ask(&["log", "verify"]);
    assert_eq!(whole["entries"], all.len(), "{whole}");
    let events = desk.reports(&["--events"]);
    let told = events
        .iter()
        .rev()
        .find_map(|event| event["event"]["log-head"].as_str())
        .unwrap();
    assert_eq!(desk.ask(&["log", "verify", "--head", told]), whole);
    // An auditor reads it elsewhere, and what the console knows holds there, too.
    let logs = desk.path("logs").display().to_string();
    let exported = desk.ask(&["log", "export", "--to", &logs]);
    let file = exported["file"].as_str().expect("a file");
    let text = fs::read_to_string(file).expect("it was written");
    let head = told.parse().expect("a head");
    let log = bailiwick_audit::record::parse(&text, Some(&head)).expect("it is whole");
    assert_eq!((log.entries.len(), log.is_held), (all.len(), true));
    let edited = text.replacen("started", "stopped", 1);
    assert!(bailiwick_audit::record::parse(&edited, None).is_err());
    // Of a log that was written anew it would know another.
    let (number, _) = told.split_once(':').unwrap();
    let other = format!("{number}:{}", "0".repeat(64));
    let (code, words) = desk.try_ask(&["log", "verify", "--head", &other]);
    assert_eq!(code, Some(1));
    assert!(words.contains("NOT WHAT WAS KEPT"), "{words}");
}

#[test]
fn a_pause_stops_collection_survives_a_restart_and_is_told() {
    let mut desk = desk_with_pressure();
    let _console = desk.console();
    fs::write(desk.path("device.toml"), desk.settings()).expect("the folder is ours");
    let mut agent = desk.agent();
    agent.event("delivered");
    let paused = desk.ask(&["pause", "--for", "2h"]);
    assert!(paused["paused"]["until"].is_number(), "{paused}");
    agent.event("paused");
    // A call that was in flight may still end.
    thread::sleep(Duration::from_millis(500));
    let before = agent.count("reported");
    thread::sleep(Duration::from_secs(3));
    assert_eq!(agent.count("reported"), before, "nothing is collected");
    agent.stop();

    let mut agent = desk.agent();
    agent.event("started");
    let status = desk.ask(&["status"]);
    assert_eq!(status["paused"], paused["paused"], "{status}");
    thread::sleep(Duration::from_secs(2));
    assert_eq!(agent.count("reported"), 0, "it goes on after a restart");
    let told = |name: &str| {
        let begun = Instant::now();
        let is_it = |event: &Value| event["event"]["event"] == name;
        while !desk.reports(&["--events"]).iter().any(is_it) {
            assert!(begun.elapsed() < SOON, "`{name}` is not told");
            thread::sleep(Duration::from_millis(100));
        }
    };
    told("paused");
    let resumed = desk.ask(&["resume"]);
    assert!(resumed["paused"].is_null(), "{resumed}");
    agent.event("reported");
    agent.event("delivered");
    told("resumed");
    // By itself, at its time.
    desk.ask(&["pause", "--for", "2s"]);
    agent.event("paused");
    agent.event("resumed");
    agent.event("reported");
}

#[test]
fn who_asks_does_not_wait_for_a_refresh() {
    let mut desk = desk_with_pressure();
    let _console = desk.console();
    let behind: SocketAddr = desk.address().parse().expect("an address");
    let front = Front::new(&desk.path("repository/tls"), behind);
    let updates = format!("update-url = \"https://{}/updates/\"\n", front.address());
    let settings = desk.settings();
    let lines = settings.lines().map(|line| match line.split_once(" = ") {
        Some(("update-url", _)) => updates.clone(),
        _ => format!("{line}\n"),
    });
    let settings: String = lines.collect();
    fs::write(desk.path("device.toml"), settings).expect("the folder is ours");
    let mut agent = desk.agent();
    agent.event("delivered");
    // Cuts what is open, so that the refresh needs a connection of its own.
    front.turns(Manner::Forward);
    front.turns(Manner::Silent);
    thread::scope(|scope| {
        let refreshing = scope.spawn(|| desk.fails_to_refresh());
        // The refresh is under way: whoever serves it has taken the connection.
        front.until_taken();
        let listed = desk.ask(&["plugin", "list"]);
        assert_eq!(entries(&listed, "plugins").len(), 1, "{listed}");
        assert_eq!(desk.ask(&["status"])["running"], 1);
        assert!(!refreshing.is_finished(), "it was answered meanwhile");
        front.turns(Manner::Forward);
        front.hang_up();
        drop(refreshing.join());
    });
    agent.stop();
}
