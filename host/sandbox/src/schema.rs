//! From the contract's schema to the report's.

use bailiwick_report::schema::{self, Schema, SchemaError};

use crate::bindings::exports::bailiwick::plugin::collect::{Collection, Field, Kind, Privacy};

/// The schema that a guest returned, checked.
pub(crate) fn schema(collections: Vec<Collection>) -> Result<Schema, SchemaError> {
    let collections: Result<_, _> = collections.into_iter().map(collection).collect();
    Schema::new(collections?)
}

fn collection(of: Collection) -> Result<schema::Collection, SchemaError> {
    let fields: Result<_, _> = of.fields.into_iter().map(field).collect();
    schema::Collection::new(of.name, of.key_fields, fields?)
}

fn field(of: Field) -> Result<schema::Field, SchemaError> {
    let kind = match of.kind {
        Kind::Text => schema::Kind::Text,
        Kind::Boolean => schema::Kind::Boolean,
        Kind::Unsigned => schema::Kind::Unsigned,
        Kind::Signed => schema::Kind::Signed,
        Kind::Timestamp => schema::Kind::Timestamp,
    };
    let privacy = match of.privacy {
        Privacy::None => schema::Privacy::None,
        Privacy::Device => schema::Privacy::Device,
        Privacy::Personal => schema::Privacy::Personal,
    };
    schema::Field::new(of.name, kind, of.unit, of.quantum, privacy)
}
