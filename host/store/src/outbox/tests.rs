use std::{fs, path::Path, time::Duration};

use bailiwick_core::{action::ActionId, session::SessionId};
use redb::Database;

use super::*;
use crate::tables::{OUTGOING, failure};

pub(crate) const NOW: Timestamp = Timestamp::from_ms(1_795_432_800_000);
pub(crate) const RAN: RunTime = RunTime::from_ms(10_000_000);
const DAY: Duration = Duration::from_secs(86_400);
const YEAR_MS: u64 = 365 * 86_400_000;
const KEEP: KeepSent = KeepSent {
    bytes: ByteCount::kib(8),
    age: DAY,
};

async fn open(folder: &Path) -> Store {
    Store::open(folder, NOW).await.unwrap().0
}

fn outgoing(what: What, key: &str, body: &[u8]) -> Outgoing {
    Outgoing {
        what,
        key: key.into(),
        at: NOW,
        body: body.to_vec(),
        beside: None,
    }
}

pub(crate) fn report(key: &str, body: &[u8]) -> Outgoing {
    let what = What::Report {
        plugin: "inventory".parse().unwrap(),
        kind: "full".into(),
    };
    outgoing(what, key, body)
}

fn outcome(key: &str, body: &[u8]) -> Outgoing {
    let action = ActionId::from_bytes([7; 16]);
    outgoing(What::Outcome { action }, key, body)
}

fn file(key: &str, body: &[u8]) -> Outgoing {
    let what = What::File {
        plugin: "session-analyzer".parse().unwrap(),
        session: SessionId::new("c1", 3),
    };
    outgoing(what, key, body)
}

pub(crate) async fn put(store: &Store, one: Outgoing) -> Put {
    let put = store.outbox().put(vec![one], Caps::DEFAULT, RAN).await;
    put.unwrap()
}

async fn next(store: &Store, lane: Lane) -> Vec<Waiting> {
    let all = ByteCount::mib(64);
    store.outbox().next(lane, None, 100, all).await.unwrap()
}

pub(crate) async fn keys(store: &Store, lane: Lane) -> Vec<String> {
    let waiting = next(store, lane).await;
    waiting.into_iter().map(|one| one.key).collect()
}

async fn settle(store: &Store, tickets: Vec<Ticket>, keep: KeepSent, now: Timestamp) {
    let settled = tickets.into_iter().map(|ticket| Settled {
        ticket,
        confirmed: Confirmed::Receipt,
    });
    let outbox = store.outbox();
    outbox.settle(settled.collect(), keep, now).await.unwrap();
}

async fn all_sent(store: &Store) -> Vec<Sent> {
    let list = |database: &Database| sent::list(database);
    store.run("read what was sent", list).await.unwrap()
}

async fn sent(store: &Store) -> Vec<String> {
    let sent = all_sent(store).await;
    sent.into_iter().map(|one| one.key).collect()
}

fn tight(bytes: u64) -> Caps {
    Caps {
        bytes: ByteCount::new(bytes),
        ..Caps::DEFAULT
    }
}

/// Overwrites one byte of a record, as a failing disk would beneath redb's checksums.
async fn damage(store: &Store, lane: Lane, sequence: u64) {
    let damaged = move |database: &Database| {
        tables::write(database, |transaction| {
            let mut table = transaction.open_table(OUTGOING).map_err(failure)?;
            let place = Ticket { lane, sequence }.place();
            let removed = table.remove(place.as_slice()).map_err(failure)?;
            let mut record = removed.unwrap().value().to_vec();
            *record.last_mut().unwrap() ^= 1;
            table
                .insert(place.as_slice(), record.as_slice())
                .map_err(failure)?;
            Ok(())
        })
    };
    store.run("damage a record", damaged).await.unwrap();
}

