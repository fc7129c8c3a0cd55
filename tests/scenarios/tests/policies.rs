//! A policy takes the place of another on a device that runs.

#![cfg(unix)]

use std::fs;

use bailiwick_scenarios::Desk;

/// The plugin's version stays, and what it may do does not: the device says what that is before
/// it counts, and the console knows it from the device.
#[test]
fn what_a_signed_policy_widens_is_told_before_it_counts() {
    let mut desk = Desk::new();
    let _console = desk.console();
    fs::write(desk.path("device.toml"), desk.settings()).unwrap();
    desk.publish("pressure", "0.2.0");
    desk.policy("pressure", str::to_owned);
    desk.assign("pressure", "0.2.0");
    let mut agent = desk.agent();
    agent.event("plugin-started");

    desk.policy("pressure", |line| {
        line.replace("memory = \"4 MiB\"", "memory = \"8 MiB\"")
            .replace("\"loadavg\"]", "\"loadavg\", \"meminfo\"]")
            .replace("host-calls = 100", "host-calls = 50")
    });
    desk.assign("pressure", "0.2.0");
    desk.ask(&["update", "refresh"]);
    let told = agent.event("policy-changed");
    assert_eq!(told["plugin"], "pressure", "{told}");
    let wider = [
        "limit memory: from 4 MiB to 8 MiB",
        "files: may now also read /proc/meminfo",
    ];
    assert_eq!(told["wider"], serde_json::json!(wider), "{told}");
    let narrower = ["limit host-calls: from 100 to 50"];
    assert_eq!(told["narrower"], serde_json::json!(narrower), "{told}");
    agent.event("swapped");
    agent.stop();
}
