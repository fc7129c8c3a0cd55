//! A device between servers that are not ours: nginx has the updates, Mosquitto carries the
//! messages. Their settings are the ones that `host/console/FLEET.md` hands out.

#![cfg(unix)]

use std::{fs, path::Path};

use bailiwick_needs::{nginx_of_fleet, program};
use bailiwick_scenarios::{Desk, Program, free_port, nginx};

#[test]
fn a_device_lives_between_servers_of_a_fleet() {
    let (Some(nginx), Some(mosquitto)) = (program("nginx"), program("mosquitto")) else {
        return;
    };
    let mut desk = Desk::new();
    let updates = free_port();
    let _nginx = serving(&nginx, &desk, updates);
    let (_mosquitto, broker) = desk.mosquitto(&mosquitto);
    let _console = desk.console_at(&format!("mqtts://127.0.0.1:{broker}"));
    desk.report_each_second();

    let settings = desk.settings();
    let lines = settings.lines().map(|line| match line.split_once(" = ") {
        Some(("report-url", _)) => format!("mqtt-url = \"mqtts://127.0.0.1:{broker}\"\n"),
        Some(("update-url", _)) => {
            format!("update-url = \"https://127.0.0.1:{updates}/updates/\"\n")
        }
        _ => format!("{line}\n"),
    });
    fs::write(desk.path("device.toml"), lines.collect::<String>()).expect("the folder is ours");
    let mut agent = desk.agent();
    let key = agent.event("delivered")["key"].clone();
    let stored = desk.reports(&["--plugin", "pressure"]);
    assert!(
        stored.iter().any(|report| report["key"] == key),
        "{stored:?}"
    );

    // The hint crosses the foreign broker; the new version comes from nginx.
    desk.publish("pressure", "0.2.1");
    desk.assign("pressure", "0.2.1");
    agent.until("the version that was assigned", |line| {
        line["event"] == "swapped" && line["to"] == "0.2.1"
    });
}

/// nginx with the committed settings.
fn serving(program: &Path, desk: &Desk, port: u16) -> Program {
    let (tls, public) = (desk.path("repository/tls"), desk.path("repository/public"));
    let own = nginx_of_fleet(port, &tls, &public).unwrap_or_else(|error| panic!("{error}"));
    nginx(program, desk, &format!("access_log off;\n{own}"))
}
