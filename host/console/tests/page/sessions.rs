//! What the scene's desk tells of its sessions, and of what was used in one of them.

use std::sync::Arc;

use bailiwick_core::{ids::DeviceId, time::Timestamp};
use bailiwick_report::{
    columnar::{Subject, Writer},
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
};
use bailiwick_transport::{EventLine, FileOrigin};
use serde_json::{Value as Json, json};

use super::scene::{DESK, Scene};

const MINUTE: u64 = 60_000;
/// The session of which files were sent from its begin on.
pub(crate) const BUSY: &str = "7#42";
/// Another, which began this many minutes ago.
pub(crate) const OTHER: &str = "11#43";
const OTHER_BEGAN: u64 = 38;
const ADA: &str = "u-5f3a09c1d2e4";

impl Scene {
    /// Two open sessions, one that was locked and left alone for a while, and past ones of
    /// some weeks.
    pub(crate) async fn sessions(&self) {
        let mut events = Vec::new();
        for number in 0..40_u64 {
            let id = format!("{}#{}", 3 + number % 5, number + 1);
            let opened = (40 - number) * 1_440 * MINUTE + 9 * 60 * MINUTE;
            let kind = match number % 3 {
                0 => json!("graphical"),
                1 => json!({ "remote": "ssh" }),
                _ => json!("console"),
            };
            events.push((opened, opening(&id, ADA, &kind, self.now() - opened)));
            let lasted = (25 + 7 * (number % 9)) * 10 * MINUTE;
            let why = if number % 7 == 0 {
                "restarted"
            } else {
                "ended"
            };
            events.push((
                opened - lasted,
                json!({
                    "event": "session-closed", "session": id, "user": ADA, "why": why,
                }),
            ));
        }
        let changed = |state: &str, idle: Option<u64>| {
            json!({
                "event": "session-changed", "session": BUSY, "user": ADA, "aspects": ["state"],
                "state": state, "idle-since": idle.map(|before| self.now() - before),
            })
        };
        let began = 312 * MINUTE;
        let graphical = json!("graphical");
        events.push((began, opening(BUSY, ADA, &graphical, self.now() - began)));
        for (before, state, idle) in [
            (240, "active", Some(246)),
            (235, "locked", Some(246)),
            (195, "active", None),
            (80, "active", Some(86)),
            (70, "active", None),
        ] {
            let event = changed(state, idle.map(|before: u64| before * MINUTE));
            events.push((before * MINUTE, event));
        }
        let ssh = json!({ "remote": "ssh" });
        let since = self.now() - OTHER_BEGAN * MINUTE;
        let other = opening(OTHER, "u-88c1d2e40000", &ssh, since);
        events.push((OTHER_BEGAN * MINUTE, other));
        self.tell_sessions(events).await;
    }

    async fn tell_sessions(&self, events: Vec<(u64, Json)>) {
        let lines: Vec<_> = events
            .into_iter()
            .map(|(before, event)| EventLine {
                device: DeviceId::from_bytes(DESK),
                at: Timestamp::from_ms(self.now() - before),
                words: format!("session {} of user {}", event["session"], event["user"]),
                event,
                log: None,
            })
            .collect();
        self.events().send("desk-sessions", &lines).await.unwrap();
    }
}

fn opening(session: &str, user: &str, kind: &Json, since: u64) -> Json {
    json!({
        "event": "session-opened", "session": session, "user": user, "kind": kind,
        "source": "logind", "since": since, "state": "active",
    })
}

/// What a program of the session is called, how much of a core it uses in thousandths, how
/// much memory it has in MiB, and in how many processes.
const PROGRAMS: [(&str, u64, u64, u64); 10] = [
    ("firefox-esr", 140, 900, 12),
    ("code", 90, 700, 8),
    ("gnome-shell", 50, 320, 1),
    ("thunderbird", 30, 410, 2),
    ("teams", 20, 520, 5),
    ("java", 10, 610, 1),
    ("soffice.bin", 6, 210, 1),
    ("Xwayland", 8, 90, 1),
    ("bash", 1, 9, 6),
    ("gvfsd", 1, 14, 3),
];

