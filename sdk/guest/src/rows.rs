//! The rows of one `collect`, written in the layout that the contract gives at `collect`.

use std::collections::BTreeSet;

use crate::{Field, Kind, Schema};

/// Longest text of one value, in bytes: the contract's bound.
const LONGEST_TEXT: usize = 64 << 10;

/// Begins a buffer of layout version 1.
const MAGIC: &[u8; 4] = b"BWR1";

/// The value of one field, or its absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell(Value);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Absent,
    Text(String),
    Boolean(bool),
    /// An unsigned number or a timestamp, whichever the field is.
    Unsigned(u64),
    Signed(i64),
}

impl Cell {
    /// No value.
    pub const ABSENT: Self = Self(Value::Absent);

    /// The text, or no value where it is empty: files of /sys and /etc have many fields
    /// that are there and say nothing.
    pub fn text_if_any(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() {
            Self::ABSENT
        } else {
            text.into()
        }
    }

    fn fits(&self, kind: Kind) -> bool {
        match self.0 {
            Value::Absent => true,
            Value::Text(_) => kind == Kind::Text,
            Value::Boolean(_) => kind == Kind::Boolean,
            Value::Unsigned(_) => matches!(kind, Kind::Unsigned | Kind::Timestamp),
            Value::Signed(_) => kind == Kind::Signed,
        }
    }
}

impl From<String> for Cell {
    /// Cuts what is longer than the contract allows, and drops NUL, which it forbids.
    fn from(mut text: String) -> Self {
        text.truncate(text.floor_char_boundary(LONGEST_TEXT));
        if text.contains('\0') {
            text.retain(|c| c != '\0');
        }
        Self(Value::Text(text))
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text[..text.floor_char_boundary(LONGEST_TEXT)]
            .to_owned()
            .into()
    }
}

impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self(Value::Boolean(value))
    }
}

impl From<u64> for Cell {
    fn from(value: u64) -> Self {
        Self(Value::Unsigned(value))
    }
}

impl From<u32> for Cell {
    fn from(value: u32) -> Self {
        u64::from(value).into()
    }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self(Value::Signed(value))
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::ABSENT, Into::into)
    }
}

/// The rows of every collection of a schema.
#[derive(Clone, Debug)]
pub struct Rows {
    collections: Vec<Written>,
}

/// The rows of one collection, as far as they are written.
#[derive(Clone, Debug)]
struct Written {
    name: &'static str,
    key_fields: usize,
    fields: Vec<Field>,
    keys: BTreeSet<Vec<u8>>,
    rows: u64,
    bytes: Vec<u8>,
}

impl Rows {
    /// No rows yet.
    pub fn new(schema: &Schema) -> Self {
        let collections = schema.collections.iter().map(|collection| Written {
            name: collection.name,
            key_fields: usize::from(collection.key_fields),
            fields: collection.fields.clone(),
            keys: BTreeSet::new(),
            rows: 0,
            bytes: Vec::new(),
        });
        Self {
            collections: collections.collect(),
        }
    }

    /// Adds a row to `collection`: a cell per field, in the schema's order.
    ///
    /// False, and nothing is added, if a key is absent or there is a row with this key
    /// already. The host would refuse the whole buffer, and a device can hold such a
    /// thing: a user that is twice in /etc/passwd.
    ///
    /// # Panics
    /// If the schema has no such collection, or the cells are not of its number and
    /// kinds: the plugin contradicts itself, which its first unit test shows.
    pub fn push(&mut self, collection: &str, cells: impl IntoIterator<Item = Cell>) -> bool {
        let Some(written) = self
            .collections
            .iter_mut()
            .find(|written| written.name == collection)
        else {
            panic!("the schema has no such collection");
        };
        let cells: Vec<Cell> = cells.into_iter().collect();
        written.push(&cells)
    }

    /// How many rows `collection` has so far; 0 if there is no such collection.
    pub fn count(&self, collection: &str) -> u64 {
        self.collections
            .iter()
            .find(|written| written.name == collection)
            .map_or(0, |written| written.rows)
    }

    /// The buffer that `collect` returns.
    pub fn into_bytes(self) -> Vec<u8> {
        let mut buffer = MAGIC.to_vec();
        for (index, collection) in (0_u64..).zip(self.collections) {
            if collection.rows > 0 {
                put_varint(&mut buffer, index);
                put_varint(&mut buffer, collection.rows);
                buffer.extend(collection.bytes);
            }
        }
        buffer
    }
}

