//! What the rows builder writes, the host's own decoder reads.

#![expect(
    clippy::unwrap_used,
    reason = "a schema that is no schema fails the test"
)]

use std::sync::Arc;

use bailiwick_report::{
    rows::{Snapshot, Value},
    schema,
};
use bailiwick_sdk::{Cell, Collection, Field, Rows, Schema};

fn field(name: &str, kind: schema::Kind) -> schema::Field {
    schema::Field::new(name, kind, "", 0, schema::Privacy::None).unwrap()
}

/// The same schema twice: ten fields, so that presence takes two bytes.
fn schemas() -> (Schema, Arc<schema::Schema>) {
    let numbers = ["b", "c", "d", "e", "f", "g"];
    let mut fields = vec![
        Field::boolean("flag"),
        Field::signed("offset"),
        Field::timestamp("since"),
    ];
    fields.extend(numbers.map(Field::unsigned));
    let guest = Schema::new([
        Collection::single("single", [Field::text("only")]),
        Collection::keyed("keyed", [Field::text("key")], fields),
    ]);
    let mut fields = vec![
        field("key", schema::Kind::Text),
        field("flag", schema::Kind::Boolean),
        field("offset", schema::Kind::Signed),
        field("since", schema::Kind::Timestamp),
    ];
    fields.extend(numbers.map(|name| field(name, schema::Kind::Unsigned)));
    let host = schema::Schema::new(vec![
        schema::Collection::new("single", 0, vec![field("only", schema::Kind::Text)]).unwrap(),
        schema::Collection::new("keyed", 1, fields).unwrap(),
    ]);
    (guest, Arc::new(host.unwrap()))
}

#[test]
fn rows_with_every_kind_and_absences() {
    let (guest, host) = schemas();
    let mut rows = Rows::new(&guest);
    let mut row = vec![
        Cell::from("ä"),
        true.into(),
        i64::MIN.into(),
        1_780_000_000_000_u64.into(),
    ];
    row.extend([0, 127, 128, u64::MAX].map(Cell::from));
    row.extend([Cell::ABSENT, 7_u64.into()]);
    assert!(rows.push("keyed", row));
    let mut empty = vec![Cell::from("")];
    empty.resize(10, Cell::ABSENT);
    assert!(rows.push("keyed", empty));

    let snapshot = Snapshot::decode(host, &rows.into_bytes()).unwrap();
    assert_eq!(snapshot.rows(0).len(), 0);
    let rows: Vec<Vec<_>> = snapshot.rows(1).map(|row| row.values().collect()).collect();
    let mut empty = vec![Some(Value::Text(""))];
    empty.resize(10, None);
    let full = vec![
        Some(Value::Text("ä")),
        Some(Value::Boolean(true)),
        Some(Value::Signed(i64::MIN)),
        Some(Value::Timestamp(1_780_000_000_000)),
        Some(Value::Unsigned(0)),
        Some(Value::Unsigned(127)),
        Some(Value::Unsigned(128)),
        Some(Value::Unsigned(u64::MAX)),
        None,
        Some(Value::Unsigned(7)),
    ];
    assert_eq!(rows, [empty, full]);
}
