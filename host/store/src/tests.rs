use std::{fs, path::Path};

use bailiwick_core::{bytes::ByteCount, ids::PluginName, ports::State as _};
use redb::{ReadableDatabase as _, ReadableTable as _};

use super::{
    outbox::tests::{NOW, keys, put, report},
    tables::{EVENTS, FORMAT, NUMBERS, failure},
    *,
};

async fn open(folder: &Path) -> Store {
    Store::open(folder, NOW).await.unwrap().0
}

fn plugin(name: &str) -> PluginName {
    name.parse().unwrap()
}

fn event(line: &[u8]) -> NewEvent {
    NewEvent {
        line: line.to_vec(),
        audience: Audience::Device,
    }
}

/// The ring of events, oldest first.
async fn events(store: &Store) -> Vec<Vec<u8>> {
    let read = |database: &Database| {
        let transaction = database.begin_read().map_err(failure)?;
        let table = transaction.open_table(EVENTS).map_err(failure)?;
        let entries = table.iter().map_err(failure)?;
        entries
            .map(|entry| Ok(entry.map_err(failure)?.1.value().to_vec()))
            .collect()
    };
    store.run("read events", read).await.unwrap()
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (id, name) = {
        let store = open(folder.path()).await;
        let mut first = report("a", b"body");
        first.beside = Some(Beside::Sender(b"epoch 1".to_vec()));
        put(&store, first).await;
        store.set_value("serial", Some(vec![7])).await.unwrap();
        store.record_events(vec![event(b"up")]).await.unwrap();
        let changes = vec![("k".to_owned(), Some(vec![1]))];
        store.commit(&plugin("p"), changes).await.unwrap();
        (store.device_id().await.unwrap(), plugin("inventory"))
    };
    let store = open(folder.path()).await;
    let all = ByteCount::kib(9);
    let batch = store.outbox().next(Lane::Reports, None, 9, all).await;
    let batch = batch.unwrap();
    assert_eq!(batch.len(), 1);
    assert_eq!(batch[0].body, b"body");
    assert_eq!(batch[0].at, NOW);
    let sender = store.sender(&name).await.unwrap();
    assert_eq!(sender.as_deref(), Some(&b"epoch 1"[..]));
    assert_eq!(store.value("serial").await.unwrap(), Some(vec![7]));
    assert_eq!(events(&store).await, [b"up"]);
    assert_eq!(store.device_id().await.unwrap(), id);
    let state = store.load(&plugin("p")).await.unwrap();
    assert_eq!(state, [("k".to_owned(), vec![1])]);
}

#[tokio::test]
async fn ids_of_two_devices_differ() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (a, b) = (open(a.path()).await, open(b.path()).await);
    assert_ne!(a.device_id().await.unwrap(), b.device_id().await.unwrap());
}

#[tokio::test]
async fn a_plugin_sees_its_own_keys_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for name in ["a", "ab", "b"] {
        let changes = vec![
            (format!("of-{name}"), Some(name.into())),
            ("z".into(), None),
        ];
        store.commit(&plugin(name), changes).await.unwrap();
    }
    let state = store.load(&plugin("a")).await.unwrap();
    assert_eq!(state, [("of-a".to_owned(), b"a".to_vec())]);
    let gone = vec![("of-a".to_owned(), None), ("n".to_owned(), Some(vec![]))];
    store.commit(&plugin("a"), gone).await.unwrap();
    let state = store.load(&plugin("a")).await.unwrap();
    assert_eq!(state, [("n".to_owned(), vec![])]);
    assert_eq!(store.load(&plugin("ab")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn events_are_a_ring() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let numbered = |n: u32| [n.to_le_bytes().as_slice(), &[0; 2_092]].concat();
    let many = (0..1_010).map(|n| event(&numbered(n))).collect();
    assert_eq!(store.record_events(many).await.unwrap(), 0);
    let long = vec![event(&[0; 4_097]), event(b"last")];
    assert_eq!(store.record_events(long).await.unwrap(), 1);
    let all = events(&store).await;
    // 2 MiB are more than a thousand of these.
    assert_eq!(all.len(), 1_001);
    assert_eq!(all[0], numbered(10));
    assert_eq!(all[999..], [numbered(1_009), b"last".to_vec()]);
}

fn waiting(line: &[u8]) -> NewEvent {
    NewEvent {
        audience: Audience::Console,
        ..event(line)
    }
}

#[tokio::test]
async fn events_wait_for_their_receipt_and_a_batch_stays_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    assert_eq!(store.next_events().await.unwrap(), None);
    let two = vec![event(b"device's own"), waiting(b"a"), waiting(b"b")];
    store.record_events(two).await.unwrap();
    let batch = store.next_events().await.unwrap().unwrap();
    assert_eq!((batch.first, batch.last), (1, 2));
    assert_eq!(batch.lines, [b"a".to_vec(), b"b".to_vec()]);
    store.record_events(vec![waiting(b"c")]).await.unwrap();
    drop(store);
    let store = open(folder.path()).await;
    assert_eq!(store.next_events().await.unwrap(), Some(batch), "as before");
    store.events_sent(2, None).await.unwrap();
    let next = store.next_events().await.unwrap().unwrap();
    assert_eq!(next.lines, [b"c".to_vec()]);
    store.events_sent(next.last, None).await.unwrap();
    assert_eq!(store.next_events().await.unwrap(), None);
    assert_eq!(events(&store).await.len(), 4, "the record keeps them");
}

