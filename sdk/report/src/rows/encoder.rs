//! Writing a buffer.

use super::{MAGIC, MAX_ROWS, MAX_TEXT, Value, write_value};
use crate::{
    schema::{Collection, Kind, Schema},
    varint::put,
};

/// A row that does not fit its collection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// No collection has this index.
    #[error("collection {0} is not in the schema, which counts from 0")]
    NoSuchCollection(usize),
    /// Too few or too many values.
    #[error("collection `{collection}`, row {row}: {found} values for {expected} fields")]
    Values {
        /// The collection.
        collection: String,
        /// The row, counted from 0.
        row: usize,
        /// How many values were given.
        found: usize,
        /// How many fields there are.
        expected: usize,
    },
    /// A value of another kind than its field.
    #[error(
        "collection `{collection}`, row {row}, field `{field}`: {found:?} given, {expected:?} declared"
    )]
    Kind {
        /// The collection.
        collection: String,
        /// The row, counted from 0.
        row: usize,
        /// The field.
        field: String,
        /// What was given.
        found: Kind,
        /// What the schema says.
        expected: Kind,
    },
    /// A text beyond [`MAX_TEXT`].
    #[error(
        "collection `{collection}`, row {row}, field `{field}`: a text of {length} bytes; at most 65536 are allowed"
    )]
    TextTooLong {
        /// The collection.
        collection: String,
        /// The row, counted from 0.
        row: usize,
        /// The field.
        field: String,
        /// The text's length in bytes.
        length: usize,
    },
    /// A key field without value.
    #[error("collection `{collection}`, row {row}: key field `{field}` is absent")]
    KeyAbsent {
        /// The collection.
        collection: String,
        /// The row, counted from 0.
        row: usize,
        /// The field.
        field: String,
    },
    /// Beyond [`MAX_ROWS`], or a second row in a collection without key.
    #[error("collection `{collection}` takes at most {most} rows")]
    TooManyRows {
        /// The collection.
        collection: String,
        /// What it takes.
        most: usize,
    },
}

/// Builds the buffer that `collect` returns.
///
/// Rows may come in any order, collections too. Keys are not compared here: the host
/// refuses a buffer that repeats one.
#[derive(Clone, Debug)]
pub struct Encoder<'s> {
    schema: &'s Schema,
    collections: Vec<(usize, Vec<u8>)>,
}

impl<'s> Encoder<'s> {
    /// An encoder without rows.
    pub fn new(schema: &'s Schema) -> Self {
        Self {
            schema,
            collections: vec![(0, Vec::new()); schema.collections().len()],
        }
    }

    /// Adds a row to the collection with this index. A row that fails leaves the encoder as
    /// it was.
    ///
    /// # Errors
    /// The collection does not exist or is full, the values are not its fields', a text is
    /// longer than 64 KiB, a key field is absent.
    pub fn row(
        &mut self,
        collection: usize,
        values: &[Option<Value<'_>>],
    ) -> Result<(), EncodeError> {
        let shape = self.schema.collections().get(collection);
        let (shape, (rows, bytes)) = shape
            .zip(self.collections.get_mut(collection))
            .ok_or(EncodeError::NoSuchCollection(collection))?;
        check(shape, *rows, values)?;
        let start = bytes.len();
        bytes.resize(start + shape.presence_bytes(), 0);
        for (index, value) in values.iter().enumerate() {
            if let Some(value) = value {
                bytes[start + index / 8] |= 1 << (index % 8);
                write_value(bytes, *value);
            }
        }
        *rows += 1;
        Ok(())
    }

    /// Bytes that [`Self::finish`] will return, within 16 per collection.
    pub fn size(&self) -> usize {
        self.collections.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// The buffer.
    pub fn finish(self) -> Vec<u8> {
        let mut buffer = Vec::with_capacity(self.size() + 16);
        buffer.extend_from_slice(MAGIC.as_bytes());
        for (index, (rows, bytes)) in self.collections.iter().enumerate() {
            if *rows > 0 {
                put(&mut buffer, index as u64);
                put(&mut buffer, *rows as u64);
                buffer.extend_from_slice(bytes);
            }
        }
        buffer
    }
}

fn check(shape: &Collection, row: usize, values: &[Option<Value<'_>>]) -> Result<(), EncodeError> {
    let collection = || shape.name().to_owned();
    let most = if shape.key_fields() == 0 { 1 } else { MAX_ROWS };
    if row >= most {
        return Err(EncodeError::TooManyRows {
            collection: collection(),
            most,
        });
    }
    let (found, expected) = (values.len(), shape.fields().len());
    if found != expected {
        return Err(EncodeError::Values {
            collection: collection(),
            row,
            found,
            expected,
        });
    }
    for (index, (value, field)) in values.iter().zip(shape.fields()).enumerate() {
        let (collection, name) = (collection, || field.name().to_owned());
        match value {
            None if index < shape.key_fields() => {
                return Err(EncodeError::KeyAbsent {
                    collection: collection(),
                    row,
                    field: name(),
                });
            }
            None => {}
            Some(value) if value.kind() != field.kind() => {
                return Err(EncodeError::Kind {
                    collection: collection(),
                    row,
                    field: name(),
                    found: value.kind(),
                    expected: field.kind(),
                });
            }
            Some(Value::Text(text)) if text.len() > MAX_TEXT => {
                return Err(EncodeError::TextTooLong {
                    collection: collection(),
                    row,
                    field: name(),
                    length: text.len(),
                });
            }
            Some(_) => {}
        }
    }
    Ok(())
}