impl Scene {
    /// Files of five minutes each, and one that was damaged on the way to the disk.
    pub(crate) async fn usage(&self) {
        self.usage_of(BUSY, 0..62).await;
        self.usage_of(OTHER, 55..62).await;
        self.file(BUSY, 99, self.now(), b"BWC\x01\x00 but not more".to_vec())
            .await;
    }

    /// Files of five minutes each, of the 62 until now.
    async fn usage_of(&self, session: &str, files: std::ops::Range<u64>) {
        let schema = schema();
        let mut used = vec![0; 1_000];
        for file in files {
            let subject = Subject {
                plugin: "session-analyzer".to_owned(),
                version: "0.1.0".to_owned(),
                session: session.to_owned(),
            };
            let mut writer = Writer::new(Arc::clone(&schema), subject);
            let mut at = 0;
            for sample in 0..20 {
                let minute = file * 5 + sample / 4;
                at = self.now() - (311 - minute) * MINUTE + sample % 4 * MINUTE / 4;
                assert!(writer.add(at, rows(&schema, minute, &mut used)));
            }
            self.file(session, file, at, writer.finish()).await;
        }
    }

    async fn file(&self, session: &str, number: u64, made: u64, bytes: Vec<u8>) {
        let origin = FileOrigin {
            device: DeviceId::from_bytes(DESK),
            plugin: "session-analyzer".parse().unwrap(),
            session: session.parse().unwrap(),
            made: Timestamp::from_ms(made),
        };
        let key = format!("desk-file-{}-{number}", session.replace('#', "-"));
        self.files().send(&key, &origin, bytes).await.unwrap();
    }
}

/// As that of the plugin `session-analyzer`.
fn schema() -> Arc<Schema> {
    let field = |name, kind, unit, quantum, privacy| {
        Field::new(name, kind, unit, quantum, privacy).unwrap()
    };
    let fields = vec![
        field("pid", Kind::Unsigned, "", 0, Privacy::None),
        field("started", Kind::Timestamp, "", 0, Privacy::None),
        field("application", Kind::Text, "", 0, Privacy::None),
        field("cpu", Kind::Unsigned, "ms", 150, Privacy::None),
        field("memory", Kind::Unsigned, "bytes", 65_536, Privacy::None),
    ];
    let session = vec![
        field("state", Kind::Text, "", 0, Privacy::None),
        field("user", Kind::Text, "", 0, Privacy::Personal),
        field("terminal", Kind::Text, "", 0, Privacy::Personal),
        field("client-name", Kind::Text, "", 0, Privacy::Personal),
        field("client-address", Kind::Text, "", 0, Privacy::Personal),
    ];
    let process = Collection::new("process", 2, fields).unwrap();
    let session = Collection::new("session", 0, session).unwrap();
    Arc::new(Schema::new(vec![process, session]).unwrap())
}

/// Every program works in waves of its own, and hardly while nobody is there. `used` has the
/// processor time of each process, in milliseconds.
fn rows(schema: &Arc<Schema>, minute: u64, used: &mut [u64]) -> Snapshot {
    let away = (66..117).contains(&minute) || (226..242).contains(&minute);
    let mut encoder = Encoder::new(schema);
    for (number, (name, cpu, mib, processes)) in (0_u64..).zip(PROGRAMS) {
        let period = 17 + 6 * number;
        let place = (minute + 5 * number) % period;
        let wave = 30 + 140 * place.min(period - place) * 2 / period;
        let burst = if minute % 37 == number { 300 } else { 0 };
        let share = if away { 6 } else { wave + burst };
        for process in 0..processes {
            let pid = number * 100 + process;
            let used = &mut used[pid as usize];
            *used += cpu * 15 * share / 100 / processes;
            let values = [
                Some(Value::Unsigned(pid)),
                Some(Value::Timestamp(1_795_000_000_000 + pid)),
                Some(Value::Text(name)),
                Some(Value::Unsigned(*used)),
                Some(Value::Unsigned(
                    (mib << 20) * (700 + minute) / 1_000 / processes,
                )),
            ];
            encoder.row(0, &values).unwrap();
        }
    }
    encoder
        .row(
            1,
            &["active", "ada", "pts/3", "laptop", "192.0.2.7"].map(|text| Some(text.into())),
        )
        .unwrap();
    let buffer = encoder.finish();
    Snapshot::decode(Arc::clone(schema), &buffer).unwrap()
}
