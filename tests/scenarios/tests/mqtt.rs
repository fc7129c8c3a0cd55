//! A device that reports over MQTT to the console's broker.

#![cfg(unix)]

use std::{
    fs,
    time::{Duration, Instant},
};

use bailiwick_scenarios::Desk;

/// From a signed assignment to its generation on a device, on a machine that builds
/// meanwhile. Without the hint it would be the hour between two looks.
const SOON: Duration = Duration::from_secs(60);

#[test]
fn reports_events_and_hints_go_through_the_consoles_broker() {
    let mut desk = Desk::new();
    let console = desk.console();
    desk.report_each_second();
    fs::write(desk.path("device.toml"), desk.settings_over_mqtt()).expect("the folder is ours");
    let mut agent = desk.agent();
    let key = agent.event("delivered")["key"].clone();
    let stored = desk.reports(&["--plugin", "pressure"]);
    assert!(
        stored.iter().any(|report| report["key"] == key),
        "{stored:?}"
    );

    // What the agent was told of it: the number of the timestamp, and nothing else.
    desk.publish("pressure", "0.2.1");
    let assigned = Instant::now();
    desk.assign("pressure", "0.2.1");
    agent.until("the version that was assigned", |line| {
        line["event"] == "swapped" && line["to"] == "0.2.1"
    });
    assert!(assigned.elapsed() < SOON, "{:?}", assigned.elapsed());
    println!("live {:?} after its assignment", assigned.elapsed());

    drop(console);
    agent.event("not-delivered");
    let _console = desk.console();
    let key = agent.event("delivered")["key"].clone();
    let stored = desk.reports(&["--plugin", "pressure"]);
    assert!(
        stored.iter().any(|report| report["key"] == key),
        "{stored:?}"
    );
    let mut keys: Vec<_> = stored
        .iter()
        .map(|report| report["key"].to_string())
        .collect();
    keys.sort();
    let all = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), all, "each is there once");
    // Events have a way of their own, and come when they come.
    let begun = Instant::now();
    let told = |event: &serde_json::Value| event["event"]["event"] == "swapped";
    while !desk.reports(&["--events"]).iter().any(told) {
        assert!(begun.elapsed() < SOON, "the swap is not told");
        std::thread::sleep(Duration::from_millis(100));
    }
}
