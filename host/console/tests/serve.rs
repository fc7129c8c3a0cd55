//! `serve` as a program: what it signs by itself, which keys it refuses, how it ends, and
//! that clients who say nothing keep nobody waiting.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bailiwick_core::time::Timestamp;
use bailiwick_report::{
    rows::Snapshot,
    schema::{Collection, Field, Kind, Privacy, Schema},
    sender::Sender,
    wire::Origin,
};
use bailiwick_repository::{Init, Repository};
use bailiwick_transport::{Address, Https, ProxySettings, Receipt, Reports, Trust};

const CONSOLE: &str = env!("CARGO_BIN_EXE_bailiwick-console");

/// A repository that was made so many days ago, of which a server has its part alone.
fn served(folder: &Path, days: u64) -> Repository {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let made = now - Duration::from_secs(days * 24 * 3_600);
    let init = Init {
        vendors: vec!["acme".parse().unwrap()],
        server_names: Vec::new(),
        now: Timestamp::from_ms(u64::try_from(made.as_millis()).unwrap()),
    };
    Repository::init(folder, &init).unwrap();
    let repository = Repository::open(folder).unwrap();
    fs::rename(repository.keys(), folder.with_extension("offline")).unwrap();
    repository
}

struct Console {
    child: Child,
    log: BufReader<ChildStderr>,
    address: Address,
}

impl Console {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(CONSOLE)
            .args(["serve", "--json", "--devices", "open"])
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut warning = String::new();
        log.read_line(&mut warning).unwrap();
        assert!(warning.contains("WARNING: --devices open"), "{warning}");
        Self {
            address: json["console"].as_str().unwrap().parse().unwrap(),
            log,
            child,
        }
    }

    /// SIGTERM; how it ended.
    fn stop(mut self) -> bool {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap().success()
    }

    fn reports(&self, folder: &Path) -> Reports {
        let trust = Trust::os().and_file(folder.join("tls/ca.pem"));
        let https = Https::new(&trust, &ProxySettings::direct()).unwrap();
        Reports::new(&https, &self.address)
    }
}

fn timestamp(repository: &Repository) -> u64 {
    let status = repository.status().unwrap();
    let timestamp = status.roles.iter().find(|role| role.name == "timestamp");
    timestamp.unwrap().version
}

#[test]
fn it_signs_what_is_due_with_the_online_keys_alone_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("desk");
    let repository = served(&folder, 3);
    assert_eq!(timestamp(&repository), 1);
    let mut console = Console::start(&folder);
    let mut line = String::new();
    console.log.read_line(&mut line).unwrap();
    assert!(
        line.contains("signed timestamp 2, which holds until"),
        "{line}"
    );
    assert_eq!(timestamp(&repository), 2);
    assert!(console.stop());
    // What is fresh stays as it is.
    assert!(Console::start(&folder).stop());
    assert_eq!(timestamp(&repository), 2);
}

#[test]
fn it_does_not_start_where_a_key_lies_that_belongs_offline() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("desk");
    let repository = served(&folder, 0);
    let offline = folder.with_extension("offline");
    let root = fs::read_dir(offline)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let root = root
        .into_iter()
        .find(|path| path.to_string_lossy().ends_with(".json"))
        .unwrap();
    for place in [repository.online_keys(), repository.public()] {
        let copy = place.join("forgotten.json");
        fs::copy(&root, &copy).unwrap();
        let output = Command::new(CONSOLE)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(&folder)
            .output()
            .unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(
            complaint.contains("move it to a machine that is not connected"),
            "{complaint}"
        );
        fs::remove_file(copy).unwrap();
    }
    assert!(Console::start(&folder).stop());
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

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_after_what_it_accepted_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("desk");
    served(&folder, 0);
    let console = Console::start(&folder);
    let reports = console.reports(&folder);
    let mut posts = tokio::task::JoinSet::new();
    for device in 0..60 {
        let reports = reports.clone();
        posts.spawn(async move {
            let key = format!("key-{device}");
            let sent = reports.send(&key, full(device)).await;
            (sent == Ok(Receipt::Stored)).then_some(key)
        });
    }
    let mut acknowledged = BTreeSet::new();
    let mut console = Some(console);
    while let Some(post) = posts.join_next().await {
        acknowledged.extend(post.unwrap());
        if acknowledged.len() == 5
            && let Some(console) = console.take()
        {
            assert!(
                tokio::task::spawn_blocking(|| console.stop())
                    .await
                    .unwrap()
            );
        }
    }
    let output = Command::new(CONSOLE)
        .args(["reports", "--json", "--last", "1000", "--data"])
        .arg(&folder)
        .output()
        .unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let key = |line: &str| {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        json["key"].as_str().unwrap().to_owned()
    };
    let stored: BTreeSet<String> = listed.lines().map(key).collect();
    assert!(acknowledged.len() >= 5);
    assert!(
        acknowledged.is_subset(&stored),
        "{acknowledged:?} {stored:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_say_nothing_keep_nobody_waiting_and_are_sent_away() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("desk");
    served(&folder, 0);
    let console = Console::start(&folder);
    let address = console.address.to_string();
    let address = address
        .trim_start_matches("https://")
        .trim_end_matches('/')
        .to_owned();
    let mut silent: Vec<TcpStream> = (0..200)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    // Not TLS, and more of it than any handshake.
    let mut loud = TcpStream::connect(&address).unwrap();
    loud.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let sent = console.reports(&folder).send("key-1", full(1)).await;
    assert_eq!(sent, Ok(Receipt::Stored));
    let ended = tokio::task::spawn_blocking(move || {
        let mut rest = Vec::new();
        // The console ends it: at once what is no TLS, and after its patience what is nothing.
        loud.read_to_end(&mut rest).ok();
        silent.iter_mut().all(|stream| {
            stream
                .set_read_timeout(Some(Duration::from_secs(60)))
                .unwrap();
            stream.read(&mut [0]).is_ok_and(|read| read == 0)
        })
    });
    assert!(ended.await.unwrap());
    assert!(console.stop());
}
