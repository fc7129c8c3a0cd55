use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    arbitrary::snapshots,
    rows::{Encoder, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
    wire::{Limits, Report},
};

fn origin() -> Origin {
    Origin::new([1; 16], "inventory", "0.1.0").unwrap()
}

fn schema(unit: &str) -> Arc<Schema> {
    let name = Field::new("name", Kind::Unsigned, "", 0, Privacy::None).unwrap();
    let size = Field::new("size", Kind::Unsigned, unit, 0, Privacy::None).unwrap();
    Arc::new(Schema::new(vec![Collection::new("file", 1, vec![name, size]).unwrap()]).unwrap())
}

fn files(unit: &str, sizes: &[u64]) -> Snapshot {
    let schema = schema(unit);
    let mut encoder = Encoder::new(&schema);
    for (name, size) in sizes.iter().enumerate() {
        encoder
            .row(
                0,
                &[Some(Value::Unsigned(name as u64)), Some((*size).into())],
            )
            .unwrap();
    }
    Snapshot::decode(schema.clone(), &encoder.finish()).unwrap()
}

#[test]
fn full_comes_first_and_diffs_after() {
    let first = Sender::new(9).next(&origin(), 1000, files("", &[1, 2, 3]));
    assert_eq!(first.content, Content::Full { rows: 3 });
    assert_eq!((first.envelope.epoch, first.envelope.counter), (9, 0));
    let second = first.sender.next(&origin(), 2000, files("", &[1, 2, 4]));
    assert_eq!(
        second.content,
        Content::Diff {
            added: 0,
            changed: 1,
            removed: 0
        }
    );
    assert_eq!(second.envelope.base, Some(first.envelope.result));
    assert_eq!((second.envelope.epoch, second.envelope.counter), (9, 1));
    assert_eq!(second.envelope.taken_at, 2000);
    let third = second.sender.next(&origin(), 3000, files("", &[1, 2, 4]));
    assert!(third.content.is_unchanged());
    assert_eq!(third.envelope.counter, 2);
    assert!(!second.content.is_unchanged() && !first.content.is_unchanged());
}

#[test]
fn a_report_that_is_dropped_leaves_no_gap() {
    let sender = Sender::new(9).next(&origin(), 1000, files("", &[1])).sender;
    let dropped = sender.next(&origin(), 2000, files("", &[2]));
    let sent = sender.next(&origin(), 3000, files("", &[3]));
    assert_eq!(dropped.envelope.counter, sent.envelope.counter);
    assert_eq!(dropped.envelope.base, sent.envelope.base);
}

#[test]
fn a_new_epoch_begins_with_a_full_report() {
    let mut sender = Sender::new(9).next(&origin(), 1000, files("", &[1])).sender;
    sender.restart(10);
    assert_eq!(sender.last(), None);
    let report = sender.next(&origin(), 2000, files("", &[1]));
    assert_eq!(report.content, Content::Full { rows: 1 });
    assert_eq!((report.envelope.epoch, report.envelope.counter), (10, 0));
}

#[test]
fn a_new_schema_is_sent_whole_in_the_same_epoch() {
    let sender = Sender::new(9).next(&origin(), 1000, files("", &[1])).sender;
    let report = sender.next(&origin(), 2000, files("bytes", &[1]));
    assert_eq!(report.content, Content::Full { rows: 1 });
    assert_eq!((report.envelope.epoch, report.envelope.counter), (9, 1));
}

#[test]
fn a_full_report_is_sent_where_it_is_shorter() {
    let many: Vec<u64> = (0..1000).map(|n| n * 7919 % 1_000_003).collect();
    let sender = Sender::new(9)
        .next(&origin(), 1000, files("", &many))
        .sender;
    let report = sender.next(&origin(), 2000, files("", &[5]));
    assert_eq!(report.content, Content::Full { rows: 1 });
    assert!(report.envelope.is_full());
    let parsed = Report::parse(&report.bytes, Limits::default()).unwrap();
    assert_eq!(parsed.snapshot().unwrap(), files("", &[5]));
}

#[test]
fn a_state_that_is_damaged_or_later_is_refused() {
    let sender = Sender::new(9).next(&origin(), 1000, files("", &[1])).sender;
    let bytes = sender.to_bytes();
    for index in 5..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[index] ^= 1;
        assert_eq!(
            Sender::from_bytes(&damaged),
            Err(SavedError::Checksum),
            "byte {index}"
        );
        assert!(Sender::from_bytes(&bytes[..index]).is_err());
    }
    let mut later = bytes.clone();
    later[4] = 2;
    assert_eq!(Sender::from_bytes(&later), Err(SavedError::Version(2)));
    assert_eq!(Sender::from_bytes(b""), Err(SavedError::Magic));
    assert_eq!(Sender::from_bytes(b"BWRS\x01"), Err(SavedError::Magic));
}

proptest! {
    #[test]
    fn saved_senders_come_back(snapshots in snapshots(1), epoch in any::<u64>()) {
        let new = Sender::new(epoch);
        prop_assert_eq!(&Sender::from_bytes(&new.to_bytes()).unwrap(), &new);
        let used = new.next(&origin(), 0, snapshots[0].clone()).sender;
        prop_assert_eq!(&Sender::from_bytes(&used.to_bytes()).unwrap(), &used);
    }

    #[test]
    fn any_content_is_read_without_panic(content in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Sender::from_bytes(&content);
        let _ = Sender::from_bytes(&saved::seal(MAGIC, |out| out.extend_from_slice(&content)));
    }
}
