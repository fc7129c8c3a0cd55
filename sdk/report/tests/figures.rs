//! The sizes that the project promises, on the inventory of
//! `tests/benches/fixtures/inventory.json`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that fails here says in which line"
)]

use std::sync::Arc;

use bailiwick_report::{
    receiver::{Stream, Verdict},
    render,
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
    sender::{Content, Sender},
    wire::{Limits, Origin, Report},
};
use serde_json::Value as Json;

/// Largest full report of the fixture, in bytes.
const FULL: usize = 16_000;
/// Largest differential report with three fields changed, in bytes.
const DIFF: usize = 400;

fn fixture() -> Json {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/benches/fixtures/inventory.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap()
}

fn field(json: &Json) -> Field {
    let kind = match text(&json["kind"]) {
        "text" => Kind::Text,
        "boolean" => Kind::Boolean,
        "unsigned" => Kind::Unsigned,
        "timestamp" => Kind::Timestamp,
        other => panic!("{other}"),
    };
    let privacy = match text(&json["privacy"]) {
        "none" => Privacy::None,
        "device" => Privacy::Device,
        "personal" => Privacy::Personal,
        other => panic!("{other}"),
    };
    let quantum = json["quantum"].as_u64().unwrap();
    Field::new(
        text(&json["name"]),
        kind,
        text(&json["unit"]),
        quantum,
        privacy,
    )
    .unwrap()
}

fn schema(fixture: &Json) -> Arc<Schema> {
    let collections = fixture["schema"].as_array().unwrap().iter().map(|json| {
        let fields = json["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(field)
            .collect();
        let key_fields = json["key-fields"].as_u64().unwrap() as u8;
        Collection::new(text(&json["name"]), key_fields, fields).unwrap()
    });
    Arc::new(Schema::new(collections.collect()).unwrap())
}

fn value<'a>(field: &Field, json: &'a Json) -> Option<Value<'a>> {
    Some(match field.kind() {
        Kind::Text => json.as_str()?.into(),
        Kind::Boolean => json.as_bool()?.into(),
        Kind::Unsigned => json.as_u64()?.into(),
        Kind::Signed => json.as_i64()?.into(),
        Kind::Timestamp => Value::Timestamp(json.as_u64()?),
    })
}

fn snapshot(fixture: &Json) -> Snapshot {
    let schema = schema(fixture);
    let mut encoder = Encoder::new(&schema);
    for (index, shape) in schema.collections().iter().enumerate() {
        for row in fixture["rows"][shape.name()].as_array().unwrap() {
            let values: Vec<_> = shape
                .fields()
                .iter()
                .map(|field| value(field, &row[field.name()]))
                .collect();
            encoder.row(index, &values).unwrap();
        }
    }
    Snapshot::decode(schema.clone(), &encoder.finish()).unwrap()
}

/// A kernel, one package's version and an address change.
fn three_fields_changed(fixture: &Json) -> Snapshot {
    let mut changed = fixture.clone();
    changed["rows"]["system"][0]["kernel"] = "6.1.0-39-amd64".into();
    changed["rows"]["link"][0]["address"] = "198.51.100.23".into();
    let packages = changed["rows"]["package"].as_array_mut().unwrap();
    let library = packages
        .iter_mut()
        .find(|package| package["name"] == "libssl3")
        .unwrap();
    library["version"] = "3.0.22-1~deb12u3".into();
    snapshot(&changed)
}

fn origin() -> Origin {
    Origin::new(*b"0123456789abcdef", "inventory", "0.1.0").unwrap()
}

#[test]
fn reports_of_the_fixture_keep_to_their_sizes_and_arrive() {
    let fixture = fixture();
    assert_eq!(fixture["rows"]["package"].as_array().unwrap().len(), 916);
    let (first, second) = (snapshot(&fixture), three_fields_changed(&fixture));
    // An epoch is a random number: one with no zeros.
    let sender = Sender::new(0xdead_beef_cafe_f00d);
    let full = sender.next(&origin(), 1_763_897_000_000, first.clone());
    println!(
        "rows {} bytes, full report {} bytes",
        first.to_buffer().len(),
        full.bytes.len()
    );
    assert!(full.bytes.len() <= FULL, "{}", full.bytes.len());

    let diff = full
        .sender
        .next(&origin(), 1_763_900_600_000, second.clone());
    println!("differential report {} bytes", diff.bytes.len());
    assert_eq!(
        diff.content,
        Content::Diff {
            added: 0,
            changed: 3,
            removed: 0
        }
    );
    assert!(diff.bytes.len() <= DIFF, "{}", diff.bytes.len());

    let receive = |known: Option<&Stream>, bytes: &[u8]| {
        let report = Report::parse(bytes, Limits::default()).unwrap();
        match Stream::accept(known, &report).unwrap() {
            Verdict::Accepted(accepted) => accepted.stream,
            other => panic!("{other:?}"),
        }
    };
    let stream = receive(None, &full.bytes);
    assert_eq!(stream.snapshot(), &first);
    assert_eq!(receive(Some(&stream), &diff.bytes).snapshot(), &second);
}

#[test]
fn json_of_the_fixture_is_the_fixture() {
    let fixture = fixture();
    let mut expected = fixture["rows"].clone();
    // The only number that is no multiple of its quantum, 1 MiB.
    assert_eq!(expected["system"][0]["memory"], 16_633_348_096_u64);
    expected["system"][0]["memory"] = (15_863_u64 << 20).into();
    let json: Json = serde_json::from_str(&render::json(&snapshot(&fixture)).unwrap()).unwrap();
    assert_eq!(json, expected);
}
