//! Versions on probation, while the update endpoint comes and goes.

#![cfg(unix)]

use std::fs;

use bailiwick_scenarios::Desk;

fn every_second(line: &str) -> String {
    match line.split_once(" = ") {
        Some(("every", _)) => "every = \"1 s\"".to_owned(),
        Some(("jitter", _)) => "jitter = \"0 s\"".to_owned(),
        _ => line.to_owned(),
    }
}

/// A desk with two versions of `pressure`, of which the first runs and has passed its
/// probation.
fn desk() -> Desk {
    let desk = Desk::new();
    for version in ["0.2.0", "0.2.1"] {
        desk.publish("pressure", version);
    }
    desk.policy("pressure", every_second);
    desk.assign("pressure", "0.2.0");
    desk
}

/// Clean-up after a refresh leaves what is to go back to on the disk: the device finds it
/// there with no endpoint, at once and after a restart.
#[test]
fn a_version_that_fails_goes_back_and_what_it_goes_back_to_is_still_there() {
    let mut desk = desk();
    let console = desk.console();
    fs::write(desk.path("device.toml"), desk.settings()).unwrap();
    let mut agent = desk.agent();
    agent.event("kept");
    // A policy under which every call of the new version is stopped.
    let own = fs::read_to_string(desk.path("pressure.toml")).unwrap();
    desk.put(
        "strict.toml",
        &own.replace("host-calls = 100", "host-calls = 1"),
    );
    desk.assign_under("pressure", "0.2.1", "strict.toml");
    desk.ask(&["update", "refresh"]);
    console.stop();
    agent.event("swapped");
    let back = agent.event("went-back");
    assert_eq!(
        (&back["from"], &back["to"]),
        (&"0.2.1".into(), &"0.2.0".into()),
        "{back}"
    );
    agent.event("reported");
    let list = desk.ask(&["plugin", "list"]);
    assert_eq!(list["plugins"][0]["version"], "0.2.0", "{list}");
    agent.stop();
    let mut agent = desk.agent();
    let started = agent.event("plugin-started");
    assert_eq!(
        (&started["version"], &started["offline"]),
        (&"0.2.0".into(), &true.into())
    );
    agent.event("reported");
    agent.stop();
}

/// A server that does not answer, or answers that it is busy, says nothing about a plugin:
/// only its own calls are its trial.
#[test]
fn an_endpoint_that_fails_during_probation_takes_nothing_back() {
    let mut desk = desk();
    let console = desk.console();
    fs::write(desk.path("device.toml"), desk.settings()).unwrap();
    let mut agent = desk.agent();
    agent.event("kept");
    desk.assign("pressure", "0.2.1");
    desk.ask(&["update", "refresh"]);
    console.stop();
    desk.fails_to_refresh();
    agent.event("swapped");
    agent.event("refresh-failed");
    let kept = agent.event("kept");
    assert_eq!(kept["version"], "0.2.1", "{kept}");
    assert_eq!(agent.count("went-back"), 0);
    agent.stop();
}