impl Written {
    fn push(&mut self, cells: &[Cell]) -> bool {
        let matches = cells.len() == self.fields.len()
            && cells
                .iter()
                .zip(&self.fields)
                .all(|(cell, field)| cell.fits(field.kind));
        assert!(matches, "the cells are not those of the schema");
        let Some(keys) = cells.get(..self.key_fields) else {
            panic!("the schema has more keys than fields");
        };
        if keys.contains(&Cell::ABSENT) {
            return false;
        }
        let mut key = Vec::new();
        keys.iter().for_each(|cell| put_value(&mut key, cell));
        if !self.keys.insert(key) {
            return false;
        }
        for bits in cells.chunks(8) {
            let presence = (0..)
                .zip(bits)
                .map(|(bit, cell)| u8::from(*cell != Cell::ABSENT) << bit);
            self.bytes.push(presence.sum());
        }
        cells
            .iter()
            .for_each(|cell| put_value(&mut self.bytes, cell));
        self.rows += 1;
        true
    }
}

fn put_value(buffer: &mut Vec<u8>, cell: &Cell) {
    match &cell.0 {
        Value::Absent => {}
        Value::Text(text) => {
            put_varint(buffer, text.len() as u64);
            buffer.extend_from_slice(text.as_bytes());
        }
        Value::Boolean(value) => buffer.push(u8::from(*value)),
        Value::Unsigned(value) => put_varint(buffer, *value),
        Value::Signed(value) => put_varint(buffer, (value << 1 ^ value >> 63).cast_unsigned()),
    }
}

/// Unsigned LEB128 in its shortest form.
fn put_varint(buffer: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        buffer.push(value as u8 | 0x80);
        value >>= 7;
    }
    buffer.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Collection;

    fn schema() -> Schema {
        Schema::new([
            Collection::single("one", [Field::boolean("flag"), Field::signed("offset")]),
            Collection::keyed(
                "many",
                [Field::text("name")],
                [Field::unsigned("size"), Field::timestamp("since")],
            ),
        ])
    }

    #[test]
    fn no_rows_are_the_magic_alone() {
        assert_eq!(Rows::new(&schema()).into_bytes(), b"BWR1");
    }

    #[test]
    fn values_are_written_as_the_contract_says() {
        let mut rows = Rows::new(&schema());
        assert!(rows.push("one", [true.into(), Cell::from(-2_i64)]));
        assert!(rows.push("many", ["ab".into(), 300_u64.into(), Cell::ABSENT]));
        let expected = [
            b"BWR1".as_slice(),
            &[0, 1, 0b11, 1, 3],
            &[1, 1, 0b011, 2, b'a', b'b', 0xac, 0x02],
        ];
        assert_eq!(rows.into_bytes(), expected.concat());
    }

    #[test]
    fn the_extremes_of_numbers_are_written_in_their_shortest_form() {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, u64::MAX);
        assert_eq!(bytes, [[0xff; 9].as_slice(), &[1]].concat());
        bytes.clear();
        put_value(&mut bytes, &i64::MIN.into());
        assert_eq!(bytes, [[0xff; 9].as_slice(), &[1]].concat());
    }

    #[test]
    fn a_second_row_of_a_key_and_a_row_without_one_are_left_out() {
        let mut rows = Rows::new(&schema());
        let row = |name: Option<&str>| [name.into(), 1_u64.into(), Cell::ABSENT];
        assert!(rows.push("many", row(Some("a"))));
        assert!(!rows.push("many", row(Some("a"))));
        assert!(!rows.push("many", row(None)));
        assert!(rows.push("many", row(Some("b"))));
        assert_eq!(rows.count("many"), 2);
        assert!(rows.push("one", [false.into(), Cell::ABSENT]));
        assert!(
            !rows.push("one", [true.into(), Cell::ABSENT]),
            "single means at most one"
        );
    }

    #[test]
    fn text_is_cut_at_a_character_and_loses_its_nuls() {
        let long = "ä".repeat(LONGEST_TEXT);
        assert_eq!(
            Cell::from(long.as_str()),
            Cell::from("ä".repeat(LONGEST_TEXT / 2))
        );
        assert_eq!(Cell::from("a\0b"), Cell::from("ab"));
    }

    #[test]
    #[should_panic(expected = "not those of the schema")]
    fn a_cell_of_another_kind_is_the_plugins_fault() {
        Rows::new(&schema()).push("one", ["text".into(), Cell::ABSENT]);
    }
}
