//! A device between servers that are not ours: nginx has the updates, Mosquitto carries the
//! messages. Their settings are the ones that `host/console/FLEET.md` hands out.

#![cfg(unix)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use bailiwick_needs::program;
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

/// nginx with the committed settings, in which only names of this machine are replaced.
fn serving(program: &Path, desk: &Desk, port: u16) -> Program {
    let mut own = committed("nginx.conf");
    let tls = desk.path("repository/tls");
    for (theirs, ours) in [
        ("listen 443 ssl", format!("listen 127.0.0.1:{port} ssl")),
        ("/etc/bailiwick/tls", tls.display().to_string()),
        (
            "/srv/bailiwick/public",
            desk.path("repository/public").display().to_string(),
        ),
    ] {
        assert!(own.contains(theirs), "nginx.conf has no `{theirs}`");
        own = own.replace(theirs, &ours);
    }
    nginx(program, desk, &format!("access_log off;\n{own}"))
}

fn committed(name: &str) -> String {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../host/console")
        .join(name);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
