//! What a collector's rows look like.

use crate::bindings::exports::bailiwick::plugin::collect as contract;
pub use crate::bindings::exports::bailiwick::plugin::collect::{Kind, Privacy};

/// A collector's collections, in the order in which the rows refer to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    pub(crate) collections: Vec<Collection>,
}

impl Schema {
    /// 1 to 64 collections with different names.
    pub fn new(collections: impl Into<Vec<Collection>>) -> Self {
        Self {
            collections: collections.into(),
        }
    }

    /// Its collections, in order.
    pub fn collections(&self) -> &[Collection] {
        &self.collections
    }
}

/// Rows of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    pub(crate) name: &'static str,
    pub(crate) key_fields: u8,
    pub(crate) fields: Vec<Field>,
}

impl Collection {
    /// At most one row.
    pub fn single(name: &'static str, fields: impl Into<Vec<Field>>) -> Self {
        Self {
            name,
            key_fields: 0,
            fields: fields.into(),
        }
    }

    /// Rows that the values of `keys` tell apart: the same thing has the same key each
    /// time. The fields of a row are `keys`, then `fields`.
    pub fn keyed(
        name: &'static str,
        keys: impl Into<Vec<Field>>,
        fields: impl Into<Vec<Field>>,
    ) -> Self {
        let mut all = keys.into();
        // More than 255 keys pass the 64 fields of the contract: the host refuses both.
        let key_fields = u8::try_from(all.len()).unwrap_or(u8::MAX);
        all.extend(fields.into());
        Self {
            name,
            key_fields,
            fields: all,
        }
    }

    /// Its name: `[a-z][a-z0-9-]*`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its fields, the keys first.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

/// One value of a row. Unless told otherwise it has no unit and no quantum and says
/// nothing of the device or of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    name: &'static str,
    pub(crate) kind: Kind,
    unit: &'static str,
    quantum: u64,
    privacy: Privacy,
}

impl Field {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            unit: "",
            quantum: 0,
            privacy: Privacy::None,
        }
    }

    /// UTF-8, at most 64 KiB.
    pub const fn text(name: &'static str) -> Self {
        Self::new(name, Kind::Text)
    }

    /// True or false.
    pub const fn boolean(name: &'static str) -> Self {
        Self::new(name, Kind::Boolean)
    }

    /// 0 to 2^64 − 1.
    pub const fn unsigned(name: &'static str) -> Self {
        Self::new(name, Kind::Unsigned)
    }

    /// −2^63 to 2^63 − 1.
    pub const fn signed(name: &'static str) -> Self {
        Self::new(name, Kind::Signed)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn timestamp(name: &'static str) -> Self {
        Self::new(name, Kind::Timestamp)
    }

    /// `bytes`, `ms`, `percent` …
    pub const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// Changes smaller than this are none: the host rounds to multiples of it.
    pub const fn quantum(self, quantum: u64) -> Self {
        Self { quantum, ..self }
    }

    /// It identifies the device.
    pub const fn identifies_device(self) -> Self {
        Self {
            privacy: Privacy::Device,
            ..self
        }
    }

    /// It is, or can be traced to, a person.
    pub const fn personal(self) -> Self {
        Self {
            privacy: Privacy::Personal,
            ..self
        }
    }

    /// Its name: `[a-z][a-z0-9-]*`.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl From<Schema> for Vec<contract::Collection> {
    fn from(schema: Schema) -> Self {
        schema.collections.into_iter().map(Into::into).collect()
    }
}

impl From<Collection> for contract::Collection {
    fn from(collection: Collection) -> Self {
        Self {
            name: collection.name.to_owned(),
            key_fields: collection.key_fields,
            fields: collection.fields.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Field> for contract::Field {
    fn from(field: Field) -> Self {
        Self {
            name: field.name.to_owned(),
            kind: field.kind,
            unit: field.unit.to_owned(),
            quantum: field.quantum,
            privacy: field.privacy,
        }
    }
}
