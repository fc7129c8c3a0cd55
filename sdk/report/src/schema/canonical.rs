//! A schema as bytes, each schema in one way only.
//!
//! ```text
//! schema     = varint collections, collection*
//! collection = text name, byte key-fields, varint fields, field*
//! field      = text name, byte kind, text unit, varint quantum, byte privacy
//! text       = varint length, UTF-8
//! ```
//!
//! Kinds are 0 text, 1 boolean, 2 unsigned, 3 signed, 4 timestamp; privacy is 0 none,
//! 1 device, 2 personal.

use super::{Collection, Field, Kind, MAX_COLLECTIONS, MAX_FIELDS, Privacy, Schema, SchemaError};
use crate::{
    Flaw, SchemaHash, hash,
    input::Input,
    varint::{put, put_text},
};

const KINDS: [Kind; 5] = [
    Kind::Text,
    Kind::Boolean,
    Kind::Unsigned,
    Kind::Signed,
    Kind::Timestamp,
];
const PRIVACIES: [Privacy; 3] = [Privacy::None, Privacy::Device, Privacy::Personal];

pub(super) fn hash(collections: &[Collection]) -> SchemaHash {
    let mut bytes = Vec::new();
    write(collections, &mut bytes);
    SchemaHash(hash::short("bailiwick schema 1\n", &[&bytes]))
}

fn write(collections: &[Collection], out: &mut Vec<u8>) {
    put(out, collections.len() as u64);
    for collection in collections {
        put_text(out, &collection.name);
        out.push(collection.key_fields);
        put(out, collection.fields.len() as u64);
        for field in &collection.fields {
            put_text(out, &field.name);
            out.push(field.kind as u8);
            put_text(out, &field.unit);
            put(out, field.quantum);
            out.push(field.privacy as u8);
        }
    }
}

impl Schema {
    /// Appends the canonical form.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write(&self.collections, out);
    }

    /// Reads the canonical form and checks every rule of schemas.
    pub(crate) fn read(input: &mut Input<'_>) -> Result<Self, Flaw> {
        let count = input.varint()?;
        if count > MAX_COLLECTIONS as u64 {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            return Err(SchemaError::Collections(count).into());
        }
        let collections = (0..count)
            .map(|_| collection(input))
            .collect::<Result<_, _>>()?;
        Ok(Self::new(collections)?)
    }
}

fn collection(input: &mut Input<'_>) -> Result<Collection, Flaw> {
    let name = input.text()?;
    let key_fields = input.byte()?;
    let count = input.varint()?;
    if count > MAX_FIELDS as u64 {
        let fields = usize::try_from(count).unwrap_or(usize::MAX);
        let collection = name.chars().take(80).collect();
        return Err(SchemaError::Fields { collection, fields }.into());
    }
    let fields = (0..count).map(|_| field(input)).collect::<Result<_, _>>()?;
    Ok(Collection::new(name, key_fields, fields)?)
}

fn field(input: &mut Input<'_>) -> Result<Field, Flaw> {
    let name = input.text()?;
    let kind = code("kind", &KINDS, input.byte()?)?;
    let unit = input.text()?;
    let quantum = input.varint()?;
    let privacy = code("privacy class", &PRIVACIES, input.byte()?)?;
    Ok(Field::new(name, kind, unit, quantum, privacy)?)
}

fn code<T: Copy>(what: &'static str, meanings: &[T], code: u8) -> Result<T, Flaw> {
    meanings
        .get(usize::from(code))
        .copied()
        .ok_or(Flaw::UnknownCode { what, code })
}
