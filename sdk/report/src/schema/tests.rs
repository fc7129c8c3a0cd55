use proptest::prelude::*;

use super::*;
use crate::{Flaw, input::Input};

fn text(name: &str) -> Field {
    Field::new(name, Kind::Text, "", 0, Privacy::None).unwrap()
}

fn fields(count: usize) -> Vec<Field> {
    (0..count).map(|n| text(&format!("f{n}"))).collect()
}

#[test]
fn names_keep_to_their_grammar() {
    for bad in [
        "",
        "A",
        "1a",
        "-a",
        "a_b",
        "ä",
        "a b",
        "a\n",
        &"a".repeat(65),
    ] {
        let error = Field::new(bad, Kind::Text, "", 0, Privacy::None).unwrap_err();
        assert_eq!(error, SchemaError::Name(bad.to_owned()));
        let error = Collection::new(bad, 0, fields(1)).unwrap_err();
        assert_eq!(error, SchemaError::Name(bad.to_owned()));
    }
    for good in ["a", "a-1", "z9-", &"a".repeat(64)] {
        assert_eq!(text(good).name(), good);
    }
}

#[test]
fn units_and_quanta_are_bounded() {
    let field = |kind, unit: &str, quantum| Field::new("f", kind, unit, quantum, Privacy::None);
    assert!(field(Kind::Unsigned, &"u".repeat(32), u64::MAX).is_ok());
    let error = field(Kind::Unsigned, &"u".repeat(33), 0).unwrap_err();
    assert_eq!(
        error,
        SchemaError::Unit {
            field: "f".into(),
            length: 33
        }
    );
    for kind in [Kind::Text, Kind::Boolean] {
        assert_eq!(field(kind, "", 1), Err(SchemaError::Quantum("f".into())));
    }
    for kind in [Kind::Unsigned, Kind::Signed, Kind::Timestamp] {
        let error = Collection::new("c", 1, vec![field(kind, "", 1).unwrap()]).unwrap_err();
        assert!(matches!(error, SchemaError::KeyQuantum { .. }), "{error}");
    }
}

#[test]
fn collections_have_1_to_64_different_fields() {
    assert!(Collection::new("c", 64, fields(64)).is_ok());
    for count in [0, 65] {
        let error = Collection::new("c", 0, fields(count)).unwrap_err();
        assert_eq!(
            error,
            SchemaError::Fields {
                collection: "c".into(),
                fields: count
            }
        );
    }
    let error = Collection::new("c", 3, fields(2)).unwrap_err();
    let expected = SchemaError::KeyFields {
        collection: "c".into(),
        fields: 2,
        key_fields: 3,
    };
    assert_eq!(error, expected);
    let error = Collection::new("c", 0, vec![text("a"), text("b"), text("a")]).unwrap_err();
    assert_eq!(
        error,
        SchemaError::DuplicateField {
            collection: "c".into(),
            field: "a".into()
        }
    );
}

#[test]
fn schemas_have_1_to_64_different_collections() {
    let collections = |count| -> Vec<_> {
        (0..count)
            .map(|n| Collection::new(format!("c{n}"), 0, fields(1)).unwrap())
            .collect()
    };
    assert!(Schema::new(collections(64)).is_ok());
    assert_eq!(Schema::new(vec![]), Err(SchemaError::Collections(0)));
    assert_eq!(
        Schema::new(collections(65)),
        Err(SchemaError::Collections(65))
    );
    let twice = [collections(1), collections(1)].concat();
    assert_eq!(
        Schema::new(twice),
        Err(SchemaError::DuplicateCollection("c0".into()))
    );
}

#[test]
fn hash_tells_units_and_privacy_apart() {
    let schema = |unit, privacy| {
        let field = Field::new("f", Kind::Unsigned, unit, 0, privacy).unwrap();
        Schema::new(vec![Collection::new("c", 0, vec![field]).unwrap()])
            .unwrap()
            .hash()
    };
    assert_eq!(schema("ms", Privacy::None), schema("ms", Privacy::None));
    assert_ne!(schema("ms", Privacy::None), schema("s", Privacy::None));
    assert_ne!(schema("ms", Privacy::None), schema("ms", Privacy::Device));
}

#[test]
fn canonical_form_refuses_what_it_never_writes() {
    let read = |bytes: &[u8]| Schema::read(&mut Input::new(bytes)).unwrap_err();
    assert_eq!(read(&[65]), SchemaError::Collections(65).into());
    assert_eq!(
        read(&[1, 1, b'c', 0, 1, 1, b'f', 5, 0, 0, 0]),
        unknown("kind", 5)
    );
    assert_eq!(
        read(&[1, 1, b'c', 0, 1, 1, b'f', 0, 0, 0, 3]),
        unknown("privacy class", 3)
    );
    assert_eq!(read(&[1, 1, b'c', 0, 1, 1, b'f', 0]), Flaw::Truncated);
}

fn unknown(what: &'static str, code: u8) -> Flaw {
    Flaw::UnknownCode { what, code }
}

proptest! {
    #[test]
    fn canonical_form_comes_back(schema in crate::arbitrary::schema()) {
        let mut bytes = Vec::new();
        schema.write(&mut bytes);
        let mut input = Input::new(&bytes);
        prop_assert_eq!(&Schema::read(&mut input).unwrap(), &*schema);
        prop_assert!(input.is_empty());
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Schema::read(&mut Input::new(&bytes));
    }
}
