//! A sleeping neighbour is woken: who is fit is asked first, then it sends.

#![cfg(target_os = "linux")]

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};

use bailiwick_needs::Network;
use bailiwick_scenarios::Desk;
use serde_json::Value;

/// Port of the service that throws away what it gets (RFC 863), to which magic packets go.
const DISCARD: u16 = 9;
/// For a packet on a link of two ends.
const PATIENCE: Duration = Duration::from_secs(10);
/// An address for documentation (RFC 5737), in nobody's network.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

#[test]
fn a_neighbour_that_is_fit_is_chosen_and_its_packet_comes_to_the_other_end() {
    let Some(network) = Network::new("a neighbour that is woken") else {
        return;
    };
    let mut desk = Desk::at(network.here());
    let _console = desk.console();
    desk.publish_of("action-handler", "wake-on-lan", "0.1.0");
    desk.policy("wake-on-lan", |line| match line {
        // The only link there is here is a virtual one, which has to be named.
        "macs = [\"any\"]" => format!("{line}\nlinks = [\"up0\"]"),
        _ => line.to_owned(),
    });
    desk.assign("wake-on-lan", "0.1.0");
    let keys = desk.path("keys").display().to_string();
    let made = desk
        .action(&["key", "--name", "alice", "--out", &keys])
        .output();
    assert!(made.is_ok_and(|made| made.status.success()));
    let public = format!("{keys}/alice.pub");
    let mut add = vec!["operator", "add", &public, "--handler", "wake-on-lan"];
    add.extend(["--group", "*", "--until", "2099-12-31"]);
    desk.repo(&add);
    fs::write(desk.path("device.toml"), desk.settings_over_mqtt()).expect("the folder is ours");
    let mut agent = desk.agent_within(network.namespace());
    agent.event("plugin-started");
    let device = desk.device_id();

    let (code, lines) = wake(&desk, &keys, &device, ELSEWHERE);
    assert_eq!(code, Some(3), "{lines:?}");
    assert_eq!(
        step(&lines, "fitness")["why"],
        "not fit: no link of it is in the target's network"
    );
    assert_eq!(step(&lines, "sent"), Value::Null, "nobody was asked to");

    // The last of the link's four addresses: no other test listens there.
    let broadcast = Ipv4Addr::from_bits(network.here().to_bits() | 3);
    let neighbour = UdpSocket::bind((broadcast, DISCARD)).expect("root may");
    neighbour
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout");
    let (code, lines) = wake(&desk, &keys, &device, network.here());
    assert_eq!(code, Some(0), "{lines:?}");
    let fitness = step(&lines, "fitness");
    assert_eq!(fitness["chosen"], true, "{fitness}");
    let sent = step(&lines, "sent");
    assert_eq!(sent["device"], device.as_str(), "{sent}");
    // Three each of a frame, two directed broadcasts and one limited broadcast.
    assert_eq!(sent["packets"], 12, "{sent}");
    let wanted = [[0xff; 6].as_slice(), &[2, 0, 0, 0, 0, 1].repeat(16)].concat();
    let mut packet = [0; 256];
    loop {
        let (length, _) = neighbour
            .recv_from(&mut packet)
            .expect("a magic packet comes");
        if packet[..length] == wanted {
            return;
        }
    }
}

/// The exit code, and the lines.
fn wake(desk: &Desk, keys: &str, device: &str, target: Ipv4Addr) -> (Option<i32>, Vec<Value>) {
    let mut command = desk.action(&["wake", "--json", "--mac", "02:00:00:00:00:01"]);
    command.args(["--within", "100 s", "--settle", "60 s", "--device", device]);
    command.args(["--target", &target.to_string()]);
    command.args(["--to", &desk.console_address()]);
    command.arg("--key").arg(format!("{keys}/alice.json"));
    command.arg("--ca").arg(desk.path("repository/tls/ca.pem"));
    command.arg("--data").arg(desk.path("console"));
    let output = command.output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_default());
    (output.status.code(), lines.collect())
}

fn step(lines: &[Value], name: &str) -> Value {
    let found = lines.iter().find(|line| line["step"] == name);
    found.cloned().unwrap_or_default()
}
