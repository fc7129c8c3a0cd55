//! Plugins that are not called for long keep what they saved, and no memory.

#![cfg(unix)]

use std::{fs, path::PathBuf};

use bailiwick_scenarios::Desk;

fn every_ten_minutes(line: &str) -> String {
    match line.split_once(" = ") {
        Some(("every", _)) => "every = \"10 min\"".to_owned(),
        Some(("jitter", _)) => "jitter = \"0 s\"".to_owned(),
        _ => line.to_owned(),
    }
}

/// Files of native code on the device.
fn artifacts(desk: &Desk) -> Vec<PathBuf> {
    fs::read_dir(desk.path("device/artifacts"))
        .expect("the agent made it")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "artifact"))
        .collect()
}

#[test]
fn who_rests_is_started_for_a_call_and_hands_over_what_it_saved() {
    let mut desk = Desk::new();
    let _console = desk.console();
    fs::write(desk.path("device.toml"), desk.settings()).unwrap();
    for (plugin, version) in [
        ("inventory", "0.1.0"),
        ("pressure", "0.2.0"),
        ("pressure", "0.2.1"),
    ] {
        desk.publish(plugin, version);
        desk.policy(plugin, every_ten_minutes);
    }
    desk.assign("inventory", "0.1.0");
    desk.assign("pressure", "0.2.0");
    let mut agent = desk.agent();
    for plugin in ["inventory", "pressure"] {
        agent.until("the first report", |line| {
            line["event"] == "reported" && line["plugin"] == plugin
        });
    }
    // What it has used is told after its first call, by whatever instance.
    let told = agent.until("what it has used", |line| {
        line["event"] == "plugin-status" && line["plugin"] == "pressure"
    });
    let figure = |name: &str| told["figures"][name].as_u64();
    assert!(figure("calls") >= Some(1), "{told}");
    assert!(figure("host-calls") >= Some(1), "{told}");
    assert!(figure("memory-high-bytes") > Some(65_535), "{told}");
    assert_eq!((figure("traps"), figure("denials")), (Some(0), Some(0)));
    // On probation it says so, resting or not.
    let states = |desk: &Desk| {
        let list = desk.ask(&["plugin", "list"]);
        ["inventory", "pressure"].map(|name| {
            let plugins = list["plugins"].as_array().cloned().unwrap_or_default();
            let found = plugins.iter().find(|plugin| plugin["name"] == name);
            found.map(|plugin| plugin["state"].clone())
        })
    };
    let before = states(&desk);

    // It is started for the question, reports, and rests again.
    let inventory = desk.ask(&["inventory"]);
    assert!(inventory.is_object() || inventory.is_array(), "{inventory}");
    let again = agent.event("reported");
    assert_eq!(
        (&again["plugin"], &again["kind"]),
        (&"inventory".into(), &"differential".into())
    );
    assert_eq!(states(&desk), before);

    // Its code is not in memory either: what is gone from the disk or was changed there is
    // compiled again.
    artifacts(&desk)
        .iter()
        .for_each(|artifact| fs::remove_file(artifact).unwrap());
    desk.ask(&["inventory"]);
    let made = artifacts(&desk);
    let [artifact] = made.as_slice() else {
        panic!("one was called: {made:?}");
    };
    let mut bytes = fs::read(artifact).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(artifact, &bytes).unwrap();
    desk.ask(&["inventory"]);
    assert_ne!(fs::read(artifact).unwrap(), bytes);
    assert_eq!(states(&desk), before);

    // What it saved when it went to rest is what its successor gets.
    desk.assign("pressure", "0.2.1");
    desk.ask(&["update", "refresh"]);
    let swapped = agent.event("swapped");
    assert!(swapped["state"].as_u64() > Some(0), "{swapped}");
    agent.stop();
}
