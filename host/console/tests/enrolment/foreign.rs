//! An unmodified Mosquitto that takes a device for who its certificate says.

use std::{fs, process::Command, time::Duration};

use bailiwick_core::ids::DeviceId;
use bailiwick_transport::Receipt;

use crate::{
    bounded,
    desk::{Desk, report},
    down,
    process::{Process, free_port},
};

/// The settings that the console comes with, at these ports, with the desk's files.
fn settings(desk: &Desk, devices: u16, console: u16) -> String {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/mosquitto.conf");
    let text = fs::read_to_string(shipped).unwrap();
    let at = |name: &str| desk.path(name).display().to_string();
    let text = text
        .replace("listener 8883", &format!("listener {devices} 127.0.0.1"))
        .replace(
            "listener 8884 127.0.0.1",
            &format!("listener {console} 127.0.0.1"),
        )
        .replace("/etc/mosquitto/bailiwick/ca.pem", &at("tls/ca.pem"))
        .replace("/etc/mosquitto/bailiwick/server.pem", &at("tls/server.pem"))
        .replace(
            "/etc/mosquitto/bailiwick/server-key.pem",
            &at("tls/server-key.pem"),
        )
        .replace(
            "/etc/mosquitto/bailiwick/mosquitto.acl",
            &at("mosquitto.acl"),
        )
        .replace("/etc/mosquitto/bailiwick/passwords", &at("passwords"));
    // It would become the user `mosquitto`, who can't read what a test made.
    format!("user root\nlog_dest none\n{text}")
}

#[tokio::test]
async fn a_mosquitto_takes_a_device_for_who_its_certificate_says() {
    let (Some(program), Some(passwd)) = (
        bailiwick_needs::program("mosquitto"),
        bailiwick_needs::program("mosquitto_passwd"),
    ) else {
        return;
    };
    bounded(async {
        let desk = Desk::new();
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/mosquitto.acl");
        fs::copy(rules, desk.path("mosquitto.acl")).unwrap();
        fs::write(desk.path("passwords"), "").unwrap();
        let mut user = Command::new(passwd);
        user.arg("-b").arg(desk.path("passwords"));
        assert!(
            user.args(["console", "c"])
                .output()
                .unwrap()
                .status
                .success()
        );
        fs::write(desk.path("login"), "console\nc\n").unwrap();
        let (devices, console) = (free_port(), free_port());
        fs::write(
            desk.path("mosquitto.conf"),
            settings(&desk, devices, console),
        )
        .unwrap();
        let mut command = Command::new(program);
        let _mosquitto = Process::start(command.arg("-c").arg(desk.path("mosquitto.conf")));
        let text = |name: &str| desk.path(name).display().to_string();
        let (ca, login) = (text("tls/ca.pem"), text("login"));
        let broker = format!("mqtts://127.0.0.1:{console}");
        let served = desk.serve(&[
            "--broker",
            &broker,
            "--broker-ca",
            &ca,
            "--broker-login",
            &login,
        ]);
        let (own, other) = (desk.enrol(&served, 1).await, desk.enrol(&served, 2).await);
        let address = format!("mqtts://127.0.0.1:{devices}");
        let device = desk.mqtt(&address, Some(&own), own.id);
        let sent = device.report(
            "inventory".parse().unwrap(),
            "own",
            report(own.id, "inventory"),
        );
        assert_eq!(sent.await, Ok(Receipt::Stored));
        // With this certificate it is nobody else, whatever it calls itself.
        let as_other = desk.mqtt(&address, Some(&own), other.id);
        let sent = as_other.report("stolen".parse().unwrap(), "s", report(other.id, "stolen"));
        let receipt = tokio::time::timeout(Duration::from_secs(3), sent).await;
        assert!(receipt.is_err(), "{receipt:?}");
        let nobody = desk.mqtt(&address, None, DeviceId::from_bytes([3; 16]));
        let reason = down(&nobody).await;
        assert!(
            reason.contains("asks for a certificate") || reason.contains("cut"),
            "{reason}"
        );
        assert_eq!(desk.keys(), ["own"]);

        // Mosquitto knows nothing of it, and the console leaves out what comes.
        desk.device("revoke", &[&own.id.to_string()]);
        let sent = device.report("late".parse().unwrap(), "late", report(own.id, "late"));
        let receipt = tokio::time::timeout(Duration::from_secs(3), sent).await;
        assert!(receipt.is_err(), "{receipt:?}");
        assert_eq!(desk.keys(), ["own"]);
        drop(served.process);
    })
    .await;
}
