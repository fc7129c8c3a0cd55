use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    Flaw,
    arbitrary::schema_and_buffer,
    schema::{Collection, Field, Kind, Privacy, Schema},
};

fn field(name: &str, kind: Kind, quantum: u64) -> Field {
    Field::new(name, kind, "", quantum, Privacy::None).unwrap()
}

/// `disk`, keyed by a name, and `system`, with at most one row.
fn schema() -> Arc<Schema> {
    let disk = vec![
        field("name", Kind::Text, 0),
        field("used", Kind::Unsigned, 100),
        field("removable", Kind::Boolean, 0),
        field("offset", Kind::Signed, 10),
    ];
    let system = vec![field("booted", Kind::Timestamp, 0)];
    let collections = vec![
        Collection::new("disk", 1, disk).unwrap(),
        Collection::new("system", 0, system).unwrap(),
    ];
    Arc::new(Schema::new(collections).unwrap())
}

fn disk(name: &str, used: u64) -> [Option<Value<'_>>; 4] {
    [
        Some(name.into()),
        Some(used.into()),
        None,
        Some(Value::Signed(-7)),
    ]
}

fn read(bytes: &[u8]) -> Result<Snapshot, RowsError> {
    Snapshot::decode(schema(), bytes)
}

/// The error of a buffer of `BWR1` and these bytes.
fn refusal(bytes: &[u8]) -> RowsError {
    read(&[b"BWR1", bytes].concat()).unwrap_err()
}

#[test]
fn rows_are_sorted_and_quantised() {
    let schema = schema();
    let mut encoder = Encoder::new(&schema);
    encoder.row(1, &[Some(Value::Timestamp(5))]).unwrap();
    encoder.row(0, &disk("sdb", 149)).unwrap();
    encoder.row(0, &disk("sda", 150)).unwrap();
    let snapshot = read(&encoder.finish()).unwrap();
    let rows: Vec<Vec<_>> = snapshot.rows(0).map(|row| row.values().collect()).collect();
    let row = |name, used| {
        vec![
            Some(Value::Text(name)),
            Some(Value::Unsigned(used)),
            None,
            Some(Value::Signed(-10)),
        ]
    };
    assert_eq!(rows, [row("sda", 200), row("sdb", 100)]);
    assert_eq!(
        snapshot.rows(1).next().unwrap().get(0),
        Some(Value::Timestamp(5))
    );
    assert_eq!(snapshot.row_count(), 3);
}

#[test]
fn layout_is_that_of_the_contract() {
    let schema = schema();
    let mut encoder = Encoder::new(&schema);
    encoder.row(1, &[Some(Value::Timestamp(300))]).unwrap();
    let values = [
        Some("sda".into()),
        None,
        Some(true.into()),
        Some(Value::Signed(-1)),
    ];
    encoder.row(0, &values).unwrap();
    let expected = b"BWR1\x00\x01\x0d\x03sda\x01\x01\x01\x01\x01\xac\x02";
    assert_eq!(encoder.finish(), expected);
}

#[test]
fn halves_round_away_from_zero_and_never_overflow() {
    let rounded =
        |value: Value<'static>, quantum| value.quantised(&field("f", value.kind(), quantum));
    assert_eq!(rounded(Value::Unsigned(4), 10), Value::Unsigned(0));
    assert_eq!(rounded(Value::Unsigned(5), 10), Value::Unsigned(10));
    assert_eq!(rounded(Value::Signed(-5), 10), Value::Signed(-10));
    assert_eq!(rounded(Value::Signed(-4), 10), Value::Signed(0));
    assert_eq!(
        rounded(Value::Timestamp(1501), 1000),
        Value::Timestamp(2000)
    );
    assert_eq!(
        rounded(Value::Unsigned(u64::MAX), 10),
        Value::Unsigned(u64::MAX - 5)
    );
    assert_eq!(
        rounded(Value::Unsigned(u64::MAX), u64::MAX),
        Value::Unsigned(u64::MAX)
    );
    assert_eq!(
        rounded(Value::Signed(i64::MAX), 10),
        Value::Signed(i64::MAX - 7)
    );
    assert_eq!(
        rounded(Value::Signed(i64::MIN), 10),
        Value::Signed(i64::MIN + 8)
    );
    assert_eq!(
        rounded(Value::Signed(i64::MIN), 1 << 63),
        Value::Signed(i64::MIN)
    );
    assert_eq!(rounded(Value::Signed(i64::MAX), 1 << 63), Value::Signed(0));
}

