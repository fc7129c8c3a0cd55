//! What somebody else publishes to a device through a broker that lets everybody publish:
//! the agent says in one line that it can't be read, and nothing else is harmed.

#![cfg(unix)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use bailiwick_needs::program;
use bailiwick_scenarios::{Desk, says};

/// Somebody who can publish anything.
struct Stranger {
    publish: PathBuf,
    ca: PathBuf,
    port: u16,
}

impl Stranger {
    fn says(&self, topic: &str, payload: &Path) {
        let status = Command::new(&self.publish)
            .args(["-h", "127.0.0.1", "-q", "1", "-p", &self.port.to_string()])
            .arg("--cafile")
            .arg(&self.ca)
            .args(["-t", topic, "-f"])
            .arg(payload)
            .status();
        assert!(status.is_ok_and(|status| status.success()), "{topic}");
    }
}

#[test]
fn malformed_and_oversize_messages_to_a_device_are_told_and_harm_nothing() {
    let (Some(mosquitto), Some(publish)) = (program("mosquitto"), program("mosquitto_pub")) else {
        return;
    };
    let mut desk = Desk::new();
    let (_mosquitto, port) = desk.mosquitto(&mosquitto);
    let _console = desk.console_at(&format!("mqtts://127.0.0.1:{port}"));
    desk.report_each_second();
    let settings = desk.settings();
    let lines = settings.lines().map(|line| match line.split_once(" = ") {
        Some(("report-url", _)) => format!("mqtt-url = \"mqtts://127.0.0.1:{port}\"\n"),
        _ => format!("{line}\n"),
    });
    fs::write(desk.path("device.toml"), lines.collect::<String>()).expect("the folder is ours");
    let mut agent = desk.agent();
    let started = agent.event("started");
    let device = started["device"].as_str().expect("an id").to_owned();
    agent.event("delivered");

    let file = |name: &str, bytes: Vec<u8>| {
        let path = desk.path(name);
        fs::write(&path, bytes).expect("the folder is ours");
        path
    };
    let junk = file("junk", b"{\"result\":".to_vec());
    // Within what a device takes as a packet, and far longer than any message to it.
    let long = file("long", vec![b'x'; 900_000]);
    // More than a device takes as a packet.
    let longest = file("longest", vec![b'x'; 1_100_000]);
    let stranger = Stranger {
        publish,
        ca: desk.path("repository/tls/ca.pem"),
        port,
    };
    let action = format!("bailiwick/1/{device}/actions/{}", "01".repeat(16));
    let receipt = format!("bailiwick/1/{device}/receipts/k");
    let hint = "bailiwick/1/all/hints/updates".to_owned();
    for payload in [&junk, &long] {
        stranger.says(&receipt, payload);
        desk.sending("messages", |line| says(line, "a receipt of"));
        stranger.says(&hint, payload);
        desk.sending("messages", |line| says(line, "a hint of"));
        stranger.says(&action, payload);
        let refused = agent.event("action-refused");
        assert_ne!(refused["reason"].to_string(), "\"\"", "{refused}");
    }
    for topic in [&receipt, &hint, &action] {
        stranger.says(topic, &longest);
        let reason = agent.event("not-delivered")["reason"].to_string();
        assert!(reason.contains("too long"), "{reason}");
        desk.sending("broker", |line| says(line, "too long"));
        // It is connected again, and what was made meanwhile arrives.
        agent.event("delivered");
        desk.everything_is_there_once(&mut agent);
    }
    let sending = desk.ask(&["status"])["sending"].clone();
    let ended = |one: &serde_json::Value| !one["until"].is_null();
    assert!(
        sending.as_array().is_some_and(|all| all.iter().all(ended)),
        "{sending}"
    );
    agent.stop();
}