#[tokio::test]
async fn each_lane_leaves_in_order_and_only_on_its_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let many = vec![
        report("a", b"12345"),
        file("f", b"12345"),
        report("b", b"12345"),
        outcome("o", b"12345"),
        report("c", b"12345"),
    ];
    let put_all = store.outbox().put(many, Caps::DEFAULT, RAN).await.unwrap();
    assert!(put_all.tickets.iter().all(Option::is_some));
    let next_of = async |after, at_most, bytes| {
        let outbox = store.outbox();
        outbox.next(Lane::Reports, after, at_most, bytes).await
    };
    let two = next_of(None, 100, ByteCount::new(10)).await.unwrap();
    assert_eq!(two.len(), 2, "two fit in ten bytes");
    let one = next_of(None, 100, ByteCount::new(1)).await.unwrap();
    assert_eq!(one.len(), 1, "a large report is not stuck");
    let behind = next_of(Some(two[1].ticket), 100, ByteCount::kib(1)).await;
    assert_eq!(behind.unwrap()[0].key, "c");
    let unknown = Ticket {
        lane: Lane::Files,
        sequence: 999,
    };
    settle(&store, vec![two[0].ticket, unknown], KEEP, NOW).await;
    assert_eq!(keys(&store, Lane::Reports).await, ["b", "c"]);
    assert_eq!(keys(&store, Lane::Outcomes).await, ["o"]);
    assert_eq!(keys(&store, Lane::Files).await, ["f"]);
    let rest = Lane::ALL.map(|lane| next(&store, lane));
    for lane in rest {
        let tickets = lane.await.into_iter().map(|one| one.ticket).collect();
        settle(&store, tickets, KEEP, NOW).await;
    }
    let figures = store.outbox().figures().await.unwrap();
    assert_eq!(figures, OutboxFigures::default());
    let next = put(&store, report("d", b"")).await;
    assert_eq!(next.tickets[0].unwrap().sequence, 5, "no number twice");
}

#[tokio::test]
async fn putting_the_same_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let first = put(&store, file("a", b"1")).await;
    assert_eq!(first, put(&store, file("a", b"2")).await);
    let waiting = next(&store, Lane::Files).await;
    assert_eq!((waiting.len(), waiting[0].body.as_slice()), (1, &b"1"[..]));
    assert_eq!(waiting[0].what, file("a", b"").what);
}

#[tokio::test]
async fn a_report_that_is_put_again_is_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let first = put(&store, report("a", b"1")).await;
    let second = put(&store, report("a", b"2")).await;
    assert_ne!(first, second);
    let tickets = [first, second].map(|put| put.tickets[0].unwrap());
    settle(&store, tickets.to_vec(), KEEP, NOW).await;
    assert_eq!(sent(&store).await, ["a", "a"]);
}

#[tokio::test]
async fn a_damaged_entry_is_taken_out_and_the_rest_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for key in ["a", "b", "c", "d"] {
        put(&store, report(key, b"x")).await;
    }
    damage(&store, Lane::Reports, 1).await;
    damage(&store, Lane::Reports, 2).await;
    assert_eq!(keys(&store, Lane::Reports).await, ["a", "d"]);
    let figures = store.outbox().figures().await.unwrap();
    assert_eq!((figures.reports.waiting, figures.quarantined), (2, 2));
    // Its key is free again: the sender may report the same once more.
    put(&store, report("b", b"x")).await;
    assert_eq!(keys(&store, Lane::Reports).await, ["a", "d", "b"]);
    damage(&store, Lane::Reports, 0).await;
    let later = RAN.after(DAY * 31);
    let dropped = store.outbox().trim(Caps::DEFAULT, later).await.unwrap();
    assert_eq!(dropped.len(), 2);
    let figures = store.outbox().figures().await.unwrap();
    assert_eq!((figures.reports.waiting, figures.reports.bytes), (0, 0));
    assert_eq!((figures.quarantined, figures.reports.dropped), (3, 2));
}

#[tokio::test]
async fn files_make_room_first_then_the_oldest_reports_and_outcomes_never_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for one in [
        report("r1", &[0; 500]),
        report("r2", &[0; 500]),
        file("f1", &[0; 500]),
        file("f2", &[0; 500]),
        outcome("o1", &[0; 500]),
    ] {
        put(&store, one).await;
    }
    let figures = store.outbox().figures().await.unwrap();
    let held = [figures.outcomes, figures.reports, figures.files].map(|lane| lane.bytes);
    let caps = tight(held.iter().sum());
    let mut gone = Vec::new();
    for key in ["o2", "o3", "o4", "o5", "o6"] {
        let put = store
            .outbox()
            .put(vec![outcome(key, &[0; 500])], caps, RAN)
            .await
            .unwrap();
        assert!(put.tickets[0].is_some());
        assert!(
            put.dropped
                .iter()
                .all(|one| one.reason == DropReason::Bytes)
        );
        gone.extend(put.dropped.into_iter().map(|one| one.key));
    }
    assert_eq!(gone, ["f1", "f2", "r1", "r2", "o1"]);
    let late = store.outbox().put(vec![file("f3", &[0; 500])], caps, RAN);
    let late = late.await.unwrap();
    assert_eq!(
        (late.tickets[0], late.dropped[0].key.as_str()),
        (None, "f3")
    );
    let newest = ["o2", "o3", "o4", "o5", "o6"];
    assert_eq!(keys(&store, Lane::Outcomes).await, newest);
    let figures = store.outbox().figures().await.unwrap();
    assert_eq!(figures.files.dropped, 3);
    assert_eq!((figures.reports.dropped, figures.outcomes.dropped), (2, 1));
}

