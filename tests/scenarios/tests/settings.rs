//! Settings and ceilings that change while the agent runs.

#![cfg(unix)]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use bailiwick_scenarios::{Desk, Program};
use serde_json::Value;

/// Writes as editors do: a new file takes the old one's name.
fn save(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).expect("the folder is ours");
    fs::rename(&new, file).expect("the folder is ours");
}

fn lines(event: &Value, name: &str) -> Vec<String> {
    let lines = event[name].as_array().into_iter().flatten();
    lines
        .map(|line| line.as_str().unwrap_or_default().to_owned())
        .collect()
}

fn setting(desk: &Desk, name: &str) -> Value {
    let answer = desk.ask(&["status", "--settings"]);
    let settings = answer["settings"].as_array().into_iter().flatten();
    settings
        .into_iter()
        .find(|setting| setting["name"] == name)
        .cloned()
        .unwrap_or_default()
}

/// Publishes `pressure`, called every second, for devices of the group `pilot`.
fn publish_for_pilots(desk: &Desk) {
    desk.publish("pressure", "0.2.0");
    desk.policy("pressure", |line| match line.split_once(" = ") {
        Some(("every", _)) => "every = \"1 s\"".to_owned(),
        Some(("jitter", _)) => "jitter = \"0 s\"".to_owned(),
        _ => line.to_owned(),
    });
    desk.repo(&[
        "assign",
        "--vendor",
        "bailiwick",
        "--plugin",
        "pressure",
        "--version",
        "0.2.0",
        "--policy",
        "pressure.toml",
        "--group",
        "pilot",
    ]);
}

#[test]
fn what_can_change_changes_at_once_and_the_rest_is_told() {
    let mut desk = Desk::new();
    let _console = desk.console();
    publish_for_pilots(&desk);
    let file = desk.path("device.toml");
    let ceiling = desk.path("ceiling.toml");
    save(&file, &desk.settings());
    let mut agent = desk.agent();
    agent.event("refreshed");
    assert_eq!(agent.count("plugin-started"), 0);

    let more = format!(
        "groups = [\"pilot\"]\nrefresh-every = \"2 h\"\nceiling-file = \"{}\"\n",
        ceiling.display()
    );
    save(&ceiling, "format = 1\n");
    save(&file, &(desk.settings() + &more));
    let changed = agent.event("settings-changed");
    let changed = lines(&changed, "changed");
    assert_eq!(changed.len(), 3, "{changed:?}");
    assert!(
        changed[0].starts_with("groups: nothing is now `pilot` ("),
        "{changed:?}"
    );
    // The group has the plugin, and no restart was needed to get it.
    agent.event("plugin-started");
    assert_eq!(setting(&desk, "refresh-every")["value"], "2 h");

    an_invalid_file_changes_nothing(&desk, &mut agent, &(desk.settings() + &more));
    a_value_that_needs_a_restart_waits(&desk, &mut agent, &(desk.settings() + &more));
    signed_settings_are_beneath_the_file(&desk, &mut agent, &(desk.settings() + &more));
    agent.stop();
}

fn an_invalid_file_changes_nothing(desk: &Desk, agent: &mut Program, good: &str) {
    let file = desk.path("device.toml");
    save(&file, &good.replace("\"2 h\"", "\"2 parsecs\""));
    let refused = agent.event("settings-refused");
    let reason = refused["reason"].as_str().unwrap_or_default();
    let place = format!("{}:7:", file.display());
    assert!(
        reason.starts_with(&place) && reason.contains("write `refresh-every = "),
        "{reason}"
    );
    assert_eq!(setting(desk, "refresh-every")["value"], "2 h");
}

fn a_value_that_needs_a_restart_waits(desk: &Desk, agent: &mut Program, good: &str) {
    let compiler = "compiler = \"/opt/compile\"\n";
    save(&desk.path("device.toml"), &(good.to_owned() + compiler));
    let changed = agent.event("settings-changed");
    let waiting = lines(&changed, "at-next-start");
    assert!(
        waiting[0].starts_with("compiler: `/opt/compile` ("),
        "{changed}"
    );
    let listed = setting(desk, "compiler");
    assert_eq!(listed["value"], "");
    let next = listed["at-next-start"].as_str().unwrap_or_default();
    assert!(next.starts_with("/opt/compile ("), "{listed}");
}

