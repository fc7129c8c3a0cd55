//! A device whose network is gone for a minute: no end of a connection is told, packets
//! just come no more.

#![cfg(target_os = "linux")]

use std::{
    fs,
    net::Ipv4Addr,
    process::Command,
    sync::atomic::{AtomicU8, Ordering},
};

use bailiwick_needs::{own_networks, program};
use bailiwick_scenarios::Desk;

/// Reports made while nothing gets through, one a second.
const CUT: u64 = 60;

/// A namespace with one link to this machine. It goes with this.
struct Network {
    namespace: String,
    link: String,
    here: Ipv4Addr,
}

impl Network {
    fn new() -> Option<Self> {
        const UNTESTED: &str = "a device whose network is cut for a minute";
        static MADE: AtomicU8 = AtomicU8::new(0);
        if program("ip").is_none() || !own_networks(UNTESTED) {
            return None;
        }
        // 198.18.0.0/15 is for tests of networks (RFC 2544); four addresses for each.
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let own = MADE.fetch_add(1, Ordering::Relaxed);
        let four = |end| Ipv4Addr::new(198, 18 + (own & 1), high, (low << 2) | end);
        let (here, there) = (four(1), four(2));
        let network = Self {
            namespace: format!("bailiwick-{high:02x}{low:02x}{own}"),
            link: format!("bw{high:02x}{low:02x}{own}"),
            here,
        };
        let (name, link) = (network.namespace.as_str(), network.link.as_str());
        for line in [
            format!("netns add {name}"),
            format!("link add {link} type veth peer name up0 netns {name}"),
            format!("address add {here}/30 dev {link}"),
            format!("link set {link} up"),
            format!("-n {name} address add {there}/30 dev up0"),
            format!("-n {name} link set up0 up"),
            format!("-n {name} link set lo up"),
        ] {
            assert!(ip(&line), "ip {line}");
        }
        Some(network)
    }

    /// From now on no packet passes in either direction, or each does again.
    fn set(&self, state: &str) {
        assert!(ip(&format!("link set {} {state}", self.link)));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // The link goes with the namespace that has its other end.
        ip(&format!("netns delete {}", self.namespace));
    }
}

fn ip(line: &str) -> bool {
    let status = Command::new("ip").args(line.split(' ')).status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn nothing_is_lost_over_mqtt_while_the_network_is_cut_for_a_minute() {
    nothing_is_lost(Desk::settings_over_mqtt);
}

#[test]
fn nothing_is_lost_over_https_while_the_network_is_cut_for_a_minute() {
    nothing_is_lost(Desk::settings);
}

fn nothing_is_lost(settings: impl Fn(&Desk) -> String) {
    let Some(network) = Network::new() else {
        return;
    };
    let mut desk = Desk::at(network.here);
    let _console = desk.console();
    desk.publish("pressure", "0.2.0");
    desk.policy("pressure", |line| match line.split_once(" = ") {
        Some(("every", _)) => "every = \"1 s\"".to_owned(),
        Some(("jitter", _)) => "jitter = \"0 s\"".to_owned(),
        _ => line.to_owned(),
    });
    desk.assign("pressure", "0.2.0");
    fs::write(desk.path("device.toml"), settings(&desk)).expect("the folder is ours");
    let mut agent = desk.agent_within(&network.namespace);
    agent.event("delivered");

    network.set("down");
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
    assert!(reason.contains(&network.here.to_string()), "{reason}");
    let waiting = desk.ask(&["status"])["outbox"]["reports"].as_u64();
    assert!(waiting >= Some(CUT), "{waiting:?} wait");

    network.set("up");
    let end = agent.event("reported")["counter"]
        .as_u64()
        .expect("a number");
    let ends = format!("-{end}");
    agent.until("what was made last", |line| {
        line["event"] == "delivered" && line["key"].as_str().is_some_and(|key| key.ends_with(&ends))
    });
    let mut stored: Vec<_> = desk
        .reports(&["--plugin", "pressure"])
        .iter()
        .filter_map(|report| report["counter"].as_u64())
        .filter(|counter| *counter <= end)
        .collect();
    stored.sort_unstable();
    assert_eq!(stored, Vec::from_iter(0..=end), "each is there once");
}
