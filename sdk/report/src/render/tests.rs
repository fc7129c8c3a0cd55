use std::sync::Arc;

use super::*;
use crate::{
    diff::Diff,
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
};

fn schema() -> Arc<Schema> {
    let field = |name, kind, unit| Field::new(name, kind, unit, 0, Privacy::None).unwrap();
    let disk = vec![
        field("name", Kind::Text, ""),
        field("part", Kind::Unsigned, ""),
        field("size", Kind::Unsigned, "bytes"),
        field("label", Kind::Text, ""),
        field("removable", Kind::Boolean, ""),
    ];
    let system = vec![
        field("booted", Kind::Timestamp, "ms"),
        field("offset", Kind::Signed, "s"),
    ];
    let collections = vec![
        Collection::new("disk", 2, disk).unwrap(),
        Collection::new("system", 0, system).unwrap(),
        Collection::new("user", 0, vec![field("name", Kind::Text, "")]).unwrap(),
    ];
    Arc::new(Schema::new(collections).unwrap())
}

fn snapshot(label: Option<&str>, parts: u64, booted: u64) -> Snapshot {
    let schema = schema();
    let mut encoder = Encoder::new(&schema);
    for part in 0..parts {
        let values = [
            Some("sda".into()),
            Some(part.into()),
            Some(u64::MAX.into()),
            label.map(Value::from),
            Some(false.into()),
        ];
        encoder.row(0, &values).unwrap();
    }
    let values = [Some(Value::Timestamp(booted)), Some(Value::Signed(-3))];
    encoder.row(1, &values).unwrap();
    Snapshot::decode(schema.clone(), &encoder.finish()).unwrap()
}

#[test]
fn snapshots_read_as_lines() {
    let expected = "\
disk (2 rows)
  sda / 0: size 18446744073709551615 bytes, label root, removable no
  sda / 1: size 18446744073709551615 bytes, label root, removable no
system (1 row)
  booted 2026-11-23T11:21:47.005Z, offset -3 s
";
    assert_eq!(
        text(&snapshot(Some("root"), 2, 1_795_432_907_005)).to_string(),
        expected
    );
}

#[test]
fn diffs_read_as_lines() {
    let old = snapshot(Some("old"), 2, 0);
    let expected = "\
disk (2 rows)
  ~ sda / 0: label absent
  - sda / 1
system (1 row)
  ~ booted 1970-01-01T00:00:01Z
";
    let new = Diff::between(&old, &snapshot(None, 1, 1000)).unwrap();
    assert_eq!(diff(&new).to_string(), expected);
    let back = Diff::between(&snapshot(Some(""), 0, 0), &snapshot(Some(""), 1, 0)).unwrap();
    let expected =
        "disk (1 row)\n  + sda / 0: size 18446744073709551615 bytes, label \"\", removable no\n";
    assert_eq!(diff(&back).to_string(), expected);
}

#[test]
fn what_would_steer_a_terminal_is_escaped() {
    let text = text(&snapshot(Some("a\x1b[2J\r\n\u{202e}b\u{9b}ü"), 1, 0)).to_string();
    assert!(
        text.contains(r"label a\u{1b}[2J\u{d}\u{a}\u{202e}b\u{9b}ü,"),
        "{text}"
    );
}

#[test]
fn dates_follow_the_calendar() {
    let cases = [
        (951_782_400_000, "2000-02-29T00:00:00Z"),
        (951_868_800_000, "2000-03-01T00:00:00Z"),
        (4_107_542_399_000, "2100-02-28T23:59:59Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        (1_767_225_599_000, "2025-12-31T23:59:59Z"),
        (u64::MAX, "584556019-04-03T14:25:51.615Z"),
    ];
    for (time, date) in cases {
        let text = text(&snapshot(None, 0, time)).to_string();
        assert_eq!(
            text,
            format!("system (1 row)\n  booted {date}, offset -3 s\n")
        );
    }
}

#[cfg(feature = "json")]
#[test]
fn json_keeps_order_digits_and_absence() {
    let expected = concat!(
        r#"{"disk":[{"name":"sda","part":0,"size":18446744073709551615,"removable":false}],"#,
        r#""system":[{"booted":5,"offset":-3}],"user":[]}"#
    );
    assert_eq!(json(&snapshot(None, 1, 5)).unwrap(), expected);
    let quoted = json(&snapshot(Some("\"\n\x1b"), 1, 5)).unwrap();
    assert!(quoted.contains(r#""label":"\"\n\u001b""#), "{quoted}");
}
