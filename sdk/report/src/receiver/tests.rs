use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    arbitrary::snapshots,
    rows::{Encoder, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
    sender::Sender,
    wire::{Limits, Origin},
};

const DEVICE: [u8; 16] = [1; 16];

/// A device that sends numbers, and the console that it sends them to.
struct Pair {
    sender: Sender,
    receiver: Receiver,
    time: u64,
}

impl Pair {
    fn new() -> Self {
        Self {
            sender: Sender::new(100),
            receiver: Receiver::default(),
            time: 1000,
        }
    }

    fn report(&mut self, number: u64) -> Vec<u8> {
        self.time += 1;
        let origin = Origin::new(DEVICE, "sample", "0.1.0").unwrap();
        let prepared = self.sender.next(&origin, self.time, sample(number));
        self.sender = prepared.sender;
        prepared.bytes
    }

    fn receive(&mut self, bytes: &[u8]) -> Verdict {
        let report = Report::parse(bytes, Limits::default()).unwrap();
        self.receiver.accept(&report).unwrap()
    }

    fn send(&mut self, number: u64) -> Verdict {
        let bytes = self.report(number);
        self.receive(&bytes)
    }

    fn known(&self) -> &Snapshot {
        self.receiver.stream(DEVICE, "sample").unwrap().snapshot()
    }
}

fn sample(number: u64) -> Snapshot {
    let field = Field::new("number", Kind::Unsigned, "", 0, Privacy::None).unwrap();
    let collection = Collection::new("sample", 0, vec![field]).unwrap();
    let schema = Arc::new(Schema::new(vec![collection]).unwrap());
    let mut encoder = Encoder::new(&schema);
    encoder.row(0, &[Some(Value::Unsigned(number))]).unwrap();
    Snapshot::decode(schema.clone(), &encoder.finish()).unwrap()
}

