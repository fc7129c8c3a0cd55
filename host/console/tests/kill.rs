//! The program is killed in the middle of its work: what it acknowledged is there.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use bailiwick_report::{
    rows::Snapshot,
    schema::{Collection, Field, Kind, Privacy, Schema},
    sender::Sender,
    wire::Origin,
};
use bailiwick_transport::{Address, Https, ProxySettings, Receipt, Reports, Trust};

const CONSOLE: &str = env!("CARGO_BIN_EXE_bailiwick-console");

fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(CONSOLE)
        .args(arguments)
        .arg(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn serve(folder: &Path) -> (Child, Address) {
    let mut child = Command::new(CONSOLE)
        .args(["serve", "--json", "--devices", "open"])
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let output = child.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    (child, json["console"].as_str().unwrap().parse().unwrap())
}

fn full(device: u8) -> Vec<u8> {
    let field = Field::new("name", Kind::Text, "", 0, Privacy::None).unwrap();
    let schema = Schema::new(vec![Collection::new("disks", 1, vec![field]).unwrap()]).unwrap();
    let origin = Origin::new([device; 16], "inventory", "0.1.0").unwrap();
    let snapshot = Snapshot::empty(Arc::new(schema));
    Sender::new(u64::from(device))
        .next(&origin, 10, snapshot)
        .bytes
}

#[tokio::test]
async fn whatever_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["repo", "init", "--repo"]);
    let (mut child, address) = serve(folder.path());
    let trust = Trust::os().and_file(folder.path().join("tls/ca.pem"));
    let https = Https::new(&trust, &ProxySettings::direct()).unwrap();
    let reports = Reports::new(&https, &address);

    let mut posts = tokio::task::JoinSet::new();
    for device in 0..60 {
        let reports = reports.clone();
        posts.spawn(async move {
            let key = format!("key-{device}");
            let sent = reports.send(&key, full(device)).await;
            (key, sent)
        });
    }
    let mut acknowledged = BTreeSet::new();
    while let Some(post) = posts.join_next().await {
        let (key, sent) = post.unwrap();
        if sent == Ok(Receipt::Stored) {
            acknowledged.insert(key);
        }
        // The others are on their way: in a connection, in the queue, in a transaction.
        if acknowledged.len() == 10 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= 10);

    let list = ["reports", "--json", "--last", "1000", "--data"];
    let keys = |listed: String| -> Vec<String> {
        let lines = listed.lines().map(|line| {
            let json: serde_json::Value = serde_json::from_str(line).unwrap();
            json["key"].as_str().unwrap().to_owned()
        });
        lines.collect()
    };
    let stored: BTreeSet<String> = keys(run(folder.path(), &list)).into_iter().collect();
    assert!(
        acknowledged.is_subset(&stored),
        "{acknowledged:?} {stored:?}"
    );

    // Sent again after the restart, each is there once.
    let (mut child, address) = serve(folder.path());
    let reports = Reports::new(&https, &address);
    for device in 0..60 {
        let sent = reports.send(&format!("key-{device}"), full(device)).await;
        assert_eq!(sent, Ok(Receipt::Stored));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(keys(run(folder.path(), &list)).len(), 60);
}
