//! What somebody else publishes to a device through a broker that lets everybody publish:
//! the agent says in one line that it can't be read, and nothing else is harmed.

#![cfg(unix)]

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use bailiwick_needs::program;
use bailiwick_scenarios::{Desk, Program};

/// For something to come about on a machine that builds meanwhile.
const SOON: Duration = Duration::from_secs(120);

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
    let port = free_port();
    let _mosquitto = Program::start(&mut carrying(&mosquitto, &desk, port));
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
        is_told(&desk, "messages", "a receipt of");
        stranger.says(&hint, payload);
        is_told(&desk, "messages", "a hint of");
        stranger.says(&action, payload);
        let refused = agent.event("action-refused");
        assert_ne!(refused["reason"].to_string(), "\"\"", "{refused}");
    }
    for topic in [&receipt, &hint, &action] {
        stranger.says(topic, &longest);
        let reason = agent.event("not-delivered")["reason"].to_string();
        assert!(reason.contains("too long"), "{reason}");
        is_told(&desk, "broker", "too long");
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

/// Waits until `status` has a line on `what` with these words.
fn is_told(desk: &Desk, what: &str, words: &str) {
    let begun = Instant::now();
    loop {
        let sending = desk.ask(&["status"])["sending"].clone();
        let fits = |one: &serde_json::Value| {
            let reason = one["reason"].as_str().unwrap_or_default();
            one["what"] == what && reason.contains(words)
        };
        if sending.as_array().is_some_and(|all| all.iter().any(fits)) {
            return;
        }
        assert!(begun.elapsed() < SOON, "no `{words}` in {sending}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// An unmodified Mosquitto with the desk's certificate, at which everybody may publish.
fn carrying(mosquitto: &Path, desk: &Desk, port: u16) -> Command {
    let settings = desk.path("mosquitto.conf");
    // It would become the user `mosquitto`, who can't read what a test made.
    let text = format!(
        "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\n\
         cafile {tls}/ca.pem\ncertfile {tls}/server.pem\nkeyfile {tls}/server-key.pem\n\
         log_dest none\n",
        tls = desk.path("repository/tls").display(),
    );
    fs::write(&settings, text).expect("the folder is ours");
    let mut command = Command::new(mosquitto);
    command.arg("-c").arg(settings).stderr(Stdio::null());
    command
}

/// A port of loopback that nobody listens on now, for programs that can't pick one.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
    listener.local_addr().expect("it listens").port()
}