#[track_caller]
fn assert_accepted(verdict: Verdict, full: bool) {
    match verdict {
        Verdict::Accepted(accepted) => assert_eq!(accepted.diff.is_none(), full),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_need_full(verdict: Verdict, reason: NeedFull) {
    match verdict {
        Verdict::NeedFull(found) => assert_eq!(found, reason),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_duplicate(verdict: Verdict) {
    assert!(matches!(verdict, Verdict::Duplicate), "{verdict:?}");
}

#[test]
fn a_full_report_and_diffs_are_followed() {
    let mut pair = Pair::new();
    assert_accepted(pair.send(1), true);
    assert_accepted(pair.send(2), false);
    assert_accepted(pair.send(2), false);
    assert_eq!(pair.known(), &sample(2));
    let stream = pair.receiver.stream(DEVICE, "sample").unwrap();
    assert_eq!(
        (stream.epoch(), stream.counter(), stream.taken_at()),
        (100, 2, 1003)
    );
}

#[test]
fn devices_and_plugins_are_kept_apart() {
    let mut pair = Pair::new();
    assert_accepted(pair.send(1), true);
    assert!(pair.receiver.stream([2; 16], "sample").is_none());
    assert!(pair.receiver.stream(DEVICE, "other").is_none());
}

#[test]
fn what_comes_again_is_recognised() {
    let mut pair = Pair::new();
    let reports: Vec<_> = (1..4).map(|number| pair.report(number)).collect();
    for report in &reports {
        assert!(matches!(pair.receive(report), Verdict::Accepted(_)));
        assert_duplicate(pair.receive(report));
    }
    for report in &reports {
        assert_duplicate(pair.receive(report));
    }
    assert_eq!(pair.known(), &sample(3));
}

#[test]
fn a_past_epoch_that_comes_again_changes_nothing() {
    let mut pair = Pair::new();
    let old = pair.report(1);
    assert_accepted(pair.receive(&old), true);
    pair.sender.restart(101);
    assert_accepted(pair.send(2), true);
    assert_duplicate(pair.receive(&old));
    assert_eq!(pair.known(), &sample(2));
    assert_accepted(pair.send(3), false);
}

#[test]
fn a_diff_without_its_full_report_is_of_no_use() {
    let mut pair = Pair::new();
    pair.report(1);
    assert_need_full(pair.send(2), NeedFull::Unknown);
    pair.sender.restart(101);
    assert_accepted(pair.send(3), true);
    pair.sender.restart(102);
    pair.report(4);
    assert_need_full(
        pair.send(5),
        NeedFull::Epoch {
            known: 101,
            found: 102,
        },
    );
    assert_eq!(pair.known(), &sample(3));
}

#[test]
fn a_gap_asks_for_a_full_report_which_closes_it() {
    let mut pair = Pair::new();
    assert_accepted(pair.send(1), true);
    pair.report(2);
    assert_need_full(
        pair.send(3),
        NeedFull::Gap {
            expected: 1,
            found: 2,
        },
    );
    pair.sender.restart(101);
    assert_accepted(pair.send(4), true);
    assert_accepted(pair.send(5), false);
}

#[test]
fn a_restored_device_is_noticed() {
    let mut pair = Pair::new();
    assert_accepted(pair.send(1), true);
    let backup = pair.sender.clone();
    assert_accepted(pair.send(2), false);
    assert_accepted(pair.send(3), false);
    pair.sender = backup;
    assert_need_full(pair.send(4), NeedFull::Rewound);
    pair.sender.restart(101);
    assert_accepted(pair.send(4), true);
}

#[test]
fn a_diff_against_other_rows_is_refused() {
    let mut pair = Pair::new();
    let (_, mut other) = (assert_accepted(pair.send(1), true), Pair::new());
    other.report(7);
    let diff = other.report(8);
    let (known, found) = (sample(1).hash(), sample(7).hash());
    assert_need_full(pair.receive(&diff), NeedFull::Base { known, found });
}

#[test]
fn a_diff_with_another_result_is_refused() {
    let mut pair = Pair::new();
    assert_accepted(pair.send(1), true);
    let origin = Origin::new(DEVICE, "sample", "0.1.0").unwrap();
    let mut envelope = pair.sender.next(&origin, 2000, sample(2)).envelope;
    envelope.result = sample(3).hash();
    let diff = Diff::between(&sample(1), &sample(2)).unwrap();
    let bytes = crate::wire::encode_diff(&envelope, &diff);
    let (expected, found) = (sample(3).hash(), sample(2).hash());
    assert_need_full(pair.receive(&bytes), NeedFull::Result { expected, found });
    assert_eq!(pair.known(), &sample(1));
}

#[test]
fn past_epochs_are_remembered_within_bounds() {
    let mut pair = Pair::new();
    for epoch in 0..100 {
        pair.sender.restart(epoch);
        assert_accepted(pair.send(epoch), true);
    }
    let stream = pair.receiver.stream(DEVICE, "sample").unwrap();
    assert_eq!(stream.retired, (91..99).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn the_receiver_has_what_the_sender_has(snapshots in snapshots(5)) {
        let mut sender = Sender::new(1);
        let mut known: Option<Stream> = None;
        let origin = Origin::new(DEVICE, "sample", "0.1.0").unwrap();
        for (time, snapshot) in snapshots.into_iter().enumerate() {
            let prepared = sender.next(&origin, time as u64, snapshot.clone());
            sender = Sender::from_bytes(&prepared.sender.to_bytes()).unwrap();
            let report = Report::parse(&prepared.bytes, Limits::default()).unwrap();
            let verdict = Stream::accept(known.as_ref(), &report).unwrap();
            let Verdict::Accepted(accepted) = verdict else { panic!("{verdict:?}") };
            prop_assert_eq!(accepted.stream.snapshot(), &snapshot);
            let stream = Stream::from_bytes(&accepted.stream.to_bytes()).unwrap();
            prop_assert_eq!(&stream, &accepted.stream);
            known = Some(stream);
        }
    }

    #[test]
    fn any_content_is_read_without_panic(content in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Stream::from_bytes(&content);
        let _ = Stream::from_bytes(&saved::seal(MAGIC, |out| out.extend_from_slice(&content)));
    }
}
