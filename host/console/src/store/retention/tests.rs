use std::time::Duration;

use bailiwick_core::{ids::DeviceId, session::SessionId, time::Timestamp};
use bailiwick_report::{
    receiver::{Stream, Verdict},
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
    sender::Sender,
    wire::{Limits, Origin, Report},
};
use rusqlite::Connection;
use serde_json::json;

use super::super::{Answer, FILE, IncomingEvent, IncomingFile, PostError, Store};

const DEVICE: [u8; 16] = [5; 16];
const DAY: u64 = 86_400_000;
const KEEP: Duration = Duration::from_secs(10 * 86_400);

struct Kept {
    folder: tempfile::TempDir,
    store: Store,
}

impl Kept {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Duration::from_secs(5)).unwrap();
        Self { folder, store }
    }

    async fn forget_on(&self, day: u64) {
        let now = Timestamp::from_ms(day * DAY);
        self.store.inlet().forget(now, KEEP).await.unwrap();
    }

    async fn report(&self, day: u64, bytes: &[u8]) -> Result<Answer, PostError> {
        let received = Timestamp::from_ms(day * DAY);
        let inlet = self.store.inlet();
        inlet
            .report(format!("r{day}"), bytes.to_vec(), received)
            .await
    }

    async fn event(&self, day: u64, body: serde_json::Value) -> Result<Answer, PostError> {
        let event = IncomingEvent {
            device: DeviceId::from_bytes(DEVICE),
            at: Timestamp::from_ms(day * DAY),
            plugin: None,
            event: body["event"].as_str().unwrap().to_owned(),
            words: String::new(),
            body: body.to_string(),
            log: None,
        };
        let (key, sha256) = (format!("e{day}"), body.to_string());
        let received = Timestamp::from_ms(day * DAY);
        let inlet = self.store.inlet();
        inlet.events(key, sha256, vec![event], received).await
    }

    async fn file(&self, day: u64) -> Result<Answer, PostError> {
        let at = Timestamp::from_ms(day * DAY);
        let file = IncomingFile {
            key: format!("f{day}"),
            device: DeviceId::from_bytes(DEVICE),
            plugin: "session-analyzer".parse().unwrap(),
            session: SessionId::new("1", day),
            made: at,
            body: b"a file".to_vec(),
        };
        self.store.inlet().file(file, at).await
    }

    fn days(&self, what: &str) -> Vec<i64> {
        let connection = Connection::open(self.folder.path().join(FILE)).unwrap();
        let mut statement = connection
            .prepare(&format!(
                "SELECT received_ms / 86400000 FROM {what} ORDER BY 1"
            ))
            .unwrap();
        let days = statement.query_map([], |row| row.get(0)).unwrap();
        days.collect::<Result<_, _>>().unwrap()
    }

    fn count(&self, table: &str) -> i64 {
        let connection = Connection::open(self.folder.path().join(FILE)).unwrap();
        let query = format!("SELECT count(*) FROM {table}");
        connection.query_row(&query, [], |row| row.get(0)).unwrap()
    }
}

fn snapshot(value: u64) -> Snapshot {
    let fields = vec![Field::new("value", Kind::Unsigned, "", 0, Privacy::None).unwrap()];
    let schema = Schema::new(vec![Collection::new("one", 0, fields).unwrap()]).unwrap();
    let mut rows = Encoder::new(&schema);
    rows.row(0, &[Some(Value::Unsigned(value))]).unwrap();
    let buffer = rows.finish();
    Snapshot::decode(schema.into(), &buffer).unwrap()
}

/// A full report and differences, one a day from day 1 on.
fn reports(count: u64) -> Vec<Vec<u8>> {
    let origin = Origin::new(DEVICE, "inventory", "0.1.0").unwrap();
    let mut sender = Sender::new(1);
    (1..=count)
        .map(|day| {
            let prepared = sender.next(&origin, day * DAY, snapshot(day));
            sender = prepared.sender;
            prepared.bytes
        })
        .collect()
}

#[tokio::test]
async fn what_is_old_goes_but_for_what_tells_how_a_device_is() {
    let kept = Kept::open();
    let reports = reports(20);
    for (place, report) in reports.iter().enumerate() {
        let day = place as u64 + 1;
        kept.report(day, report).await.unwrap();
        let name = if day == 2 { "started" } else { "refreshed" };
        kept.event(day, json!({ "event": name })).await.unwrap();
    }
    kept.forget_on(22).await;
    let recent: Vec<i64> = (12..=20).collect();
    // The full report stays, without which those after it can't be read.
    assert_eq!(kept.days("reports"), [&[1], &recent[..]].concat());
    // So does the last event of its kind.
    assert_eq!(kept.days("events"), [&[2], &recent[..]].concat());
    assert_eq!((kept.count("change_sets"), kept.count("changes")), (10, 9));

    // However late it is, the device is known as it was last.
    kept.forget_on(1_000).await;
    assert_eq!(kept.days("reports"), [1]);
    assert_eq!(kept.days("events"), [2, 20]);
    assert_eq!((kept.count("devices"), kept.count("streams")), (1, 1));
    let connection = Connection::open(kept.folder.path().join(FILE)).unwrap();
    let state: Vec<u8> = connection
        .query_row("SELECT state FROM streams", [], |row| row.get(0))
        .unwrap();
    let stream = Stream::from_bytes(&state).unwrap();
    let value = stream.snapshot().rows(0).next().unwrap().get(0);
    assert_eq!(value, Some(Value::Unsigned(20)));
}

