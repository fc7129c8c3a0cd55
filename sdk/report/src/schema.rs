//! What the rows of a plugin look like. The bounds are those of `wit/collector.wit`.

mod canonical;

use std::collections::BTreeSet;

use crate::SchemaHash;

/// Most collections in a schema.
pub const MAX_COLLECTIONS: usize = 64;
/// Most fields in a collection.
pub const MAX_FIELDS: usize = 64;
/// Longest name of a collection or field, in bytes.
pub const MAX_NAME: usize = 64;
/// Longest unit, in bytes.
pub const MAX_UNIT: usize = 32;

/// How the values of a field are written and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8, at most 64 KiB.
    Text,
    /// True or false.
    Boolean,
    /// 0 to 2^64 − 1.
    Unsigned,
    /// −2^63 to 2^63 − 1.
    Signed,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Timestamp,
}

/// Whom a value is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Privacy {
    /// Says nothing of a person: a kernel's version.
    None,
    /// Identifies the device: a serial number.
    Device,
    /// Is, or can be traced to, a person: a user's name.
    Personal,
}

/// A schema that breaks a rule of `wit/collector.wit`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// A name outside the grammar.
    #[error(
        "`{0}` is not a name: it takes 1 to 64 of `a-z`, `0-9` and `-`, beginning with a letter"
    )]
    Name(String),
    /// A unit beyond [`MAX_UNIT`].
    #[error("field `{field}`: the unit has {length} bytes; at most 32 are allowed")]
    Unit {
        /// The field.
        field: String,
        /// The unit's length in bytes.
        length: usize,
    },
    /// A quantum for what is no number.
    #[error("field `{0}`: text and booleans take no quantum; write 0")]
    Quantum(String),
    /// A quantum for a field of the key.
    #[error(
        "collection `{collection}`: field `{field}` belongs to the key and takes no quantum; write 0"
    )]
    KeyQuantum {
        /// The collection.
        collection: String,
        /// The field.
        field: String,
    },
    /// No fields, or beyond [`MAX_FIELDS`].
    #[error("collection `{collection}` has {fields} fields; 1 to 64 are allowed")]
    Fields {
        /// The collection.
        collection: String,
        /// How many fields it has.
        fields: usize,
    },
    /// More key fields than fields.
    #[error(
        "collection `{collection}` has {fields} fields, so {key_fields} of them can't be its key"
    )]
    KeyFields {
        /// The collection.
        collection: String,
        /// How many fields it has.
        fields: usize,
        /// How many were to be its key.
        key_fields: u8,
    },
    /// Two fields of one name.
    #[error("collection `{collection}` has two fields `{field}`")]
    DuplicateField {
        /// The collection.
        collection: String,
        /// The name.
        field: String,
    },
    /// No collections, or beyond [`MAX_COLLECTIONS`].
    #[error("the schema has {0} collections; 1 to 64 are allowed")]
    Collections(usize),
    /// Two collections of one name.
    #[error("the schema has two collections `{0}`")]
    DuplicateCollection(String),
}

fn check_name(name: &str) -> Result<(), SchemaError> {
    let fits = name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits {
        Ok(())
    } else {
        Err(SchemaError::Name(name.chars().take(80).collect()))
    }
}

/// The first name that comes twice.
fn repeated<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut seen = BTreeSet::new();
    names.find(|name| !seen.insert(*name)).map(str::to_owned)
}

/// One column of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    name: String,
    kind: Kind,
    unit: String,
    quantum: u64,
    privacy: Privacy,
}

