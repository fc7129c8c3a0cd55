//! JSON for scripts.

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

use crate::rows::{Row, Snapshot, Value};

/// A snapshot as JSON: an object with an array per collection, of an object per row, both
/// in the schema's order. Absent fields are left out; timestamps are milliseconds since
/// 1970-01-01T00:00:00Z; numbers have all their digits, up to 2^64 − 1.
#[derive(Clone, Copy, Debug)]
pub struct Json<'a>(pub &'a Snapshot);

/// A snapshot as a line of JSON.
///
/// # Errors
/// None that serde_json has for maps with text keys.
pub fn json(snapshot: &Snapshot) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Json(snapshot))
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let collections = self.0.schema().collections();
        let mut map = serializer.serialize_map(Some(collections.len()))?;
        for (index, shape) in collections.iter().enumerate() {
            map.serialize_entry(shape.name(), &Rows(self.0, index))?;
        }
        map.end()
    }
}

struct Rows<'a>(&'a Snapshot, usize);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = self.0.rows(self.1);
        let mut sequence = serializer.serialize_seq(Some(rows.len()))?;
        for row in rows {
            sequence.serialize_element(&OneRow(row))?;
        }
        sequence.end()
    }
}

struct OneRow<'a>(Row<'a>);

impl Serialize for OneRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (field, value) in self.0.collection().fields().iter().zip(self.0.values()) {
            match value {
                None => {}
                Some(Value::Text(text)) => map.serialize_entry(field.name(), text)?,
                Some(Value::Boolean(value)) => map.serialize_entry(field.name(), &value)?,
                Some(Value::Unsigned(number) | Value::Timestamp(number)) => {
                    map.serialize_entry(field.name(), &number)?;
                }
                Some(Value::Signed(number)) => map.serialize_entry(field.name(), &number)?,
            }
        }
        map.end()
    }
}