#[tokio::test]
async fn what_was_forgotten_and_is_sent_again_is_stored_no_second_time() {
    let kept = Kept::open();
    let reports = reports(3);
    for (place, report) in reports.iter().enumerate() {
        kept.report(place as u64 + 1, report).await.unwrap();
        let refreshed = json!({ "event": "refreshed" });
        kept.event(place as u64 + 1, refreshed).await.unwrap();
    }
    kept.forget_on(31).await;
    assert_eq!(kept.days("reports"), [1]);
    assert_eq!(kept.days("events"), [3]);
    assert_eq!(kept.report(2, &reports[1]).await, Ok(Answer::Stored));
    let again = json!({ "event": "refreshed" });
    assert_eq!(kept.event(2, again).await, Ok(Answer::Stored));
    assert_eq!(kept.days("reports"), [1]);
    assert_eq!(kept.days("events"), [3]);
    // Another post under its key is refused, as before.
    let other = kept.report(2, &reports[2]).await;
    assert!(matches!(other, Err(PostError::Refused(_))), "{other:?}");
    // A device that lay in a drawer sends what it had no receipt for.
    kept.forget_on(200).await;
    assert_eq!(kept.report(3, &reports[2]).await, Ok(Answer::Stored));
    assert_eq!(kept.days("reports"), [1]);
    // None sends it for so long.
    kept.forget_on(420).await;
    assert_eq!(
        (kept.count("spent_keys"), kept.count("event_posts")),
        (0, 0)
    );
}

#[tokio::test]
async fn past_sessions_go_with_what_was_used_in_them_and_open_ones_stay() {
    let kept = Kept::open();
    let told =
        |event: &str, session: &str| json!({ "event": event, "session": session, "user": "u" });
    kept.event(1, told("session-opened", "1#1")).await.unwrap();
    kept.event(2, told("session-opened", "2#2")).await.unwrap();
    kept.event(3, told("session-closed", "1#1")).await.unwrap();
    let connection = Connection::open(kept.folder.path().join(FILE)).unwrap();
    for (grain, session) in [("piece", "1#1"), ("half-hour", "1#1"), ("piece", "2#2")] {
        let day = if session == "1#1" { 1 } else { 13 };
        connection
            .execute(
                "INSERT INTO usage (device, session, grain, from_ms, application, ms, cpu_us,
                    memory_kib_ms, received_ms) VALUES ('d', ?1, ?2, 0, '', 1, 1, 1, ?3)",
                (session, grain, day * DAY as i64),
            )
            .unwrap();
    }
    // Pieces are kept for days, not for as long as all else.
    kept.forget_on(10).await;
    assert_eq!((kept.count("usage"), kept.count("sessions")), (2, 2));
    kept.forget_on(14).await;
    assert_eq!((kept.count("usage"), kept.count("sessions")), (1, 1));
    assert_eq!(kept.count("session_states"), 1);
    assert_eq!(kept.days("sessions"), [2]);
}

/// A backlog is worked off in steps, and posts are stored between them.
#[tokio::test]
async fn one_run_forgets_a_bounded_part() {
    let kept = Kept::open();
    let mut connection = Connection::open(kept.folder.path().join(FILE)).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    let transaction = connection.transaction().unwrap();
    for number in 0..12_000 {
        transaction
            .prepare_cached(
                "INSERT INTO events (received_ms, at_ms, device, event, words, body)
                 VALUES (?1, 0, 'd', 'refreshed', '', '{}')",
            )
            .unwrap()
            .execute([number])
            .unwrap();
    }
    transaction.commit().unwrap();
    let mut left = Vec::new();
    for _ in 0..3 {
        kept.forget_on(20).await;
        left.push(kept.count("events"));
    }
    assert_eq!(left, [7_000, 2_000, 0]);
}

/// The state that a forgotten report left still takes the next difference.
#[tokio::test]
async fn a_device_goes_on_after_its_reports_were_forgotten() {
    let kept = Kept::open();
    let reports = reports(5);
    for (place, report) in reports.iter().take(4).enumerate() {
        kept.report(place as u64 + 1, report).await.unwrap();
    }
    kept.forget_on(100).await;
    assert_eq!(kept.report(5, &reports[4]).await, Ok(Answer::Stored));
    let full = Report::parse(&reports[0], Limits::default()).unwrap();
    assert!(matches!(
        Stream::accept(None, &full),
        Ok(Verdict::Accepted(_))
    ));
}

#[tokio::test]
async fn of_an_old_file_the_key_alone_is_kept_and_then_nothing() {
    let kept = Kept::open();
    for day in [1, 25] {
        kept.file(day).await.unwrap();
    }
    kept.forget_on(31).await;
    assert_eq!(kept.days("files"), [1, 25]);
    assert_eq!(kept.days("files WHERE body <> x''"), [25]);
    assert_eq!(kept.file(1).await, Ok(Answer::Stored), "sent again");
    assert_eq!(kept.days("files WHERE body <> x''"), [25]);
    kept.forget_on(415).await;
    assert_eq!(kept.days("files"), [25]);
}
