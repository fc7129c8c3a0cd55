//! Rows as they stand in a buffer, one after the other.
//!
//! A row takes its encoded bytes and 4 more: a buffer of two megabytes can't become a
//! hundred of them in memory, whatever its shape.

use std::cmp::Ordering;

use super::Value;
use crate::{
    Flaw,
    input::Input,
    schema::{Collection, Kind},
    varint::{put, put_text, unzigzag, zigzag},
};

/// Checked rows of one collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    bytes: Vec<u8>,
    /// Where each row ends. `MAX_BYTES` fits in 32 bits.
    ends: Vec<u32>,
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All rows, back to back.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes in memory.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + size_of::<u32>() * self.ends.len()
    }

    pub(crate) fn row(&self, index: usize) -> &[u8] {
        let start = if index == 0 {
            0
        } else {
            self.ends[index - 1] as usize
        };
        &self.bytes[start..self.ends[index] as usize]
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        (0..self.len()).map(|index| self.row(index))
    }

    pub(crate) fn push(&mut self, row: &[u8]) {
        self.bytes.extend_from_slice(row);
        self.finish_row();
    }

    /// For writing a row in place; [`Self::finish_row`] ends it.
    pub(crate) fn open_row(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(crate) fn finish_row(&mut self) {
        self.ends.push(self.bytes.len() as u32);
    }

    /// Appends a row of the given values, which are of the collection's kinds.
    pub(crate) fn push_values<'a>(
        &mut self,
        collection: &Collection,
        values: impl Iterator<Item = Option<Value<'a>>>,
    ) {
        let start = self.bytes.len();
        self.bytes.resize(start + collection.presence_bytes(), 0);
        for (index, value) in values.enumerate() {
            if let Some(value) = value {
                self.bytes[start + index / 8] |= 1 << (index % 8);
                write_value(&mut self.bytes, value);
            }
        }
        self.finish_row();
    }
}

/// A row, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    collection: &'a Collection,
    bytes: &'a [u8],
}

impl<'a> Row<'a> {
    /// `bytes` come from [`Rows`] of this collection.
    pub(crate) fn new(collection: &'a Collection, bytes: &'a [u8]) -> Self {
        Self { collection, bytes }
    }

    /// The collection it belongs to.
    pub fn collection(&self) -> &'a Collection {
        self.collection
    }

    /// One value per field, in the fields' order.
    pub fn values(&self) -> impl Iterator<Item = Option<Value<'a>>> + use<'a> {
        let (presence, values) = self.bytes.split_at(self.collection.presence_bytes());
        let mut input = Input::new(values);
        self.collection
            .fields()
            .iter()
            .enumerate()
            .map(move |(index, field)| {
                let present = presence[index / 8] >> (index % 8) & 1 == 1;
                let value = present.then(|| read_value(&mut input, field.kind()))?;
                debug_assert!(value.is_ok(), "rows are checked when they are made");
                value.ok()
            })
    }

    /// The values that identify it.
    pub fn key(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        self.values().take(self.collection.key_fields()).flatten()
    }

    /// The value of a field, by its index.
    pub fn get(&self, field: usize) -> Option<Value<'a>> {
        self.values().nth(field).flatten()
    }
}

pub(crate) fn write_value(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Text(text) => put_text(out, text),
        Value::Boolean(value) => out.push(u8::from(value)),
        Value::Unsigned(number) | Value::Timestamp(number) => put(out, number),
        Value::Signed(number) => put(out, zigzag(number)),
    }
}

pub(crate) fn read_value<'a>(input: &mut Input<'a>, kind: Kind) -> Result<Value<'a>, Flaw> {
    Ok(match kind {
        Kind::Text => Value::Text(input.text()?),
        Kind::Boolean => match input.byte()? {
            0 => Value::Boolean(false),
            1 => Value::Boolean(true),
            other => return Err(Flaw::NotBoolean(other)),
        },
        Kind::Unsigned => Value::Unsigned(input.varint()?),
        Kind::Signed => Value::Signed(unzigzag(input.varint()?)),
        Kind::Timestamp => Value::Timestamp(input.varint()?),
    })
}

/// Orders two checked rows by their keys.
///
/// Sorting a buffer at its bounds compares millions of times, so texts are compared as
/// bytes, which is the order of their characters, and not checked again.
pub(crate) fn compare_keys(collection: &Collection, one: &[u8], other: &[u8]) -> Ordering {
    let presence = collection.presence_bytes();
    let (mut one, mut other) = (Input::new(&one[presence..]), Input::new(&other[presence..]));
    for field in &collection.fields()[..collection.key_fields()] {
        let ordering = match field.kind() {
            Kind::Text => one.run().ok().cmp(&other.run().ok()),
            kind => read_value(&mut one, kind)
                .ok()
                .cmp(&read_value(&mut other, kind).ok()),
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
    Ordering::Equal
}