#[tokio::test]
async fn what_does_not_fit_takes_nothing_with_it_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    put(&store, report("a", &[0; 500])).await;
    let mut giant = report("giant", &[0; 9_000]);
    giant.beside = Some(Beside::Sender(vec![1]));
    let refused = store.outbox().put(vec![giant], tight(1_000), RAN).await;
    let refused = refused.unwrap();
    assert_eq!((refused.tickets[0], refused.dropped.len()), (None, 1));
    let plugin = "inventory".parse().unwrap();
    assert_eq!(store.sender(&plugin).await.unwrap(), None);
    assert_eq!(keys(&store, Lane::Reports).await, ["a"]);
    let too_long = vec![0; (1 << 20) + 1];
    let long = put(&store, file("long", &too_long)).await;
    assert_eq!(long.dropped[0].reason, DropReason::Length);
    let giant = file("giant", &[0; 9_000]);
    let refused = store.outbox().put(vec![giant], tight(1_000), RAN).await;
    assert_eq!(refused.unwrap().tickets[0], None);
    put(&store, file("giant", b"small now")).await;
    assert_eq!(keys(&store, Lane::Files).await, ["giant"]);
}

#[tokio::test]
async fn what_waits_goes_by_the_time_that_the_agent_ran_and_by_no_clock() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    put(&store, report("old", b"x")).await;
    // As it is put while the clock is a year behind, and a year ahead.
    for (key, at) in [
        ("behind", NOW.as_ms() - YEAR_MS),
        ("ahead", NOW.as_ms() + YEAR_MS),
    ] {
        let mut file = file(key, b"x");
        file.at = Timestamp::from_ms(at);
        put(&store, file).await;
    }
    let trim = async |now| {
        let dropped = store.outbox().trim(Caps::DEFAULT, now).await.unwrap();
        assert!(dropped.iter().all(|one| one.reason == DropReason::Age));
        dropped.into_iter().map(|one| one.key).collect::<Vec<_>>()
    };
    let nothing: [&str; 0] = [];
    assert_eq!(trim(RunTime::ZERO).await, nothing);
    assert_eq!(trim(RAN.after(DAY * 7)).await, nothing);
    let week = RAN.after(DAY * 7 + Duration::from_millis(1));
    assert_eq!(trim(week).await, ["behind", "ahead"]);
    let month = RAN.after(DAY * 30 + Duration::from_millis(1));
    assert_eq!(trim(month).await, ["old"]);
}

#[tokio::test]
async fn how_long_the_agent_ran_is_kept_with_what_is_put_and_else_hourly() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let ran = async || store.outbox().ran().await.unwrap();
    assert_eq!(ran().await, RunTime::ZERO);
    put(&store, report("a", b"x")).await;
    assert_eq!(ran().await, RAN);
    let minutes = |minutes: u64| RAN.after(Duration::from_secs(minutes * 60));
    for (now, kept) in [(59, RAN), (60, minutes(60)), (7, minutes(60))] {
        let dropped = store.outbox().trim(Caps::DEFAULT, minutes(now)).await;
        assert_eq!(dropped.unwrap(), []);
        assert_eq!(ran().await, kept);
    }
    drop(store);
    let again = open(folder.path()).await;
    assert_eq!(again.outbox().ran().await.unwrap(), minutes(60));
}

#[tokio::test]
async fn trimming_nothing_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    put(&store, report("a", b"x")).await;
    let database = folder.path().join("bailiwick.redb");
    let before = fs::read(&database).unwrap();
    assert_eq!(store.outbox().trim(Caps::DEFAULT, RAN).await.unwrap(), []);
    assert!(before == fs::read(&database).unwrap());
    let dropped = store.outbox().trim(tight(1), RAN).await.unwrap();
    assert_eq!(dropped.len(), 1);
}

