//! Files that are written, read, damaged and made up.

use std::sync::Arc;

use proptest::prelude::*;

use super::{ColumnarError, File, MAX_SAMPLES, PURPOSE, Subject, Writer};
use crate::{
    arbitrary, hash,
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
    wire::Limits,
};

fn subject() -> Subject {
    Subject {
        plugin: "session-analyzer".to_owned(),
        version: "0.1.0".to_owned(),
        session: "7#12".to_owned(),
    }
}

fn write(snapshots: &[Snapshot]) -> Vec<u8> {
    let mut writer = Writer::new(Arc::clone(snapshots[0].schema()), subject());
    for (index, snapshot) in snapshots.iter().enumerate() {
        assert!(writer.add(1_000_000 + 15_000 * index as u64, snapshot.clone()));
    }
    writer.finish()
}

fn read(bytes: &[u8]) -> Result<Vec<Snapshot>, ColumnarError> {
    let file = File::parse(bytes, Limits::default())?;
    file.samples()?
        .map(|sample| sample.map(|(_, snapshot)| snapshot))
        .collect()
}

fn processes() -> Arc<Schema> {
    let text = |name| Field::new(name, Kind::Text, "", 0, Privacy::None).unwrap();
    let number = |name, quantum| Field::new(name, Kind::Unsigned, "", quantum, Privacy::None);
    let fields = vec![
        number("pid", 0).unwrap(),
        text("name"),
        number("memory", 65_536).unwrap(),
        Field::new("balance", Kind::Signed, "", 10, Privacy::None).unwrap(),
    ];
    Arc::new(Schema::new(vec![Collection::new("process", 1, fields).unwrap()]).unwrap())
}

fn sample(rows: &[(u64, &str, Option<u64>, i64)]) -> Snapshot {
    let schema = processes();
    let mut encoder = Encoder::new(&schema);
    for (pid, name, memory, balance) in rows {
        let values: [Option<Value<'_>>; 4] = [
            Some((*pid).into()),
            Some((*name).into()),
            memory.map(Value::from),
            Some((*balance).into()),
        ];
        encoder.row(0, &values).unwrap();
    }
    let buffer = encoder.finish();
    Snapshot::decode(schema, &buffer).unwrap()
}

#[test]
fn rows_come_go_change_and_lose_values() {
    let samples = [
        sample(&[(1, "init", Some(65_536), -20), (5, "sh", None, 0)]),
        sample(&[
            (1, "init", Some(131_072), 30),
            (3, "sh", Some(0), 0),
            (5, "sh", Some(65_536), 0),
        ]),
        sample(&[]),
        sample(&[(5, "sh", None, i64::MIN / 10 * 10)]),
        sample(&[(5, "zsh", None, 9_223_372_036_854_775_800)]),
    ];
    let bytes = write(&samples);
    let file = File::parse(&bytes, Limits::default()).unwrap();
    assert_eq!(file.subject(), &subject());
    assert_eq!(file.times()[..2], [1_000_000, 1_015_000]);
    assert_eq!(read(&bytes).unwrap(), samples);
}

#[test]
fn a_file_without_samples_is_one() {
    let bytes = Writer::new(processes(), subject()).finish();
    assert_eq!(read(&bytes).unwrap(), []);
}

#[test]
fn a_full_file_and_another_schema_take_no_more() {
    let mut writer = Writer::new(processes(), subject());
    let empty = Snapshot::empty(processes());
    for time in 0..MAX_SAMPLES as u64 {
        assert!(writer.add(time, empty.clone()));
    }
    assert!(!writer.add(0, empty));
    assert_eq!(writer.span(), Some((0, MAX_SAMPLES as u64 - 1)));
    let other = Schema::new(vec![
        Collection::new(
            "other",
            0,
            vec![Field::new("a", Kind::Text, "", 0, Privacy::None).unwrap()],
        )
        .unwrap(),
    ]);
    let mut writer = Writer::new(processes(), subject());
    assert!(!writer.add(0, Snapshot::empty(Arc::new(other.unwrap()))));
    assert_eq!(writer.samples(), 0);
}

#[test]
fn a_changed_byte_and_a_cut_are_noticed() {
    let bytes = write(&[sample(&[(1, "init", Some(65_536), 0)])]);
    for at in 0..bytes.len() {
        assert!(read(&bytes[..at]).is_err(), "cut at {at}");
        let mut changed = bytes.clone();
        changed[at] ^= 0x40;
        assert!(read(&changed).is_err(), "changed at {at}");
    }
}

#[test]
fn a_later_version_says_so() {
    let mut bytes = write(&[sample(&[])]);
    bytes[3] = 2;
    let error = read(&bytes).unwrap_err().to_string();
    assert!(error.contains("version 2"), "{error}");
}

/// An uncompressed file of these bytes, with the checksum that belongs to them.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut bytes = b"BWC\x01\x00".to_vec();
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(&hash::short(PURPOSE, &[body]));
    bytes
}

/// The body of a file, whether it is compressed or not.
fn opened(file: &[u8]) -> Vec<u8> {
    let body = crate::wire::compression::open(&file[5..], file[4] == 1, usize::MAX).unwrap();
    body[..body.len() - 8].to_vec()
}

#[test]
fn a_small_file_does_not_become_many_rows() {
    // One sample: six runs and four fields of which one has texts.
    let mut body = opened(&write(&[sample(&[])]));
    let counts = body.len() - 14;
    assert_eq!(body[counts..], [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    // Nothing gone, a million new rows, nothing changed.
    body.splice(counts..counts + 4, [5, 0, 0xc0, 0x84, 0x3d, 0]);
    let error = read(&sealed(&body)).unwrap_err();
    assert!(
        matches!(error, ColumnarError::Sample { sample: 0, .. }),
        "{error}"
    );
}

proptest! {
    #[test]
    fn any_samples_come_back(snapshots in arbitrary::snapshots(4)) {
        prop_assert_eq!(read(&write(&snapshots)).unwrap(), snapshots);
    }

    #[test]
    fn any_bytes_are_refused_or_read(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&body);
        let _ = read(&sealed(&body));
    }

    /// Damage behind a checksum that matches: the reader alone is left to notice.
    #[test]
    fn damaged_columns_are_refused_or_read(
        snapshots in arbitrary::snapshots(3),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let body = opened(&write(&snapshots));
        let mut changed = body.clone();
        for (at, byte) in changes {
            let at = at.index(changed.len());
            changed[at] = byte;
        }
        let _ = read(&sealed(&changed));
        let _ = read(&sealed(&body[..cut.index(body.len())]));
    }
}
