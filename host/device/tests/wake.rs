//! Magic packets on a real link, as the other end sees them.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::Ipv4Addr,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
};

use bailiwick_core::{
    digest::Sha256,
    ids::PluginName,
    policy::{Mac, WakeAllowed},
    ports::{Wake as _, WakeCarrier, WakeError},
};
use bailiwick_device::{DeviceWake, Privileged, SystemClock};
use bailiwick_needs::Network;

const MAC: Mac = [0x52, 0x54, 0, 1, 2, 3];

/// Prints whole frames that are magic packets by type or by port, in hexadecimal.
const READER: &str = r#"
import socket, sys
reader = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
reader.bind(("up0", 0))
reader.settimeout(60)
print("ready", flush=True)
while True:
    frame = reader.recv(2048)
    udp = frame[12:14] == b"\x08\x00" and frame[23] == 17
    port = int.from_bytes(frame[36:38], "big") if udp else 0
    if frame[12:14] == b"\x08\x42" or port in (7, 9):
        print(frame.hex(), flush=True)
"#;

/// The other end of the link.
struct Reader {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Reader {
    fn new(network: &Network) -> Self {
        let mut process = Command::new("ip")
            .args([
                "netns",
                "exec",
                network.namespace(),
                "python3",
                "-c",
                READER,
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        let mut reader = Self { process, lines };
        assert_eq!(reader.next(), "ready");
        reader
    }

    fn next(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It may have ended by its own time limit.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn packet(password: &[u8]) -> Vec<u8> {
    [&[0xff; 6][..], &MAC.repeat(16), password].concat()
}

/// One that has its privileged process send what a policy grants whose digest is the second value:
/// packets for this test's neighbour on `link`, four in a minute.
fn through(link: &str, signed: &Path) -> (DeviceWake, Sha256) {
    let policy = format!(
        "{}[[grant]]\ncapability = \"wake\"\neffect = \"allow\"\nmacs = [\"52:54:00:01:02:03\"]\n\
         links = [\"{link}\"]\nper-minute = 4\nreason = \"A test.\"\napproved-by = \"tests\"\n\
         risk = \"low\"\n",
        include_str!("../../core/fixtures/policy.toml")
    );
    let digest = Sha256::of(policy.as_bytes());
    fs::write(signed.join(digest.to_string()), policy).unwrap();
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples/keeper");
    let trust = [signed.as_os_str()];
    let privileged = Privileged::start(&program, Path::new("/nowhere"), &trust).unwrap();
    let clock = Arc::new(SystemClock::new());
    (DeviceWake::through(clock, Arc::new(privileged)), digest)
}

#[tokio::test]
async fn each_carrier_arrives_as_it_should_and_the_rate_holds() {
    let untested = "that magic packets arrive";
    if bailiwick_needs::program("python3").is_none() {
        return;
    }
    let Some(network) = Network::new(untested) else {
        return;
    };
    let own = DeviceWake::new(Arc::new(SystemClock::new()));
    each_carrier(&network, &own, None).await;
    let signed = tempfile::tempdir().unwrap();
    let (wake, policy) = through(network.link(), signed.path());
    each_carrier(&network, &wake, Some(policy)).await;
}

async fn each_carrier(network: &Network, wake: &DeviceWake, policy: Option<Sha256>) {
    let mut reader = Reader::new(network);
    let plugin: PluginName = "wake-on-lan".parse().unwrap();
    let allowed = WakeAllowed {
        mac: MAC,
        link_is_named: true,
        per_minute: 4,
    };
    // The last of four addresses.
    let last = Ipv4Addr::from(u32::from(network.here()) | 3);
    let mut sent = 0;
    for (by, password, to) in [
        (WakeCarrier::Ethernet, &[][..], None),
        (
            WakeCarrier::Limited { port: 9 },
            &[1, 2, 3, 4, 5, 6][..],
            Some((Ipv4Addr::BROADCAST, 9)),
        ),
        (
            WakeCarrier::Directed {
                address: last,
                port: 7,
            },
            &[1, 2, 3, 4][..],
            Some((last, 7)),
        ),
        (
            WakeCarrier::Directed {
                address: last,
                port: 9,
            },
            &[][..],
            Some((last, 9)),
        ),
    ] {
        let payload = packet(password);
        let link = network.link();
        wake.send(&plugin, policy, allowed, link, by, &payload)
            .await
            .unwrap();
        sent += 1;
        let frame = reader.next();
        assert!(frame.starts_with("ffffffffffff"), "to everybody: {frame}");
        assert!(frame.ends_with(&hex(&payload)), "{by:?}: {frame}");
        match to {
            None => {
                assert_eq!(frame[24..28], *"0842");
                assert_eq!(frame.len(), 2 * (14 + 102));
            }
            Some((address, port)) => {
                let address: [u8; 4] = address.octets();
                assert_eq!(frame[60..68], hex(&address));
                assert_eq!(frame[72..76], format!("{port:04x}"));
                assert_eq!(frame[52..60], hex(&network.here().octets()));
            }
        }
    }
    assert_eq!(sent, 4);
    let by = WakeCarrier::Ethernet;
    let fifth = wake
        .send(&plugin, policy, allowed, network.link(), by, &packet(&[]))
        .await;
    assert!(matches!(fifth, Err(WakeError::TooOften(_))), "{fifth:?}");
}

#[tokio::test]
async fn only_what_a_signed_policy_grants_is_sent_by_the_privileged_process() {
    let Some(network) = Network::new("that the privileged process judges packets") else {
        return;
    };
    let signed = tempfile::tempdir().unwrap();
    let (wake, policy) = through(network.link(), signed.path());
    let plugin: PluginName = "wake-on-lan".parse().unwrap();
    // As whoever broke out says: it is not asked.
    let allowed = WakeAllowed {
        mac: MAC,
        link_is_named: true,
        per_minute: u16::MAX,
    };
    let other = [&[0xff; 6][..], &[0x52, 0x54, 0, 1, 2, 4].repeat(16)].concat();
    let longer = [packet(&[]), vec![0; 2]].concat();
    let unsigned = Sha256::of(b"what nobody signed");
    for (policy, payload, expected) in [
        (Some(policy), &other, "not granted"),
        (Some(policy), &longer, "no magic packet"),
        (Some(unsigned), &packet(&[]), "nobody signed it"),
        (None, &packet(&[]), "no signed policy"),
    ] {
        let by = WakeCarrier::Ethernet;
        let sent = wake.send(&plugin, policy, allowed, network.link(), by, payload);
        let refused = sent.await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
}

#[tokio::test]
async fn a_virtual_link_carries_nothing_unless_it_is_named() {
    let Some(network) = Network::new("that virtual links are left alone") else {
        return;
    };
    let wake = DeviceWake::new(Arc::new(SystemClock::new()));
    let plugin: PluginName = "wake-on-lan".parse().unwrap();
    let allowed = WakeAllowed {
        mac: MAC,
        link_is_named: false,
        per_minute: 60,
    };
    let payload = packet(&[]);
    let send = |link: &'static str| {
        wake.send(
            &plugin,
            None,
            allowed,
            link,
            WakeCarrier::Ethernet,
            &payload,
        )
    };
    let own = network.link().to_owned();
    let refused = wake
        .send(
            &plugin,
            None,
            allowed,
            &own,
            WakeCarrier::Ethernet,
            &payload,
        )
        .await;
    assert_eq!(refused, Err(WakeError::Virtual));
    for link in ["lo", "no-such-link"] {
        assert!(
            matches!(send(link).await, Err(WakeError::Link(_))),
            "{link}"
        );
    }
}