#[tokio::test]
async fn what_was_sent_can_be_looked_at_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for number in 0..20 {
        put(&store, report(&number.to_string(), &[number; 900])).await;
    }
    let waiting = next(&store, Lane::Reports).await;
    let tickets: Vec<_> = waiting.iter().map(|one| one.ticket).collect();
    settle(&store, tickets[..2].to_vec(), KEEP, NOW).await;
    let kept = all_sent(&store).await;
    assert_eq!(kept[1].body, [1; 900]);
    assert_eq!(
        (kept[1].sent, &kept[1].confirmed),
        (NOW, &Confirmed::Receipt)
    );
    // 8 KiB hold eight of them: the newest, however many are settled at once.
    let later = NOW.after(Duration::from_secs(60));
    settle(&store, tickets[2..4].to_vec(), KEEP, later).await;
    assert_eq!(sent(&store).await, ["0", "1", "2", "3"]);
    settle(&store, tickets[4..].to_vec(), KEEP, later).await;
    let newest: Vec<_> = (12..20).map(|number: u8| number.to_string()).collect();
    assert_eq!(sent(&store).await, newest);
    put(&store, report("next day", b"x")).await;
    let last = next(&store, Lane::Reports).await[0].ticket;
    settle(&store, vec![last], KEEP, later.after(DAY * 2)).await;
    assert_eq!(sent(&store).await, ["next day"]);
    put(&store, report("unseen", b"x")).await;
    let last = next(&store, Lane::Reports).await[0].ticket;
    let nothing = KeepSent {
        bytes: ByteCount::new(0),
        ..KEEP
    };
    settle(&store, vec![last], nothing, later.after(DAY * 2)).await;
    assert_eq!(sent(&store).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_given_up_is_kept_within_a_bound_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let reason = "500".to_owned();
    for number in 0..10 {
        let key = number.to_string();
        let ticket = put(&store, file(&key, &[number; 1_000_000])).await.tickets[0];
        let given_up = Settled {
            ticket: ticket.unwrap(),
            confirmed: Confirmed::GivenUp {
                reason: reason.clone(),
            },
        };
        let nothing = KeepSent {
            bytes: ByteCount::new(0),
            ..KEEP
        };
        let outbox = store.outbox();
        outbox.settle(vec![given_up], nothing, NOW).await.unwrap();
    }
    let list = |database: &Database| given_up::list(database);
    let kept = store.run("read it", list).await.unwrap();
    let keys: Vec<_> = kept.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, ["2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!(kept[0].confirmed, Confirmed::GivenUp { reason });
    assert_eq!(kept[0].body, vec![2; 1_000_000]);
    let figures = store.outbox().figures().await.unwrap();
    assert_eq!((figures.given_up, figures.files.waiting), (10, 0));
}

/// What came of `all`, put in commits of `batch`: what was dropped, and what waits.
async fn put_by(batch: usize, all: &[Outgoing], caps: Caps) -> (Vec<Dropped>, Vec<Waiting>) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut dropped = Vec::new();
    for some in all.chunks(batch) {
        let put = store.outbox().put(some.to_vec(), caps, RAN).await.unwrap();
        assert_eq!(put.tickets.len(), some.len());
        dropped.extend(put.dropped);
    }
    let mut waiting = Vec::new();
    for lane in Lane::ALL {
        waiting.extend(next(&store, lane).await);
    }
    let figures = store.outbox().figures().await.unwrap();
    let lanes = [figures.outcomes, figures.reports, figures.files];
    let counted: u64 = lanes.iter().map(|lane| lane.waiting).sum();
    assert_eq!(counted, waiting.len() as u64);
    (dropped, waiting)
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(12))]

    // Some are longer than what is collected before it is written, some make room for others
    // of the same commit, and some find none.
    #[test]
    fn a_batch_is_kept_as_its_entries_one_by_one(
        of in proptest::collection::vec((0..3_usize, 0..40_000_usize), 1..30),
        batch in 2..30_usize,
        room in 50_000..1_000_000_u64,
    ) {
        let make = [outcome, report, file];
        let one = |(number, (lane, length)): (usize, &(usize, usize))| {
            make[*lane](&number.to_string(), &vec![7; *length])
        };
        let all: Vec<_> = of.iter().enumerate().map(one).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let kept = |batch| runtime.block_on(put_by(batch, &all, tight(room)));
        proptest::prop_assert_eq!(kept(batch), kept(1));
    }
}
