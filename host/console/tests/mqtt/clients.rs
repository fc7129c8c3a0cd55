//! Mosquitto's clients at the console's broker.

use std::{
    path::Path,
    process::{Command, Output},
};

use crate::{
    LIMIT,
    desk::{DEVICE, Desk, Place},
    flow,
    process::free_port,
};

/// What a client is told about the connection. It ends by itself within half a minute.
fn client(program: &Path, desk: &Desk, port: u16, id: &str, rest: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.arg("30").arg(program);
    command.args(["-V", "mqttv311", "-h", "127.0.0.1", "-p", &port.to_string()]);
    command.args(["-i", id, "-q", "1", "--cafile"]);
    command.arg(desk.tls("ca.pem")).args(rest).output().unwrap()
}

#[tokio::test]
async fn other_clients_publish_and_subscribe_within_their_rights() {
    let (Some(publisher), Some(subscriber)) = (
        bailiwick_needs::program("mosquitto_pub"),
        bailiwick_needs::program("mosquitto_sub"),
    ) else {
        return;
    };
    let work = tokio::task::spawn_blocking(move || {
        let desk = Desk::new();
        let port = free_port();
        let _console = desk.serve(&Place::Broker(port));
        let id = DEVICE.to_string();
        let publish = |id: &str, topic: &str| {
            let body = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(body.path(), flow::report(DEVICE, "inventory")).unwrap();
            let file = body.path().to_str().unwrap();
            client(&publisher, &desk, port, id, &["-t", topic, "-f", file])
        };
        let own = format!("bailiwick/1/{id}/reports/inventory/k");
        let sent = publish(&id, &own);
        assert!(sent.status.success(), "{sent:?}");
        assert_eq!(desk.keys().into_keys().collect::<Vec<_>>(), ["k"]);

        let other = format!("bailiwick/1/{}/reports/inventory/l", "0".repeat(32));
        assert!(!publish(&id, &other).status.success());
        let stranger = publish("somebody", &own);
        assert!(!stranger.status.success(), "{stranger:?}");
        assert_eq!(desk.keys().len(), 1);

        let subscribe = |topic: &str| {
            let rest = ["-t", topic, "-C", "1", "-W", "20"];
            client(&subscriber, &desk, port, &id, &rest)
        };
        // The hint is retained: the number of the timestamp that `repo init` wrote.
        let hint = subscribe("bailiwick/1/all/hints/updates");
        assert_eq!(String::from_utf8(hint.stdout).unwrap(), "1\n");
        let all = subscribe("#");
        let denied = String::from_utf8(all.stderr).unwrap();
        assert_eq!(denied, "All subscription requests were denied.\n");
        assert!(all.stdout.is_empty());
    });
    tokio::time::timeout(LIMIT, work).await.unwrap().unwrap();
}
