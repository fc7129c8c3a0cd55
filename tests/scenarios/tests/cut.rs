//! A device whose network is gone for a minute: no end of a connection is told, packets
//! just come no more.

#![cfg(target_os = "linux")]

use std::fs;

use bailiwick_needs::Network;
use bailiwick_scenarios::Desk;

/// Reports made while nothing gets through, one a second.
const CUT: u64 = 60;

#[test]
fn nothing_is_lost_over_mqtt_while_the_network_is_cut_for_a_minute() {
    nothing_is_lost(Desk::settings_over_mqtt);
}

#[test]
fn nothing_is_lost_over_https_while_the_network_is_cut_for_a_minute() {
    nothing_is_lost(Desk::settings);
}

fn nothing_is_lost(settings: impl Fn(&Desk) -> String) {
    let Some(network) = Network::new("a device whose network is cut for a minute") else {
        return;
    };
    let mut desk = Desk::at(network.here());
    let _console = desk.console();
    desk.report_each_second();
    fs::write(desk.path("device.toml"), settings(&desk)).expect("the folder is ours");
    let mut agent = desk.agent_within(network.namespace());
    agent.event("delivered");

    network.cut();
    let first = agent.event("reported")["counter"]
        .as_u64()
        .expect("a number");
    let last = first + CUT;
    agent.until("a minute of reports", |line| {
        line["event"] == "reported" && line["counter"] == last
    });
    // In one line, what is wrong.
    let reason = agent
        .passed("not-delivered")
        .expect("it is told within a minute")["reason"]
        .to_string();
    assert!(reason.contains(&network.here().to_string()), "{reason}");
    let waiting = desk.ask(&["status"])["outbox"]["reports"]["waiting"].as_u64();
    assert!(waiting >= Some(CUT), "{waiting:?} wait");

    network.mend();
    desk.everything_is_there_once(&mut agent);
}
