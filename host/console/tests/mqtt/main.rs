//! Reports over MQTT with real programs: the console as a broker, and as a client of an
//! unmodified Mosquitto, straight and through squid. Whatever is killed in the middle, each
//! report is in the console's database exactly once.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod clients;
mod desk;
mod flow;
mod mosquitto;
mod orders;
mod process;
mod squid;

use std::time::Duration;

use bailiwick_transport::{
    ProxySettings, Receipt, SendError,
    mqtt::{Ack, Link, wire::LONGEST_PAYLOAD},
};

use desk::{DEVICE, Desk, Place};
use mosquitto::Mosquitto;
use squid::Squid;

/// Longest time of a test, on a machine that does other things too.
const LIMIT: Duration = Duration::from_secs(300);

/// Times that something is killed, and reports that flow meanwhile.
const KILLS: usize = 5;
const REPORTS: usize = 300;

/// Ends a test that takes too long.
async fn bounded(test: impl Future<Output = ()>) {
    tokio::time::timeout(LIMIT, test)
        .await
        .expect("the test takes too long");
}

#[tokio::test]
async fn a_console_that_is_killed_as_a_broker_loses_nothing() {
    bounded(async {
        let desk = Desk::new();
        let port = process::free_port();
        let mut console = Some(desk.serve(&Place::Broker(port)));
        let device = desk.device(
            &format!("mqtts://127.0.0.1:{port}"),
            &ProxySettings::direct(),
        );
        flow::send(&device, REPORTS, KILLS, || {
            // Ended before the next one takes the port.
            drop(console.take());
            console = Some(desk.serve(&Place::Broker(port)));
        })
        .await;
        desk.has_each_once(REPORTS);
    })
    .await;
}

#[tokio::test]
async fn a_broker_on_a_websocket_that_is_killed_loses_nothing() {
    bounded(async {
        let desk = Desk::new();
        let port = process::free_port();
        let mut console = Some(desk.serve(&Place::WebSocket(port)));
        let address = format!("wss://127.0.0.1:{port}/mqtt");
        let device = desk.device(&address, &ProxySettings::direct());
        flow::send(&device, REPORTS, KILLS, || {
            drop(console.take());
            console = Some(desk.serve(&Place::WebSocket(port)));
        })
        .await;
        desk.has_each_once(REPORTS);
    })
    .await;
}

#[tokio::test]
async fn the_consoles_own_acknowledgement_is_enough_and_what_it_says_besides_is_heard() {
    bounded(async {
        let desk = Desk::new();
        let port = process::free_port();
        let _console = desk.serve(&Place::Broker(port));
        let address = format!("mqtts://127.0.0.1:{port}");
        let device = desk.device_with(&address, &ProxySettings::direct(), Ack::Broker);
        let plugin = || "inventory".parse().unwrap();
        let difference = flow::difference(DEVICE, "inventory");
        let answer = device.report(plugin(), "k1", difference).await;
        assert_eq!(answer, Ok(Receipt::NeedFull));
        let full = flow::report(DEVICE, "inventory");
        assert_eq!(
            device.report(plugin(), "k2", full).await,
            Ok(Receipt::Stored)
        );
        let nonsense = device.report(plugin(), "k3", b"nonsense".to_vec()).await;
        assert!(
            matches!(nonsense, Err(SendError::Refused { .. })),
            "{nonsense:?}"
        );
        let long = device
            .report(plugin(), "k4", vec![0; LONGEST_PAYLOAD + 1])
            .await;
        assert!(matches!(long, Err(SendError::Refused { .. })), "{long:?}");
        desk.has_each_once(2);
    })
    .await;
}

