//! What is derived of reports and events, and that an older database gets it too.

use std::{path::Path, sync::Arc, time::Duration};

use bailiwick_core::time::Timestamp;
use bailiwick_report::{
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
    sender::Sender,
    wire::Origin,
};
use rusqlite::{Connection, types::Value as Sql};
use serde_json::json;

use super::{
    FILE, Store, Way,
    schema::ADDED,
    view::{Against, RowChange, View, Wanted, WantedChanges},
    writer::IncomingEvent,
};

const DEVICE: [u8; 16] = [5; 16];

fn schema(columns: &[&str]) -> Arc<Schema> {
    let field = |name: &str, privacy| Field::new(name, Kind::Text, "", 0, privacy).unwrap();
    let system = vec![
        field("host-name", Privacy::Personal),
        field("os", Privacy::None),
    ];
    let package = columns
        .iter()
        .map(|name| field(name, Privacy::None))
        .collect();
    let user = vec![field("name", Privacy::Personal)];
    Arc::new(
        Schema::new(vec![
            Collection::new("system", 0, system).unwrap(),
            Collection::new("package", 1, package).unwrap(),
            Collection::new("user", 1, user).unwrap(),
        ])
        .unwrap(),
    )
}

fn snapshot(schema: &Arc<Schema>, os: &str, packages: &[(&str, Option<&str>)]) -> Snapshot {
    let mut rows = Encoder::new(schema);
    rows.row(0, &[Some("desk-17".into()), Some(os.into())])
        .unwrap();
    let absent = schema.collections()[1].fields().len() - 2;
    for (name, version) in packages {
        let mut row = vec![Some((*name).into()), version.map(Value::Text)];
        row.extend(vec![None; absent]);
        rows.row(1, &row).unwrap();
    }
    rows.row(2, &[Some("ada".into())]).unwrap();
    Snapshot::decode(Arc::clone(schema), &rows.finish()).unwrap()
}

/// Reports that add, change and remove, one that changes nothing, one of a new epoch, and
/// one with other columns; and events.
async fn fill(store: &Store) {
    let (old, new) = (
        schema(&["name", "version"]),
        schema(&["name", "version", "section"]),
    );
    let snapshots = [
        snapshot(
            &old,
            "Debian 12",
            &[("bash", Some("5.1")), ("nano", Some("7"))],
        ),
        snapshot(
            &old,
            "Debian 12",
            &[("bash", Some("5.1")), ("nano", Some("7"))],
        ),
        snapshot(&old, "Debian 13", &[("bash", Some("5.2")), ("vim", None)]),
        snapshot(&new, "Debian 13", &[("bash", Some("5.2"))]),
    ];
    let origin = Origin::new(DEVICE, "inventory", "0.1.0").unwrap();
    let mut sender = Sender::new(1);
    for (number, snapshot) in snapshots.into_iter().enumerate() {
        let at = number as u64 + 1;
        let prepared = sender.next(&origin, at, snapshot);
        sender = prepared.sender;
        let received = Timestamp::from_ms(100 + at);
        let inlet = store.inlet();
        let stored = inlet.report(format!("r{at}"), prepared.bytes, received);
        stored.await.unwrap();
    }
    for (number, event) in ["call-failed", "call-failed", "refreshed"]
        .into_iter()
        .enumerate()
    {
        let incoming = IncomingEvent {
            device: bailiwick_core::ids::DeviceId::from_bytes([6; 16]),
            at: Timestamp::from_ms(1),
            plugin: (event != "refreshed").then(|| "inventory".parse().unwrap()),
            event: event.to_owned(),
            words: format!("number {number}"),
            body: format!(r#"{{"event":"{event}"}}"#),
            log: None,
        };
        let key = format!("e{number}");
        let received = Timestamp::from_ms(200 + number as u64);
        let inlet = store.inlet();
        let stored = inlet.events(key.clone(), key, vec![incoming], received);
        stored.await.unwrap();
    }
    for (number, event) in ["opened", "changed", "closed"].into_iter().enumerate() {
        let body = json!({
            "event": format!("session-{event}"), "session": "7#1", "user": "u-1",
            "kind": { "remote": "ssh" }, "source": "logind", "since": 900,
            "state": "locked", "idle-since": 950, "why": "ended",
        });
        session_event(store, 1_000 + number as u64, body).await;
    }
}

async fn session_event(store: &Store, at: u64, body: serde_json::Value) {
    let incoming = IncomingEvent {
        device: bailiwick_core::ids::DeviceId::from_bytes(DEVICE),
        at: Timestamp::from_ms(at),
        plugin: None,
        event: body["event"].as_str().unwrap().to_owned(),
        words: String::new(),
        body: body.to_string(),
        log: None,
    };
    let key = format!("s{at}");
    let received = Timestamp::from_ms(150);
    let stored = store
        .inlet()
        .events(key.clone(), key, vec![incoming], received);
    stored.await.unwrap();
}

const DERIVED: [&str; 8] = [
    "devices",
    "device_plugins",
    "tallies",
    "change_sets",
    "changes",
    "sessions",
    "session_states",
    // Of a report that was compared with nothing, no change was kept.
    "collection_changes WHERE report IN (SELECT report FROM change_sets WHERE against = 'last')",
];

/// A database of an earlier version with the rows of `new` that it has room for.
fn aged(new: &Path, old: &Path, version: usize) {
    let connection = Connection::open(old).unwrap();
    for added in ADDED[..version].iter().copied().flatten() {
        connection.execute_batch(added).unwrap();
    }
    let texts = |query: &str| -> Vec<String> {
        let mut statement = connection.prepare(query).unwrap();
        let texts = statement.query_map([], |row| row.get(0)).unwrap();
        texts.collect::<Result<_, _>>().unwrap()
    };
    let attach = format!("ATTACH '{}' AS new", new.display());
    connection.execute_batch(&attach).unwrap();
    for table in texts("SELECT name FROM main.sqlite_schema WHERE type = 'table'") {
        let columns = texts(&format!("SELECT name FROM pragma_table_info('{table}')")).join(", ");
        let copy =
            format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}");
        connection.execute_batch(&copy).unwrap();
    }
    let version = i64::try_from(version).unwrap();
    connection
        .pragma_update(None, "user_version", version)
        .unwrap();
}

