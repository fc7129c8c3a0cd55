//! The agent and real logins: what it tells, what it shows to whom, and what it still knows
//! after it was killed.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "a test whose scene can't be set has failed"
)]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use bailiwick_device::TaskIterator;
use bailiwick_needs::{Login, own_uid};
use serde_json::Value;

const UNTESTED: &str = "that the agent tells of sessions, and shows users only their own";
/// Without logind.
const WITHIN: Duration = Duration::from_secs(2);
/// For everything else: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with the program, which other users may run, and an agent's data.
struct Place {
    folder: tempfile::TempDir,
}

/// A running agent and the events that it prints.
struct Agent {
    child: Child,
    events: Receiver<Value>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let place = Self { folder };
        fs::copy(env!("CARGO_BIN_EXE_bailiwick"), place.program()).unwrap();
        place
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("bailiwick")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// An agent without logind and without a repository, neither of which matters here.
    fn start(&self) -> Agent {
        let no_bus = format!("unix:path={}", self.folder.path().join("no-bus").display());
        let mut child = Command::new(self.program())
            .args(["run", "--json", "--set", "update-url=https://127.0.0.1:1/"])
            .args(["--set", &format!("root-sha256={}", "0".repeat(64))])
            .arg("--data")
            .arg(self.data())
            .env("DBUS_SYSTEM_BUS_ADDRESS", no_bus)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (told, events) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if told.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        Agent { child, events }
    }

    fn ask(&self, uid: Option<u32>, words: &[&str]) -> Output {
        let mut command = Command::new(self.program());
        command.args(words).arg("--data").arg(self.data());
        command.current_dir(Path::new("/"));
        if let Some(uid) = uid {
            command.uid(uid).gid(uid);
        }
        command.output().unwrap()
    }

    /// What `bailiwick sessions` shows to `uid`, of users that are `ours`.
    fn sessions(&self, uid: Option<u32>, ours: &[u32]) -> Vec<Value> {
        let output = self.ask(uid, &["sessions", "--json"]);
        assert!(output.status.success(), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["source"], "kernel");
        let sessions = report["sessions"].as_array().unwrap().clone();
        if uid.is_some() {
            return sessions;
        }
        let is_ours = |session: &Value| ours.iter().any(|uid| session["uid"] == *uid);
        sessions.into_iter().filter(is_ours).collect()
    }
}

impl Agent {
    /// The next event of this name that `fits`, and how long it took.
    fn wait(&self, name: &str, fits: impl Fn(&Value) -> bool) -> (Value, Duration) {
        self.any(|event| event["event"] == name && fits(event))
    }