impl Field {
    /// A field. Numbers are rounded to the nearest multiple of `quantum` before they are
    /// compared and sent; 0 and 1 leave them as they are.
    ///
    /// # Errors
    /// A name outside `[a-z][a-z0-9-]*` or beyond 64 bytes, a unit beyond 32 bytes, a
    /// quantum for text or boolean.
    pub fn new(
        name: impl Into<String>,
        kind: Kind,
        unit: impl Into<String>,
        quantum: u64,
        privacy: Privacy,
    ) -> Result<Self, SchemaError> {
        let (name, unit) = (name.into(), unit.into());
        check_name(&name)?;
        if unit.len() > MAX_UNIT {
            return Err(SchemaError::Unit {
                field: name,
                length: unit.len(),
            });
        }
        if quantum != 0 && matches!(kind, Kind::Text | Kind::Boolean) {
            return Err(SchemaError::Quantum(name));
        }
        Ok(Self {
            name,
            kind,
            unit,
            quantum,
            privacy,
        })
    }

    /// `[a-z][a-z0-9-]*`, unique in its collection.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its values are written.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// `bytes`, `ms`, `percent` …; empty for what has none.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// What numbers are rounded to; 0 and 1 leave them as they are.
    pub fn quantum(&self) -> u64 {
        self.quantum
    }

    /// Whom its values are about.
    pub fn privacy(&self) -> Privacy {
        self.privacy
    }
}

/// Rows of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    name: String,
    key_fields: u8,
    fields: Vec<Field>,
}

impl Collection {
    /// A collection whose first `key_fields` fields identify a row. 0 means that it has at
    /// most one row.
    ///
    /// # Errors
    /// A name outside the grammar, no fields or more than 64, two of one name, more key
    /// fields than fields, a key field with a quantum.
    pub fn new(
        name: impl Into<String>,
        key_fields: u8,
        fields: Vec<Field>,
    ) -> Result<Self, SchemaError> {
        let collection = name.into();
        check_name(&collection)?;
        let count = fields.len();
        if !(1..=MAX_FIELDS).contains(&count) {
            return Err(SchemaError::Fields {
                collection,
                fields: count,
            });
        }
        if usize::from(key_fields) > count {
            return Err(SchemaError::KeyFields {
                collection,
                fields: count,
                key_fields,
            });
        }
        if let Some(field) = repeated(fields.iter().map(Field::name)) {
            return Err(SchemaError::DuplicateField { collection, field });
        }
        let key = &fields[..usize::from(key_fields)];
        if let Some(field) = key.iter().find(|field| field.quantum != 0) {
            return Err(SchemaError::KeyQuantum {
                collection,
                field: field.name.clone(),
            });
        }
        Ok(Self {
            name: collection,
            key_fields,
            fields,
        })
    }

    /// `[a-z][a-z0-9-]*`, unique in its schema.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many of the first fields identify a row; 0: there is at most one.
    pub fn key_fields(&self) -> usize {
        usize::from(self.key_fields)
    }

    /// All fields, those of the key first.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Bytes of a row's presence bits.
    pub(crate) fn presence_bytes(&self) -> usize {
        self.fields.len().div_ceil(8)
    }
}

/// All collections of a plugin, in the order in which buffers refer to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    collections: Vec<Collection>,
}

impl Schema {
    /// A schema.
    ///
    /// # Errors
    /// No collections or more than 64, two of one name.
    pub fn new(collections: Vec<Collection>) -> Result<Self, SchemaError> {
        if !(1..=MAX_COLLECTIONS).contains(&collections.len()) {
            return Err(SchemaError::Collections(collections.len()));
        }
        if let Some(name) = repeated(collections.iter().map(Collection::name)) {
            return Err(SchemaError::DuplicateCollection(name));
        }
        Ok(Self { collections })
    }

    /// The collections, in order.
    pub fn collections(&self) -> &[Collection] {
        &self.collections
    }

    /// The index of a collection.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.collections
            .iter()
            .position(|collection| collection.name == name)
    }

    /// Tells this schema from any other, units and privacy classes included. Computed at each
    /// call, so that a guest which never calls it does without SHA-256.
    pub fn hash(&self) -> SchemaHash {
        canonical::hash(&self.collections)
    }
}

#[cfg(test)]
mod tests;
