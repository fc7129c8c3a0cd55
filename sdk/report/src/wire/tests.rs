use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    arbitrary::snapshots,
    rows::{Encoder, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
};

fn envelope(base: Option<&Snapshot>, result: &Snapshot) -> Envelope {
    Envelope {
        origin: Origin::new([7; 16], "inventory", "0.1.0").unwrap(),
        taken_at: 1_763_000_000_000,
        epoch: 0x0123_4567_89ab_cdef,
        counter: 3,
        schema: result.schema().hash(),
        base: base.map(Snapshot::hash),
        result: result.hash(),
    }
}

fn full(snapshot: &Snapshot) -> Vec<u8> {
    encode_full(&envelope(None, snapshot), snapshot)
}

fn differential(old: &Snapshot, new: &Snapshot) -> Vec<u8> {
    encode_diff(&envelope(Some(old), new), &Diff::between(old, new).unwrap())
}

fn parse(bytes: &[u8]) -> Result<Report<'_>, WireError> {
    Report::parse(bytes, Limits::default())
}

/// A text as key and a number.
fn schema(quantum: u64) -> Arc<Schema> {
    let name = Field::new("name", Kind::Text, "", 0, Privacy::None).unwrap();
    let size = Field::new("size", Kind::Unsigned, "", quantum, Privacy::None).unwrap();
    let file = Collection::new("file", 1, vec![name, size]).unwrap();
    Arc::new(Schema::new(vec![file]).unwrap())
}

fn files(names: &[&str]) -> Snapshot {
    let schema = schema(0);
    let mut encoder = Encoder::new(&schema);
    for (size, name) in names.iter().enumerate() {
        encoder
            .row(
                0,
                &[Some((*name).into()), Some(Value::Unsigned(size as u64))],
            )
            .unwrap();
    }
    Snapshot::decode(schema.clone(), &encoder.finish()).unwrap()
}

/// The flaw of a full report whose rows are these bytes.
fn flaw_of_full(quantum: u64, rows: &[u8], limits: Limits) -> Flaw {
    let empty = Snapshot::empty(schema(quantum));
    let mut bytes = Vec::new();
    envelope::write(&envelope(None, &empty), false, &mut bytes);
    empty.schema().write(&mut bytes);
    bytes.extend_from_slice(rows);
    match Report::parse(&bytes, limits).unwrap().snapshot() {
        Err(WireError::Rows(error)) => error.flaw,
        other => panic!("{other:?}"),
    }
}

#[test]
fn columns_that_break_the_layout_are_refused() {
    // rows, run of prefixes, run of suffixes, presence, differences
    let cases: [(&[u8], Flaw); 12] = [
        (b"", Flaw::Truncated),
        (b"\xc1\x84\x3d", Flaw::TooManyRows(1_000_001)),
        (
            b"\x01\x01\x00\x02a\xff\x03",
            Flaw::UnknownCode {
                what: "presence",
                code: 3,
            },
        ),
        (b"\x01\x01\x00\x02a\xff\x02\x02", Flaw::UnusedBits),
        (
            b"\x01\x01\x01\x02a\xff\x00",
            Flaw::Prefix {
                prefix: 1,
                length: 0,
            },
        ),
        (b"\x01\x01\x00\x01a\x00", Flaw::Truncated),
        (b"\x01\x01\x00\x03a\xffb\x00", Flaw::LeftOver(1)),
        (b"\x01\x02\x00\x00\x02a\xff\x00", Flaw::LeftOver(1)),
        (b"\x01\x01\x00\x02\xfe\xff\x00", Flaw::NotUtf8),
        (
            b"\x01\x01\x00\x09a",
            Flaw::LengthBeyondEnd { length: 9, left: 1 },
        ),
        (b"\x02\x02\x00\x01\x03a\xff\xff\x00", Flaw::KeyOrder),
        (b"\x00\x00", Flaw::LeftOver(1)),
    ];
    for (rows, flaw) in cases {
        assert_eq!(flaw_of_full(0, rows, Limits::default()), flaw, "{rows:x?}");
    }
    let unrounded = b"\x01\x01\x00\x02a\xff\x01\x01\x0e";
    assert_eq!(
        flaw_of_full(10, unrounded, Limits::default()),
        Flaw::NotQuantised(10)
    );
    let long = "x".repeat(65_537);
    let rows = [b"\x01\x01\x00\x82\x80\x04", long.as_bytes(), b"\xff\x00"].concat();
    assert!(matches!(
        flaw_of_full(0, &rows, Limits::default()),
        Flaw::TextTooLong(_)
    ));
    let rows = [
        b"\x02\x04\x00\x80\x80\x04\x83\x80\x04",
        &long.as_bytes()[1..],
        b"\xffb\xff\x00",
    ]
    .concat();
    assert!(matches!(
        flaw_of_full(0, &rows, Limits::default()),
        Flaw::TextTooLong(_)
    ));
}

