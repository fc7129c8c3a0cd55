//! A policy takes the place of another on a device that runs.

#![cfg(unix)]

use std::fs;

use bailiwick_scenarios::{Desk, says};

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

/// A version asks for more than its policy grants, an approver refuses it, somebody signs a policy
/// that would let it run, and the approver takes the refusal back.
#[test]
fn a_refused_version_says_so_and_runs_only_once_that_is_taken_back() {
    let mut desk = Desk::new();
    let _console = desk.console();
    fs::write(desk.path("device.toml"), desk.settings()).unwrap();
    desk.publish("pressure", "0.2.0");
    desk.publish("pressure", "0.2.1");
    desk.policy("pressure", str::to_owned);
    desk.assign("pressure", "0.2.0");
    let mut agent = desk.agent();
    agent.event("plugin-started");
    let wide = fs::read_to_string(desk.path("pressure.toml")).unwrap();
    desk.put(
        "next.toml",
        &wide.replace("capability = \"log\"", "capability = \"clock\""),
    );
    desk.assign_under("pressure", "0.2.1", "next.toml");
    desk.ask(&["update", "refresh"]);
    let remark = || desk.ask(&["plugin", "list"])["plugins"][0]["remark"].to_string();
    let told = agent.event("refused");
    assert!(says(&told, "asks for more than is approved"), "{told}");
    assert!(
        remark().contains("asks for more than is approved"),
        "{}",
        remark()
    );

    let reason = "Its log says too much.";
    desk.decide(&["refuse", "pressure", "0.2.1", "--reason", reason]);
    desk.ask(&["update", "refresh"]);
    let told = agent.event("refused");
    let refused = "0.2.1 is assigned but refused by policies-";
    assert!(says(&told, refused) && says(&told, reason), "{told}");
    assert!(remark().contains(refused), "{}", remark());
    let (_, words) = desk.try_ask(&["plugin", "list"]);
    assert!(
        words.contains(reason) && !words.contains("than is approved"),
        "{words}"
    );

    // The policy that would let it run changes nothing.
    desk.put("next.toml", &wide);
    desk.ask(&["update", "refresh"]);
    assert!(remark().contains(refused), "{}", remark());
    assert_eq!(
        desk.ask(&["plugin", "list"])["plugins"][0]["version"],
        "0.2.0"
    );

    desk.decide(&["withdraw", "pressure", "0.2.1"]);
    desk.ask(&["update", "refresh"]);
    let told = agent.event("swapped");
    assert_eq!(told["to"], "0.2.1", "{told}");
    assert_eq!(remark(), "\"\"");
    agent.stop();
}
