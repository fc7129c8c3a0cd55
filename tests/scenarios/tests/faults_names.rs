//! A device that can't find its console's name for a while.

#![cfg(target_os = "linux")]

use std::fs;

use bailiwick_needs::Network;
use bailiwick_scenarios::{Desk, says};

/// No name of the world's (RFC 6761).
const NAME: &str = "console.test";
/// Reports made while the name is not found, one a second.
const UNFOUND: u64 = 5;

#[test]
fn nothing_is_lost_over_mqtt_while_the_consoles_name_is_not_found() {
    nothing_is_lost(Desk::settings_over_mqtt, "broker");
}

#[test]
fn nothing_is_lost_over_https_while_the_consoles_name_is_not_found() {
    nothing_is_lost(Desk::settings, "reports");
}

fn nothing_is_lost(settings: impl Fn(&Desk) -> String, what: &str) {
    let Some(network) = Network::new("a device that can't find its console's name") else {
        return;
    };
    let own = "127.0.0.1 localhost\n";
    let with_name = format!("{own}{} {NAME}\n", network.here());
    // Nobody answers for names there, and what asks is told so at once.
    let nobody = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
    for (file, content) in [
        ("resolv.conf", nobody),
        ("nsswitch.conf", "hosts: files dns\n"),
        ("hosts", &with_name),
    ] {
        network.etc(file, content).expect("root may write there");
    }
    let mut desk = Desk::named(network.here(), NAME);
    let console = desk.console();
    desk.report_each_second();
    let by_name = settings(&desk).replace(&network.here().to_string(), NAME);
    fs::write(desk.path("device.toml"), by_name).expect("the folder is ours");
    let mut agent = desk.agent_within(network.namespace());
    agent.event("delivered");

    network.etc("hosts", own).expect("root may write there");
    // A connection outlives the name that it was made with: it has to end.
    drop(console);
    let _console = desk.console();
    let wrong = desk.is_wrong(what, "its name is not known");
    assert!(says(&wrong, NAME), "{wrong}");
    let first = agent.event("reported")["counter"]
        .as_u64()
        .expect("a number");
    let last = first + UNFOUND;
    agent.until("reports that wait", |line| {
        line["event"] == "reported" && line["counter"] == last
    });
    let waiting = desk.ask(&["status"])["outbox"]["reports"]["waiting"].as_u64();
    assert!(waiting >= Some(UNFOUND), "{waiting:?} wait");

    network
        .etc("hosts", &with_name)
        .expect("root may write there");
    desk.everything_is_there_once(&mut agent);
    agent.stop();
}
