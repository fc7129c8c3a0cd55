//! A hundred swaps of a plugin that is called every second: nothing is dropped.

#![cfg(unix)]

use std::fs;

use bailiwick_scenarios::Desk;
use serde_json::Value;

const SWAPS: usize = 100;

/// Two builds of one plugin take turns, each handed the other's state. In the end the
/// counter in that state, the reports in the console and the schedule's own figures say the
/// same, and no due time passed without a call.
#[test]
fn over_a_hundred_swaps_every_expected_call_is_executed() {
    let mut desk = Desk::new();
    let _console = desk.console();
    fs::write(desk.path("device.toml"), desk.settings()).unwrap();
    for version in ["0.2.0", "0.2.1"] {
        desk.publish("pressure", version);
    }
    desk.policy("pressure", |line| match line.split_once(" = ") {
        Some(("every", _)) => "every = \"1 s\"".to_owned(),
        Some(("jitter", _)) => "jitter = \"0 s\"".to_owned(),
        _ => line.to_owned(),
    });
    desk.assign("pressure", "0.2.0");
    let mut agent = desk.agent();
    agent.event("plugin-started");
    agent.event("reported");
    for swap in 0..SWAPS {
        let version = ["0.2.1", "0.2.0"][swap % 2];
        desk.assign("pressure", version);
        desk.ask(&["update", "refresh"]);
        let swapped = agent.until("swap", |line| {
            line["event"] == "swapped" || line["event"] == "refused"
        });
        assert_eq!(swapped["event"], "swapped", "{swapped}");
        assert_eq!(swapped["to"], version, "{swapped}");
        assert!(swapped["state"].as_u64() > Some(0), "{swapped}");
        assert_eq!(swapped["missed"], 0, "{swapped}");
    }
    // One more call by the last version, so that its rows tell the count.
    agent.event("reported");
    let timing = desk.ask(&["plugin", "list"])["plugins"][0]["timing"].clone();
    let figure = |name: &str| timing[name].as_u64().unwrap_or(u64::MAX);
    assert_eq!((figure("missed"), figure("failed")), (0, 0), "{timing}");
    assert_eq!(figure("asked"), 0, "{timing}");
    agent.stop();
    // Between the question and the stop there can have been one more.
    let collects = collects(&desk);
    assert!(
        (figure("calls")..=figure("calls") + 2).contains(&collects),
        "{collects} counted in the plugin's state, {timing}"
    );
    let reports = desk.reports(&["--plugin", "pressure"]).len() as u64;
    assert!(
        (figure("calls") - 1..=collects).contains(&reports),
        "{reports} reports in the console, {timing}"
    );
    println!("{SWAPS} swaps: {timing}");
}

/// The count that is in the plugin's state, by its last report.
fn collects(desk: &Desk) -> u64 {
    let reports = desk.reports(&["--plugin", "pressure", "--decode"]);
    let last = reports.last().cloned().unwrap_or_default();
    match number(&last["content"], "collects") {
        Some(collects) => collects,
        None => panic!("no count in {last}"),
    }
}

/// The number at `name`, wherever in `value` that is.
fn number(value: &Value, name: &str) -> Option<u64> {
    match value {
        Value::Object(fields) => fields
            .get(name)
            .and_then(Value::as_u64)
            .or_else(|| fields.values().find_map(|value| number(value, name))),
        Value::Array(values) => values.iter().find_map(|value| number(value, name)),
        _ => None,
    }
}
