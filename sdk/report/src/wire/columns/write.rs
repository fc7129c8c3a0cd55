//! Writing columns.

use super::{ALL, END, NONE, SOME};
use crate::{
    rows::{Row, Rows, Value},
    schema::{Collection, Kind},
    varint::{put, zigzag},
};

/// Appends the first `fields` columns of the rows.
pub(in crate::wire) fn write(shape: &Collection, fields: usize, rows: &Rows, out: &mut Vec<u8>) {
    if rows.is_empty() {
        return;
    }
    let mut columns: Vec<Column<'_>> = vec![Column::default(); fields];
    for row in rows.iter() {
        let values = Row::new(shape, row).values();
        for (index, (column, value)) in columns.iter_mut().zip(values).enumerate() {
            column.push(value, index < shape.key_fields());
        }
    }
    for (index, column) in columns.iter().enumerate() {
        let kind = shape.fields()[index].kind();
        column.finish(kind, index < shape.key_fields(), out);
    }
}

#[derive(Clone, Default)]
struct Bits {
    bytes: Vec<u8>,
    length: usize,
    ones: usize,
}

impl Bits {
    fn push(&mut self, bit: bool) {
        if self.length.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if bit {
            self.bytes[self.length / 8] |= 1 << (self.length % 8);
            self.ones += 1;
        }
        self.length += 1;
    }
}

#[derive(Clone, Default)]
struct Column<'a> {
    presence: Bits,
    booleans: Bits,
    /// Lengths of prefixes, or differences of numbers.
    numbers: Vec<u8>,
    texts: Vec<u8>,
    text: &'a [u8],
    number: u64,
}

impl<'a> Column<'a> {
    fn push(&mut self, value: Option<Value<'a>>, key: bool) {
        self.presence.push(value.is_some());
        match value {
            None => {}
            Some(Value::Text(text)) => self.text(text.as_bytes(), key),
            Some(Value::Boolean(value)) => self.booleans.push(value),
            Some(Value::Unsigned(number) | Value::Timestamp(number)) => self.number(number),
            Some(Value::Signed(number)) => self.number(number as u64),
        }
    }

    fn text(&mut self, text: &'a [u8], key: bool) {
        if !key {
            self.texts.extend_from_slice(text);
            return self.texts.push(END);
        }
        let prefix = self
            .text
            .iter()
            .zip(text)
            .take_while(|(one, other)| one == other)
            .count();
        put(&mut self.numbers, prefix as u64);
        self.texts.extend_from_slice(&text[prefix..]);
        self.texts.push(END);
        self.text = text;
    }

    fn number(&mut self, number: u64) {
        put(
            &mut self.numbers,
            zigzag(number.wrapping_sub(self.number) as i64),
        );
        self.number = number;
    }

    fn finish(&self, kind: Kind, key: bool, out: &mut Vec<u8>) {
        if !key {
            match self.presence.ones {
                0 => return out.push(NONE),
                ones if ones == self.presence.length => out.push(ALL),
                _ => {
                    out.push(SOME);
                    out.extend_from_slice(&self.presence.bytes);
                }
            }
        }
        match kind {
            Kind::Text => {
                if key {
                    put_run(out, &self.numbers);
                }
                put_run(out, &self.texts);
            }
            Kind::Boolean => out.extend_from_slice(&self.booleans.bytes),
            Kind::Unsigned | Kind::Signed | Kind::Timestamp => put_run(out, &self.numbers),
        }
    }
}

fn put_run(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