#[test]
fn encoder_refuses_rows_that_do_not_fit() {
    let schema = schema();
    let mut encoder = Encoder::new(&schema);
    let empty = encoder.clone().finish();
    let text = |error: EncodeError| error.to_string();
    let error = encoder.row(2, &[]).unwrap_err();
    assert_eq!(error, EncodeError::NoSuchCollection(2));
    let error = text(encoder.row(0, &[None]).unwrap_err());
    assert_eq!(error, "collection `disk`, row 0: 1 values for 4 fields");
    let error = text(encoder.row(0, &[None, None, None, None]).unwrap_err());
    assert_eq!(
        error,
        "collection `disk`, row 0: key field `name` is absent"
    );
    let values = [Some("sda".into()), Some(true.into()), None, None];
    let error = text(encoder.row(0, &values).unwrap_err());
    assert_eq!(
        error,
        "collection `disk`, row 0, field `used`: Boolean given, Unsigned declared"
    );
    let long = "x".repeat(MAX_TEXT + 1);
    let error = encoder.row(0, &disk(&long, 0)).unwrap_err();
    assert!(
        matches!(error, EncodeError::TextTooLong { length: 65_537, .. }),
        "{error}"
    );
    assert_eq!(
        encoder.clone().finish(),
        empty,
        "rows that fail leave nothing behind"
    );
    encoder.row(0, &disk(&long[1..], 0)).unwrap();
    encoder.row(1, &[None]).unwrap();
    let error = text(encoder.row(1, &[None]).unwrap_err());
    assert_eq!(error, "collection `system` takes at most 1 rows");
}

#[test]
fn errors_say_where() {
    let error = refusal(b"\x00\x02\x03\x01a\x05\x05\x01b\x02");
    assert_eq!(
        error.to_string(),
        "rows refused: collection `disk`, row 1, field `removable`, byte 14: \
         a boolean is 2; write 0 or 1"
    );
    assert_eq!(error.flaw, Flaw::NotBoolean(2));
    let error = read(b"BWR2").unwrap_err();
    assert_eq!(
        error.to_string(),
        "rows refused: byte 4: does not begin with `BWR1`"
    );
}

#[test]
fn every_rule_of_the_layout_is_checked() {
    let cases: [(&[u8], Flaw); 19] = [
        (
            b"\x02\x00",
            Flaw::NoSuchCollection {
                index: 2,
                collections: 2,
            },
        ),
        (
            b"\x01\x00\x00\x00",
            Flaw::CollectionOrder {
                index: 0,
                previous: 1,
            },
        ),
        (
            b"\x01\x00\x01\x00",
            Flaw::CollectionOrder {
                index: 1,
                previous: 1,
            },
        ),
        (b"\x80", Flaw::Truncated),
        (b"\x00\xc0\x84\x3d", Flaw::Truncated),
        (b"\x80\x00", Flaw::VarintNotShortest),
        (
            b"\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            Flaw::VarintTooLong,
        ),
        (
            b"\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            Flaw::VarintTooLong,
        ),
        (b"\x00\xc1\x84\x3d", Flaw::TooManyRows(1_000_001)),
        (b"\x01\x02\x00\x00", Flaw::SecondRow),
        (b"\x00\x01", Flaw::Truncated),
        (b"\x00\x01\x11\x01a", Flaw::UnusedBits),
        (b"\x00\x01\x00", Flaw::KeyAbsent),
        (
            b"\x00\x01\x01\x05a",
            Flaw::LengthBeyondEnd { length: 5, left: 1 },
        ),
        (b"\x00\x01\x01\x81\x80\x04a", Flaw::TextTooLong(65_537)),
        (b"\x00\x01\x01\x02\xc3\x28", Flaw::NotUtf8),
        (b"\x00\x01\x05\x01a\x02", Flaw::NotBoolean(2)),
        (b"\x00\x02\x01\x01a\x01\x01a", Flaw::DuplicateKey),
        (b"\x00\x03\x01\x01b\x01\x01a\x01\x01b", Flaw::DuplicateKey),
    ];
    for (bytes, flaw) in cases {
        assert_eq!(refusal(bytes).flaw, flaw, "{bytes:x?}");
    }
}