#[tokio::test]
async fn a_mosquitto_that_is_killed_loses_nothing_for_good() {
    let Some(program) = bailiwick_needs::program("mosquitto") else {
        return;
    };
    bounded(async {
        let desk = Desk::new();
        let mosquitto = Mosquitto::new(program, &desk);
        let mut broker = Some(mosquitto.start());
        let address = format!("mqtts://127.0.0.1:{}", mosquitto.port);
        let _console = desk.serve(&Place::Client(address.clone()));
        let device = desk.device(&address, &ProxySettings::direct());
        flow::send(&device, REPORTS, KILLS, || {
            drop(broker.take());
            broker = Some(mosquitto.start());
        })
        .await;
        desk.has_each_once(REPORTS);
    })
    .await;
}

#[tokio::test]
async fn the_rules_for_a_mosquitto_give_each_device_its_own_alone() {
    let (Some(program), Some(passwd)) = (
        bailiwick_needs::program("mosquitto"),
        bailiwick_needs::program("mosquitto_passwd"),
    ) else {
        return;
    };
    bounded(async {
        let desk = Desk::new();
        let id = DEVICE.to_string();
        let other = "0".repeat(32);
        let users = [("console", "c"), (id.as_str(), "d"), (other.as_str(), "o")];
        let mosquitto = Mosquitto::new(program, &desk).guarded(&passwd, &users);
        let address = format!("mqtts://127.0.0.1:{}", mosquitto.port);
        let _broker = mosquitto.start();
        let login = desk.login("console", "c");
        let _console = desk.serve(&Place::ClientAs(address.clone(), login));
        let report = || flow::report(DEVICE, "inventory");
        let device = desk.device_as(&address, &id, "d");
        let sent = device.report("inventory".parse().unwrap(), "k", report());
        assert_eq!(sent.await, Ok(Receipt::Stored));
        drop(device);
        // Another device does not speak for this one: Mosquitto acknowledges that, and
        // leaves it out.
        let thief = desk.device_as(&address, &other, "o");
        let sent = thief.report(
            "stolen".parse().unwrap(),
            "s",
            flow::report(DEVICE, "stolen"),
        );
        let receipt = tokio::time::timeout(Duration::from_secs(3), sent).await;
        assert!(receipt.is_err(), "{receipt:?}");
        drop(thief);
        let stranger = desk.device_as(&address, &id, "wrong");
        let mut link = stranger.link();
        let down = link.wait_for(|link| matches!(link, Link::Down(_))).await;
        let Link::Down(reason) = down.unwrap().clone() else {
            panic!("it is connected");
        };
        assert!(reason.contains("does not let this client in"), "{reason}");
        desk.has_each_once(1);
    })
    .await;
}

#[tokio::test]
async fn through_squid_nothing_is_lost_either() {
    let (Some(program), Some(proxy)) = (
        bailiwick_needs::program("mosquitto"),
        bailiwick_needs::program("squid"),
    ) else {
        return;
    };
    bounded(async {
        let desk = Desk::new();
        let mosquitto = Mosquitto::new(program, &desk);
        let squid = Squid::start(&proxy);
        let mut broker = Some(mosquitto.start());
        let _console = desk.serve(&Place::Client(format!(
            "mqtts://127.0.0.1:{}",
            mosquitto.port
        )));
        let address = format!("mqtts://{}:{}", squid::SERVER, mosquitto.port);
        let device = desk.device(&address, &squid.with("user:secret"));
        flow::send(&device, REPORTS, KILLS, || {
            drop(broker.take());
            broker = Some(mosquitto.start());
        })
        .await;
        desk.has_each_once(REPORTS);
        let proxy = format!(
            "the proxy 127.0.0.1:{}: opened a way to {address}",
            squid.port
        );
        let Link::Up(way) = device.link().borrow().clone() else {
            panic!("it is not connected");
        };
        assert!(way.starts_with(&proxy.replace("mqtts://", "")), "{way}");

        let stranger = desk.device(&address, &squid.with("user:wrong"));
        let mut link = stranger.link();
        let down = link
            .wait_for(|link| *link != Link::Connecting)
            .await
            .unwrap();
        let Link::Down(reason) = &*down else {
            panic!("it is connected");
        };
        assert!(
            reason.contains("answered 407: it does not accept the credentials"),
            "{reason}"
        );
    })
    .await;
}
