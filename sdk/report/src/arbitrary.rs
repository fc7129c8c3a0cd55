//! Schemas and snapshots for property tests.

use std::sync::Arc;

use proptest::{collection::vec, option, prelude::*};

use crate::{
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
};

/// A value that owns its text.
#[derive(Clone, Debug)]
enum Owned {
    Text(String),
    Boolean(bool),
    Unsigned(u64),
    Signed(i64),
    Timestamp(u64),
}

impl Owned {
    fn borrow(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(text),
            Self::Boolean(value) => Value::Boolean(*value),
            Self::Unsigned(number) => Value::Unsigned(*number),
            Self::Signed(number) => Value::Signed(*number),
            Self::Timestamp(time) => Value::Timestamp(*time),
        }
    }
}

fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..5, any::<u64>(), Just(u64::MAX), Just(i64::MAX as u64)]
}

/// Few different values, so that keys meet again in the next snapshot.
fn value(kind: Kind) -> BoxedStrategy<Owned> {
    match kind {
        Kind::Text => prop_oneof!["[ab]{0,2}", "\\PC{0,12}"]
            .prop_map(Owned::Text)
            .boxed(),
        Kind::Boolean => any::<bool>().prop_map(Owned::Boolean).boxed(),
        Kind::Unsigned => numbers().prop_map(Owned::Unsigned).boxed(),
        Kind::Signed => numbers().prop_map(|n| Owned::Signed(n as i64)).boxed(),
        Kind::Timestamp => numbers().prop_map(Owned::Timestamp).boxed(),
    }
}

fn field(name: String, key: bool) -> impl Strategy<Value = Field> {
    let kinds = [
        Kind::Text,
        Kind::Boolean,
        Kind::Unsigned,
        Kind::Signed,
        Kind::Timestamp,
    ];
    let privacies = [Privacy::None, Privacy::Device, Privacy::Personal];
    let quanta = prop_oneof![0u64..3, Just(64), any::<u64>()];
    let parts = (prop::sample::select(kinds.to_vec()), "[a-z]{0,8}", quanta);
    (parts, prop::sample::select(privacies.to_vec())).prop_map(
        move |((kind, unit, quantum), privacy)| {
            let plain = key || matches!(kind, Kind::Text | Kind::Boolean);
            Field::new(&name, kind, unit, if plain { 0 } else { quantum }, privacy).unwrap()
        },
    )
}

fn collection(name: String) -> impl Strategy<Value = Collection> {
    (1usize..12, 0usize..4).prop_flat_map(move |(fields, key)| {
        let key = key.min(fields);
        let name = name.clone();
        let fields: Vec<_> = (0..fields)
            .map(|n| field(format!("f{n}"), n < key))
            .collect();
        fields.prop_map(move |fields| Collection::new(&name, key as u8, fields).unwrap())
    })
}

/// Any schema of up to four collections.
pub(crate) fn schema() -> impl Strategy<Value = Arc<Schema>> {
    (1usize..5).prop_flat_map(|count| {
        let collections: Vec<_> = (0..count).map(|n| collection(format!("c{n}"))).collect();
        collections.prop_map(|collections| Arc::new(Schema::new(collections).unwrap()))
    })
}

type OwnedRow = Vec<Option<Owned>>;

fn rows(shape: &Collection) -> impl Strategy<Value = Vec<OwnedRow>> + use<> {
    let key_fields = shape.key_fields();
    let row: Vec<BoxedStrategy<Option<Owned>>> = shape
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| match index < key_fields {
            true => value(field.kind()).prop_map(Some).boxed(),
            false => option::of(value(field.kind())).boxed(),
        })
        .collect();
    vec(row, 0..if key_fields == 0 { 2 } else { 7 })
}

/// A buffer as a guest would write it: in any order, but each key once.
fn buffer(schema: &Schema, collections: &[Vec<OwnedRow>]) -> Vec<u8> {
    let mut encoder = Encoder::new(schema);
    for (index, rows) in collections.iter().enumerate() {
        let key_fields = schema.collections()[index].key_fields();
        let mut keys = std::collections::BTreeSet::new();
        for row in rows {
            if keys.insert(format!("{:?}", &row[..key_fields])) {
                let values: Vec<_> = row
                    .iter()
                    .map(|value| value.as_ref().map(Owned::borrow))
                    .collect();
                encoder.row(index, &values).unwrap();
            }
        }
    }
    encoder.finish()
}

fn buffers(schema: Arc<Schema>) -> impl Strategy<Value = Vec<u8>> {
    let collections: Vec<_> = schema.collections().iter().map(rows).collect();
    collections.prop_map(move |collections| buffer(&schema, &collections))
}

/// Any schema, and a buffer of it.
pub(crate) fn schema_and_buffer() -> impl Strategy<Value = (Arc<Schema>, Vec<u8>)> {
    schema().prop_flat_map(|schema| (Just(schema.clone()), buffers(schema)))
}

/// `count` snapshots of one schema.
pub(crate) fn snapshots(count: usize) -> impl Strategy<Value = Vec<Snapshot>> {
    schema().prop_flat_map(move |schema| {
        let decode = {
            let schema = schema.clone();
            move |buffer: Vec<u8>| Snapshot::decode(schema.clone(), &buffer).unwrap()
        };
        vec(buffers(schema).prop_map(decode), count)
    })
}