fn signed_settings_are_beneath_the_file(desk: &Desk, agent: &mut Program, good: &str) {
    desk.put("settings.toml", "format = 1\nrefresh-every = \"3 h\"\n");
    desk.ask(&["update", "refresh"]);
    assert_eq!(
        setting(desk, "refresh-every")["value"],
        "2 h",
        "the file wins"
    );
    let without = good.replace("refresh-every = \"2 h\"\n", "");
    save(&desk.path("device.toml"), &without);
    let changed = agent.until("signed value", |line| {
        line["event"] == "settings-changed" && line.to_string().contains("3 h")
    });
    let changed = lines(&changed, "changed");
    let expected = "refresh-every: `2 h` is now `3 h` (signed by policies)";
    assert!(changed.iter().any(|line| line == expected), "{changed:?}");
}

/// The owner takes from a plugin that runs more than it can do without: it goes on under
/// the ceiling with its state, and what becomes of it then reaches the console, which is
/// away for a while.
#[test]
fn a_ceiling_holds_at_once_and_what_follows_reaches_the_console() {
    let mut desk = Desk::new();
    let console = desk.console();
    publish_for_pilots(&desk);
    let ceiling = desk.path("ceiling.toml");
    save(&ceiling, "format = 1\n");
    let settings = format!(
        "{}groups = [\"pilot\"]\nceiling-file = \"{}\"\n",
        desk.settings(),
        ceiling.display()
    );
    save(&desk.path("device.toml"), &settings);
    let mut agent = desk.agent();
    agent.event("kept");

    save(
        &ceiling,
        "format = 1\n[[ceiling]]\nlimits = { host-calls = 1 }\n",
    );
    let refused = agent.event("ceiling-refused");
    let reason = refused["reason"].as_str().unwrap_or_default();
    let place = format!("{}:2:1: `reason` is missing", ceiling.display());
    assert!(reason.starts_with(&place), "{reason}");

    console.stop();
    save(
        &ceiling,
        "format = 1\n[[ceiling]]\nlimits = { host-calls = 1 }\nreason = \"Mine.\"\n",
    );
    let narrowed = agent.event("narrowed");
    assert!(narrowed["state"].as_u64() > Some(0), "{narrowed}");
    let failed = agent.event("call-failed");
    assert!(
        failed["reason"].to_string().contains("host calls"),
        "{failed}"
    );
    agent.event("suspended");
    let list = desk.ask(&["plugin", "list"]);
    assert_eq!(list["plugins"][0]["state"], "suspended", "{list}");
    agent.stop();

    // What waited is sent by the next start, once: nothing twice, nothing lost.
    let _console = desk.console();
    let agent = desk.agent();
    wait_for(&desk, "started", 2);
    for (name, count) in [
        ("pulled", 1),
        ("kept", 1),
        ("ceiling-refused", 1),
        ("ceiling-changed", 1),
        ("narrowed", 1),
        ("suspended", 1),
    ] {
        assert_eq!(told(&desk, name), count, "{name}");
    }
    // Five strikes suspended it; after the start it was called again.
    assert!(told(&desk, "call-failed") >= 5);
    let events = desk.reports(&["--events"]);
    let once: BTreeSet<_> = events
        .iter()
        .map(|event| format!("{} {}", event["at-ms"], event["words"]))
        .collect();
    assert_eq!(once.len(), events.len(), "{events:?}");
    agent.stop();

    // A store that is damaged is put aside, and that reaches the console too.
    fs::write(desk.path("device/bailiwick.redb"), "no database").unwrap();
    let mut agent = desk.agent();
    agent.event("quarantined");
    wait_for(&desk, "quarantined", 1);
    agent.stop();
}

/// How many events of this name are in the console.
fn told(desk: &Desk, name: &str) -> usize {
    let events = desk.reports(&["--events"]);
    let fits = |line: &&Value| line["event"]["event"] == name;
    events.iter().filter(fits).count()
}

/// Nothing tells when the console has committed; each look is a program of its own.
fn wait_for(desk: &Desk, name: &str, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while told(desk, name) != count {
        let events = desk.reports(&["--events"]);
        assert!(
            Instant::now() < deadline,
            "{name} is not there {count} times: {events:?}"
        );
    }
}