fn rows(connection: &Connection, table: &str) -> Vec<Vec<Sql>> {
    let mut statement = connection
        .prepare(&format!("SELECT * FROM {table}"))
        .unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|index| row.get(index)).collect());
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn an_older_database_gets_what_a_new_one_would_have() {
    let folder = tempfile::tempdir().unwrap();
    let open = |folder: &Path| Store::open(folder, Duration::from_secs(5)).unwrap();
    let store = open(folder.path());
    fill(&store).await;
    store.close();
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    // On which way reports came is in no report.
    connection
        .execute("UPDATE devices SET way = NULL WHERE way = 'https'", [])
        .unwrap();
    let dump = |folder: &Path| {
        let connection = Connection::open(folder.join(FILE)).unwrap();
        DERIVED.map(|table| rows(&connection, table))
    };
    let expected = dump(folder.path());
    assert!(expected.iter().all(|rows| !rows.is_empty()), "{expected:?}");
    for version in 1..ADDED.len() {
        let old = tempfile::tempdir().unwrap();
        aged(&folder.path().join(FILE), &old.path().join(FILE), version);
        open(old.path()).close();
        assert_eq!(dump(old.path()), expected, "from version {version}");
        let connection = Connection::open(old.path().join(FILE)).unwrap();
        let now: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        assert_eq!(usize::try_from(now).unwrap(), ADDED.len());
        // Of those that an early version kept nobody knows when they came; they are as good
        // as new.
        let received: Vec<_> = rows(&connection, "event_posts")
            .into_iter()
            .map(|row| row[2].clone())
            .collect();
        assert!(
            version >= 3 || received.iter().all(|at| *at == Sql::Integer(202)),
            "{received:?}"
        );
    }
}

#[tokio::test]
async fn changes_are_kept_with_the_value_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Duration::from_secs(5)).unwrap();
    fill(&store).await;
    let view = View::open(folder.path()).unwrap();
    let device = "05".repeat(16);
    let wanted = |plugin: Option<&str>| WantedChanges {
        plugin: plugin.map(str::to_owned),
        ..WantedChanges::default()
    };
    let sets = view.change_sets(&device, &wanted(None), None, 10).unwrap();
    let sets = sets.rows;
    let told: Vec<_> = sets.iter().map(|set| (set.report, set.against)).collect();
    let of = |plugin| {
        view.change_sets(&device, &wanted(Some(plugin)), None, 10)
            .unwrap()
            .rows
    };
    assert_eq!((of("inventory"), of("other")), (sets.clone(), Vec::new()));
    // The second report changed nothing.
    assert_eq!(
        told,
        [
            (4, Against::OtherSchema),
            (3, Against::Last),
            (1, Against::Nothing)
        ]
    );
    assert_eq!((sets[1].added, sets[1].changed, sets[1].removed), (1, 2, 1));
    let lines = view.changes(3, 0, 100).unwrap().rows;
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            let side = line.side.as_ref();
            let old = side.and_then(|side| side.old.as_deref());
            let new = side.and_then(|side| side.new.as_deref());
            (
                line.changed,
                line.collection.as_str(),
                line.row.as_str(),
                old,
                new,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                RowChange::Edited,
                "system",
                "",
                Some("Debian 12"),
                Some("Debian 13")
            ),
            (RowChange::Added, "package", "vim", None, None),
            (
                RowChange::Edited,
                "package",
                "bash",
                Some("5.1"),
                Some("5.2")
            ),
            (RowChange::Removed, "package", "nano", Some("7"), None),
        ]
    );
    assert_eq!(view.changes(3, 1, 2).unwrap().rows, lines[1..3]);
    assert!(view.changes(3, 1, 2).unwrap().more);
}