#[tokio::test]
async fn events_that_can_not_be_sent_are_bounded_and_the_lost_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let first = (0..10_u32).map(|n| waiting(&n.to_le_bytes())).collect();
    store.record_events(first).await.unwrap();
    let begun = store.next_events().await.unwrap().unwrap();
    assert_eq!((begun.first, begun.last, begun.lost), (0, 9, 0));
    let many = (0..2_003_u32).map(|n| waiting(&n.to_le_bytes())).collect();
    store.record_events(many).await.unwrap();
    let batch = store.next_events().await.unwrap().unwrap();
    assert_eq!(
        (batch.first, batch.lost),
        (13, 13),
        "another batch, by its first number"
    );
    store.events_sent(batch.last, None).await.unwrap();
    let batch = store.next_events().await.unwrap().unwrap();
    assert_eq!(batch.lost, 0, "told once");
}

#[tokio::test]
async fn a_second_agent_is_told_that_the_store_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path()).await;
    let error = Store::open(folder.path(), NOW).await.err().unwrap();
    assert!(matches!(error, StoreError::InUse(_)), "{error}");
}

#[tokio::test]
async fn another_format_is_refused_and_left_alone() {
    for format in [FORMAT - 1, FORMAT + 1] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await;
        let written = move |database: &Database| {
            tables::write(database, |transaction| {
                let mut numbers = transaction.open_table(NUMBERS).map_err(failure)?;
                tables::set_number(&mut numbers, "format", format)
            })
        };
        store.run("write another format", written).await.unwrap();
        drop(store);
        let opened = Store::open(folder.path(), NOW).await.map(drop);
        let looked = look::open(folder.path()).map(drop);
        for refused in [opened, looked] {
            match refused.unwrap_err() {
                StoreError::Older { found, .. } => assert!(found == format && format < FORMAT),
                StoreError::Newer {
                    found, supported, ..
                } => assert!(found == format && supported == FORMAT && format > FORMAT),
                other => panic!("{other}"),
            }
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[tokio::test]
async fn a_store_whose_tables_had_other_types_is_older_and_not_damaged() {
    const NUMBERS: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("numbers");
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create(folder.path().join("bailiwick.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(NUMBERS)
        .unwrap()
        .insert("format", 3)
        .unwrap();
    transaction.commit().unwrap();
    drop(database);
    let opened = Store::open(folder.path(), NOW).await.map(drop);
    let looked = look::open(folder.path()).map(drop);
    for refused in [opened, looked] {
        let error = refused.unwrap_err();
        assert!(
            matches!(error, StoreError::Older { found: 3, .. }),
            "{error}"
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_damaged_database_is_set_aside_counted_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bailiwick.redb");
    for round in 1..=6 {
        fs::write(&path, format!("no database {round}")).unwrap();
        let (store, opening) = Store::open(folder.path(), NOW).await.unwrap();
        assert_eq!(opening.ever_set_aside, round);
        let aside = opening.set_aside.unwrap();
        assert_eq!(
            aside.file_name().unwrap().to_str().unwrap(),
            format!("bailiwick.redb.damaged-{round:04}-20261123T112000Z")
        );
        let kept = fs::read_to_string(aside).unwrap();
        assert_eq!(kept, format!("no database {round}"));
        store.device_id().await.unwrap();
    }
    let (_, opening) = Store::open(folder.path(), NOW).await.unwrap();
    assert_eq!((opening.set_aside, opening.ever_set_aside), (None, 6));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1 + 4);
}

#[cfg(unix)]
#[tokio::test]
async fn the_database_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let _store = open(folder.path()).await;
    let metadata = fs::metadata(folder.path().join("bailiwick.redb")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
}

/// Whatever part of the file is overwritten or cut off, the agent starts: with what was
/// kept, or with a fresh store and the damaged one beside it.
#[tokio::test]
async fn a_start_survives_damage_anywhere_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bailiwick.redb");
    {
        let store = open(folder.path()).await;
        for n in 0..20 {
            let body = vec![n; 3_000];
            put(&store, report(&n.to_string(), &body)).await;
        }
    }
    let healthy = fs::read(&path).unwrap();
    let (mut survived, mut replaced) = (0, 0);
    for step in 0..60 {
        let at = healthy.len() * step / 60;
        let mut damaged = healthy.clone();
        if step % 2 == 0 {
            let end = (at + 512).min(damaged.len());
            damaged[at..end].fill(0xa5);
        } else {
            damaged.truncate(at);
        }
        fs::write(&path, damaged).unwrap();
        let (store, opening) = Store::open(folder.path(), NOW).await.unwrap();
        put(&store, report("new", b"x")).await;
        let waiting = keys(&store, Lane::Reports).await;
        assert_eq!(waiting.last().map(String::as_str), Some("new"));
        match opening.set_aside {
            Some(_) => replaced += 1,
            None => survived += 1,
        }
    }
    assert!(survived > 0 && replaced > 0, "{survived} {replaced}");
}