#[test]
fn duplicate_key_points_at_the_later_row() {
    let error = refusal(b"\x00\x03\x01\x01b\x01\x01a\x01\x01b");
    assert_eq!(
        (error.collection.as_deref(), error.row),
        (Some("disk"), Some(2))
    );
    assert_eq!((error.field, error.offset), (None, 12));
}

#[test]
fn empty_collections_are_left_out_of_the_canonical_buffer() {
    let snapshot = read(b"BWR1\x00\x00\x01\x00").unwrap();
    assert_eq!(snapshot, Snapshot::empty(schema()));
    assert_eq!(snapshot.to_buffer(), b"BWR1");
}

#[test]
fn a_buffer_beyond_the_bound_is_refused_unread() {
    let buffer = vec![0; MAX_BYTES + 1];
    assert_eq!(read(&buffer).unwrap_err().flaw, Flaw::TooLarge(MAX_BYTES));
}

#[test]
fn hash_tells_schemas_apart_even_without_rows() {
    let other = Collection::new("other", 0, vec![field("f", Kind::Text, 0)]).unwrap();
    let other = Snapshot::empty(Arc::new(Schema::new(vec![other]).unwrap()));
    assert_ne!(Snapshot::empty(schema()).hash(), other.hash());
}

proptest! {
    #[test]
    fn canonical_buffer_is_a_fixed_point((schema, buffer) in schema_and_buffer()) {
        let snapshot = Snapshot::decode(schema.clone(), &buffer).unwrap();
        let again = Snapshot::decode(schema, &snapshot.to_buffer()).unwrap();
        prop_assert_eq!(&again, &snapshot);
        prop_assert_eq!(again.hash(), snapshot.hash());
    }

    #[test]
    fn values_come_back_as_they_went_in((schema, buffer) in schema_and_buffer()) {
        let snapshot = Snapshot::decode(schema.clone(), &buffer).unwrap();
        let mut encoder = Encoder::new(&schema);
        for index in 0..schema.collections().len() {
            for row in snapshot.rows(index) {
                encoder.row(index, &row.values().collect::<Vec<_>>()).unwrap();
            }
        }
        prop_assert_eq!(encoder.finish(), snapshot.to_buffer());
    }

    #[test]
    fn keys_ascend((schema, buffer) in schema_and_buffer()) {
        let snapshot = Snapshot::decode(schema.clone(), &buffer).unwrap();
        for index in 0..schema.collections().len() {
            let keys: Vec<Vec<_>> = snapshot.rows(index).map(|row| row.key().collect()).collect();
            prop_assert!(keys.windows(2).all(|two| two[0] < two[1]));
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(
        (schema, mut buffer) in schema_and_buffer(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        noise in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let _ = Snapshot::decode(schema.clone(), &[b"BWR1", &noise[..]].concat());
        for (index, byte) in changes {
            let index = index.index(buffer.len());
            buffer[index] = byte;
        }
        if let Ok(snapshot) = Snapshot::decode(schema.clone(), &buffer) {
            prop_assert_eq!(Snapshot::decode(schema, &snapshot.to_buffer()).unwrap(), snapshot);
        }
    }
}