#[tokio::test]
async fn devices_are_found_by_what_they_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Duration::from_secs(5)).unwrap();
    fill(&store).await;
    let view = View::open(folder.path()).unwrap();
    let found = |search: &str| {
        let wanted = Wanted {
            search: search.to_owned(),
            ..Wanted::default()
        };
        let page = view.devices(&wanted, 0, 10).unwrap();
        page.rows
            .into_iter()
            .map(|it| it.device)
            .collect::<Vec<_>>()
    };
    let (desk, other) = ("05".repeat(16), "06".repeat(16));
    assert_eq!(found(""), [other.clone(), desk.clone()]);
    assert_eq!(found("DESK-17"), std::slice::from_ref(&desk));
    assert_eq!(found("debian 13"), std::slice::from_ref(&desk));
    assert_eq!(found("0606"), std::slice::from_ref(&other));
    assert_eq!(found("%"), [""; 0]);
    let first = view.devices(&Wanted::default(), 0, 1).unwrap();
    assert!(first.more && first.rows[0].device == other);
    let second = view.devices(&Wanted::default(), 1, 1).unwrap();
    assert!(!second.more && second.rows[0].device == desk);
    assert_eq!(
        (second.rows[0].first_seen_ms, second.rows[0].last_seen_ms),
        (101, 150)
    );
    let latest = view.latest(&other).unwrap();
    let counted: Vec<_> = latest
        .iter()
        .map(|it| (it.happened.words.as_str(), it.count))
        .collect();
    assert_eq!(counted, [("number 1", 2), ("number 2", 1)]);
}

#[tokio::test]
async fn devices_are_found_by_the_way_on_which_they_were_heard_of_last() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Duration::from_secs(5)).unwrap();
    fill(&store).await;
    let view = View::open(folder.path()).unwrap();
    let found = |way| {
        let wanted = Wanted {
            way: Some(way),
            ..Wanted::default()
        };
        view.devices(&wanted, 0, 10).unwrap().rows.len()
    };
    assert_eq!((found(Way::Https), found(Way::Mqtt)), (2, 0));
    let event = IncomingEvent {
        device: bailiwick_core::ids::DeviceId::from_bytes(DEVICE),
        at: Timestamp::from_ms(1),
        plugin: None,
        event: "refreshed".to_owned(),
        words: String::new(),
        body: "{}".to_owned(),
        log: None,
    };
    let inlet = store.inlet().on(Way::Mqtt);
    let (key, at) = ("m".to_owned(), Timestamp::from_ms(300));
    inlet
        .events(key.clone(), key, vec![event], at)
        .await
        .unwrap();
    assert_eq!((found(Way::Https), found(Way::Mqtt)), (1, 1));
}

#[tokio::test]
async fn what_is_kept_of_one_report_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Duration::from_secs(5)).unwrap();
    let schema = schema(&["name", "version"]);
    let long = "x".repeat(5_000);
    let names: Vec<String> = (0..2_500)
        .map(|number| format!("package-{number:04}"))
        .collect();
    let many: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), Some(long.as_str())))
        .collect();
    let origin = Origin::new(DEVICE, "inventory", "0.1.0").unwrap();
    let full = Sender::new(1).next(&origin, 1, snapshot(&schema, "a", &[]));
    let diff = full.sender.next(&origin, 2, snapshot(&schema, "a", &many));
    let inlet = store.inlet();
    for (key, bytes) in [("1", full.bytes), ("2", diff.bytes)] {
        let at = Timestamp::from_ms(1);
        inlet.report(key.to_owned(), bytes, at).await.unwrap();
    }
    let view = View::open(folder.path()).unwrap();
    let set = view.change_set(&"05".repeat(16), 2).unwrap().unwrap();
    assert_eq!(set.added, 2_500);
    let kept = view.changes(2, 0, 10_000).unwrap().rows;
    assert_eq!(kept.len(), 2_000);
    assert_eq!(
        kept[0].side.as_ref().unwrap().new.as_ref().unwrap().len(),
        1_000
    );
}