    fn any(&self, fits: impl Fn(&Value) -> bool) -> (Value, Duration) {
        let began = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            let event = self.events.recv_timeout(left).unwrap();
            if fits(&event) {
                return (event, began.elapsed());
            }
        }
    }

    /// The next event of each of these names, whichever comes first.
    fn both(&self, names: [&str; 2]) -> [Value; 2] {
        let (first, _) = self.any(|event| names.iter().any(|name| event["event"] == *name));
        let other = usize::from(first["event"] == names[0]);
        let (second, _) = self.wait(names[other], |_| true);
        match other {
            1 => [first, second],
            _ => [second, first],
        }
    }

    fn opened(&self, login: &Login) -> (Value, Duration) {
        let number = login.audit().unwrap().to_string();
        self.wait("session-opened", |event| {
            event["session"].as_str().unwrap().split('#').next() == Some(number.as_str())
        })
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have been killed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn sessions_are_told_shown_to_whom_they_concern_and_kept() {
    if !Login::is_possible(UNTESTED) {
        return;
    }
    let (alice, bob) = (own_uid(6), own_uid(7));
    let place = Place::new();
    let agent = place.start();
    let [started, source] = agent.both(["started", "session-source"]);
    let way = match TaskIterator::attach() {
        Ok(_) => "bpf",
        Err(_) => "proc",
    };
    assert_eq!(started["processes"]["source"], way, "{started}");
    assert_eq!(source["source"], "kernel");
    assert!(
        source["remark"].as_str().unwrap().contains("no-bus"),
        "{source}"
    );

    let first = Login::of(alice).unwrap();
    let (opened, took) = agent.opened(&first);
    assert!(took < WITHIN, "{took:?}");
    let second = Login::of(bob).unwrap();
    let (of_bob, took) = agent.opened(&second);
    assert!(took < WITHIN, "{took:?}");
    let third = Login::of(alice).unwrap();
    let (third_opened, _) = agent.opened(&third);
    // What leaves the device says that two are of one user, and not of whom.
    assert_eq!(opened["user"], third_opened["user"]);
    assert_ne!(opened["user"], of_bob["user"]);
    assert!(!opened.to_string().contains(&alice.to_string()), "{opened}");

    let ids = |sessions: &[Value]| -> Vec<Value> {
        sessions.iter().map(|one| one["id"].clone()).collect()
    };
    let all = place.sessions(None, &[alice, bob]);
    let (first_id, bob_id) = (&opened["session"], &of_bob["session"]);
    let third_id = &third_opened["session"];
    assert_eq!(ids(&all), [first_id, bob_id, third_id].map(Clone::clone));
    assert_eq!(all[0]["user"], opened["user"]);
    assert!(all[0]["processes"].as_u64() >= Some(1), "{all:?}");
    let bobs = ids(&place.sessions(Some(bob), &[]));
    assert_eq!(bobs, std::slice::from_ref(bob_id));
    assert_eq!(
        ids(&place.sessions(Some(own_uid(5)), &[])),
        [Value::Null; 0]
    );

    // Everything else is for root.
    for words in [
        &["status"][..],
        &["plugin", "list"],
        &["update", "refresh"],
        &["inventory"],
        &["log", "verify"],
    ] {
        let refused = place.ask(Some(bob), words);
        assert!(!refused.status.success(), "{words:?}");
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(text.contains("only root"), "{text}");
    }
    let status = place.ask(None, &["status"]);
    let text = String::from_utf8(status.stdout).unwrap();
    assert!(text.contains("open, told by kernel"), "{text}");
    // The processes of sessions were counted behind the lines, by what was attached before.
    let processes = format!("Processes: told by {way}");
    assert!(text.contains(&processes), "{text}");
    let words = place.ask(Some(bob), &["sessions"]);
    let text = String::from_utf8(words.stdout).unwrap();
    assert!(text.contains(bob_id.as_str().unwrap()), "{text}");

    // Of the log each reads what concerns them, and nobody what concerns others.
    let log = |uid: Option<u32>| -> Vec<Value> {
        let told = place.ask(uid, &["log", "show", "--kind", "session", "--json"]);
        assert!(told.status.success(), "{told:?}");
        let lines = String::from_utf8(told.stdout).unwrap();
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        lines
            .map(|line: Value| line["event"]["user"].clone())
            .collect()
    };
    assert!(log(None).contains(&opened["user"]));
    assert_eq!(log(Some(bob)), [of_bob["user"].clone()]);
    assert_eq!(log(Some(own_uid(5))), [Value::Null; 0]);
    let all = place.ask(Some(bob), &["log", "--json"]);
    assert!(
        !String::from_utf8(all.stdout)
            .unwrap()
            .contains("\"started\"")
    );

    // Killed, and one logs out meanwhile: the others are the same sessions as before.
    agent.kill();
    drop(second);
    let agent = place.start();
    let (closed, _) = agent.wait("session-closed", |event| event["session"] == *bob_id);
    assert_eq!(closed["user"], of_bob["user"]);
    let all = place.sessions(None, &[alice, bob]);
    assert_eq!(ids(&all), [first_id.clone(), third_id.clone()]);
    drop(first);
    let (_, took) = agent.wait("session-closed", |event| event["session"] == *first_id);
    assert!(took < WITHIN, "{took:?}");
}
