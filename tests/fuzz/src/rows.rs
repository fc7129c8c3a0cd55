//! What `collect` returns: any bytes are rows of the schema or refused. Rows that are taken
//! are written again as they came.

#![no_main]

use std::sync::{Arc, LazyLock};

use bailiwick_report::{
    rows::Snapshot,
    schema::{Collection, Field, Kind, Privacy, Schema},
};
use libfuzzer_sys::fuzz_target;

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let field = |name, kind| Field::new(name, kind, "", 0, Privacy::None).expect("a field");
    let single = vec![
        field("name", Kind::Text),
        field("virtual", Kind::Boolean),
        field("cores", Kind::Unsigned),
    ];
    let keyed = vec![
        field("package", Kind::Text),
        field("number", Kind::Signed),
        field("installed", Kind::Timestamp),
    ];
    let collections = vec![
        Collection::new("machine", 0, single).expect("a collection"),
        Collection::new("software", 2, keyed).expect("a collection"),
    ];
    Arc::new(Schema::new(collections).expect("a schema"))
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(snapshot) = Snapshot::decode(Arc::clone(&SCHEMA), bytes) {
        let again = snapshot.to_buffer();
        let read = Snapshot::decode(Arc::clone(&SCHEMA), &again).expect("what we wrote");
        assert_eq!(read.hash(), snapshot.hash());
    }
});