#[test]
fn texts_that_repeat_by_reference_stay_within_the_limit() {
    let names: Vec<String> = (0..1000)
        .map(|n| format!("{}{n:04}", "x".repeat(5000)))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let snapshot = files(&names);
    let bytes = full(&snapshot);
    assert!(bytes.len() < 20_000, "{}", bytes.len());
    assert_eq!(parse(&bytes).unwrap().snapshot().unwrap(), snapshot);
    let limits = Limits {
        rows: 1_000_000,
        ..Limits::default()
    };
    match Report::parse(&bytes, limits).unwrap().snapshot() {
        Err(WireError::Rows(error)) => assert_eq!(error.flaw, Flaw::TooLarge(1_000_000)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn diffs_that_break_the_layout_are_refused() {
    let empty = Snapshot::empty(schema(0));
    let flaw = |body: &[u8]| {
        let mut bytes = Vec::new();
        envelope::write(&envelope(Some(&empty), &empty), false, &mut bytes);
        bytes.extend_from_slice(body);
        match parse(&bytes).unwrap().diff(empty.schema()) {
            Err(WireError::Rows(error)) => error.flaw,
            other => panic!("{other:?}"),
        }
    };
    let unknown = Flaw::NoSuchCollection {
        index: 1,
        collections: 1,
    };
    assert_eq!(flaw(b"\x01\x00\x00\x00"), unknown);
    let twice = Flaw::CollectionOrder {
        index: 0,
        previous: 0,
    };
    assert_eq!(flaw(b"\x00\x00\x00\x00\x00\x00\x00\x00"), twice);
    // one changed row: key `a`, size absent, cleared bits
    assert_eq!(
        flaw(b"\x00\x00\x01\x00\x01\x00\x02a\xff\x00\x01"),
        Flaw::Cleared
    );
    assert_eq!(
        flaw(b"\x00\x00\x01\x00\x01\x00\x02a\xff\x00\x04"),
        Flaw::UnusedBits
    );
    // size both set and cleared
    assert_eq!(
        flaw(b"\x00\x00\x01\x00\x01\x00\x02a\xff\x01\x01\x02\x02"),
        Flaw::Cleared
    );
}

#[test]
fn later_versions_and_other_files_are_told_apart() {
    let mut bytes = full(&files(&["a"]));
    assert!(matches!(parse(b"{}"), Err(WireError::Magic)));
    assert!(matches!(parse(b"BWP"), Err(WireError::Magic)));
    bytes[3] = 2;
    let error = parse(&bytes).unwrap_err().to_string();
    assert_eq!(
        error,
        "the report has version 2; this program reads version 1: update it"
    );
    (bytes[3], bytes[4]) = (1, 4);
    let error = parse(&bytes).unwrap_err().to_string();
    assert_eq!(
        error,
        "the report's envelope, byte 5: the set of flags 4 is unknown"
    );
}

#[test]
fn a_report_that_lies_about_its_content_is_refused() {
    let (one, other) = (files(&["a"]), files(&["b"]));
    let bytes = encode_full(&envelope(None, &other), &one);
    let error = parse(&bytes).unwrap().snapshot().unwrap_err();
    assert!(matches!(error, WireError::SnapshotHash { .. }), "{error}");
    let wrong = Envelope {
        schema: schema(10).hash(),
        ..envelope(None, &one)
    };
    let bytes = encode_full(&wrong, &one);
    let error = parse(&bytes).unwrap().snapshot().unwrap_err();
    assert!(matches!(error, WireError::SchemaHash), "{error}");
    let bytes = differential(&one, &other);
    let report = parse(&bytes).unwrap();
    assert!(matches!(report.snapshot(), Err(WireError::OtherContent(_))));
    assert!(matches!(
        report.diff(&schema(10)),
        Err(WireError::SchemaHash)
    ));
    let bytes = full(&one);
    let report = parse(&bytes).unwrap();
    assert!(matches!(
        report.diff(one.schema()),
        Err(WireError::OtherContent(_))
    ));
}

#[test]
fn origins_keep_to_their_grammar() {
    let name = |name: &str| Origin::new([0; 16], name, "1.0.0").is_ok();
    assert!(name("a") && name(&"a".repeat(63)));
    assert!(!name("") && !name("A") && !name("1") && !name("a/b") && !name(&"a".repeat(64)));
    let version = |version: &str| Origin::new([0; 16], "a", version).is_ok();
    assert!(version("1.2.3-rc.1+build") && version(&"1".repeat(64)));
    assert!(!version("") && !version("1 2") && !version("1\n") && !version(&"1".repeat(65)));
}

#[cfg(feature = "zstd")]
#[test]
fn a_decompression_bomb_stops_at_the_limit() {
    let mut bytes = Vec::new();
    envelope::write(&envelope(None, &files(&[])), true, &mut bytes);
    bytes.extend(zstd::bulk::compress(&vec![0; 100_000_000], 1).unwrap());
    assert!(bytes.len() < 20_000, "{}", bytes.len());
    let limits = Limits {
        body: 1_000_000,
        ..Limits::default()
    };
    let error = Report::parse(&bytes, limits).unwrap_err();
    assert!(
        matches!(error, WireError::BodyTooLarge(1_000_000)),
        "{error}"
    );
}

#[cfg(feature = "zstd")]
#[test]
fn a_truncated_frame_is_refused() {
    let names: Vec<String> = (0..100).map(|n| format!("name-{n:03}")).collect();
    let bytes = full(&files(
        &names.iter().map(String::as_str).collect::<Vec<_>>(),
    ));
    let error = parse(&bytes[..bytes.len() - 5]).unwrap_err();
    assert!(matches!(error, WireError::Compression(_)), "{error}");
}

#[cfg(not(feature = "zstd"))]
#[test]
fn compressed_reports_name_the_missing_feature() {
    let mut bytes = Vec::new();
    envelope::write(&envelope(None, &files(&[])), true, &mut bytes);
    assert!(matches!(parse(&bytes), Err(WireError::NoCompression)));
}

proptest! {
    #[test]
    fn full_reports_come_back(snapshots in snapshots(1)) {
        let bytes = full(&snapshots[0]);
        let report = parse(&bytes).unwrap();
        prop_assert_eq!(report.envelope(), &envelope(None, &snapshots[0]));
        prop_assert_eq!(&report.snapshot().unwrap(), &snapshots[0]);
    }

    #[test]
    fn diffs_come_back(snapshots in snapshots(2)) {
        let [old, new] = &snapshots[..] else { unreachable!() };
        let bytes = differential(old, new);
        let report = parse(&bytes).unwrap();
        prop_assert_eq!(report.envelope(), &envelope(Some(old), new));
        prop_assert_eq!(report.diff(old.schema()).unwrap(), Diff::between(old, new).unwrap());
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        let _ = body::read_full(&bytes, MAX_BYTES);
        let _ = body::read_diff(&bytes, &schema(3), MAX_BYTES);
    }

    #[test]
    fn damaged_bodies_are_read_without_panic(
        snapshots in snapshots(2),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let [old, new] = &snapshots[..] else { unreachable!() };
        let mut bodies =
            [body::write_full(new), body::write_diff(&Diff::between(old, new).unwrap())];
        for body in bodies.iter_mut().filter(|body| !body.is_empty()) {
            for (index, byte) in &changes {
                let index = index.index(body.len());
                body[index] = *byte;
            }
        }
        let _ = body::read_full(&bodies[0], MAX_BYTES);
        if let Ok(diff) = body::read_diff(&bodies[1], old.schema(), MAX_BYTES) {
            let _ = diff.apply(old);
        }
    }
}
