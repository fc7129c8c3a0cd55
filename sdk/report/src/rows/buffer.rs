//! Reading a buffer that a guest wrote.

use std::fmt;

use super::{MAGIC, MAX_BYTES, MAX_ROWS, Rows, compare_keys, read_value};
use crate::{
    Flaw,
    input::Input,
    schema::{Collection, Schema},
};

/// A buffer that breaks the layout: what is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsError {
    /// The collection's name, once it is known.
    pub collection: Option<String>,
    /// The row in it, counted from 0, in the buffer's order.
    pub row: Option<usize>,
    /// The field's name.
    pub field: Option<String>,
    /// Bytes from the start of the buffer to where reading stopped.
    pub offset: usize,
    /// What is wrong.
    pub flaw: Flaw,
}

impl fmt::Display for RowsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows refused: ")?;
        if let Some(collection) = &self.collection {
            write!(f, "collection `{collection}`, ")?;
        }
        if let Some(row) = self.row {
            write!(f, "row {row}, ")?;
        }
        if let Some(field) = &self.field {
            write!(f, "field `{field}`, ")?;
        }
        write!(f, "byte {}: {}", self.offset, self.flaw)
    }
}

impl std::error::Error for RowsError {}

/// Where the reader is, for errors.
struct Reader<'a> {
    input: Input<'a>,
    collection: Option<&'a Collection>,
    row: Option<usize>,
    field: Option<usize>,
    /// Where the fault is, if it is found after reading on.
    fault: Option<usize>,
}

/// Reads a whole buffer: the rows of each collection, sorted by key and quantised.
pub(super) fn read(schema: &Schema, buffer: &[u8]) -> Result<Vec<Rows>, RowsError> {
    let mut reader = Reader {
        input: Input::new(buffer),
        collection: None,
        row: None,
        field: None,
        fault: None,
    };
    reader.read(schema).map_err(|flaw| reader.error(flaw))
}

impl<'a> Reader<'a> {
    fn error(&self, flaw: Flaw) -> RowsError {
        let field = self.collection.zip(self.field);
        RowsError {
            collection: self
                .collection
                .map(|collection| collection.name().to_owned()),
            row: self.row,
            field: field.map(|(collection, field)| collection.fields()[field].name().to_owned()),
            offset: self.fault.unwrap_or(self.input.offset()),
            flaw,
        }
    }

    fn read(&mut self, schema: &'a Schema) -> Result<Vec<Rows>, Flaw> {
        if self.input.left() > MAX_BYTES {
            return Err(Flaw::TooLarge(MAX_BYTES));
        }
        self.input.magic(MAGIC)?;
        let mut collections = vec![Rows::default(); schema.collections().len()];
        let mut previous = None;
        let mut size = 0;
        while !self.input.is_empty() {
            let index = self.index(schema, previous)?;
            let collection = &schema.collections()[index];
            self.collection = Some(collection);
            collections[index] = self.rows(collection)?;
            size += collections[index].size();
            if size > MAX_BYTES {
                return Err(Flaw::TooLarge(MAX_BYTES));
            }
            (self.collection, self.row, self.field) = (None, None, None);
            previous = Some(index);
        }
        Ok(collections)
    }

    fn index(&mut self, schema: &Schema, previous: Option<usize>) -> Result<usize, Flaw> {
        let index = self.input.varint()?;
        let collections = schema.collections().len();
        let known = usize::try_from(index)
            .ok()
            .filter(|index| *index < collections);
        let known = known.ok_or(Flaw::NoSuchCollection { index, collections })?;
        match previous {
            Some(previous) if known <= previous => Err(Flaw::CollectionOrder {
                index: known,
                previous,
            }),
            _ => Ok(known),
        }
    }

    fn rows(&mut self, collection: &Collection) -> Result<Rows, Flaw> {
        let count = self.input.varint()?;
        if count > MAX_ROWS as u64 {
            return Err(Flaw::TooManyRows(count));
        }
        if count > 1 && collection.key_fields() == 0 {
            return Err(Flaw::SecondRow);
        }
        // The count is only a promise, so both grow with what was really read.
        let (mut rows, mut offsets) = (Rows::default(), Vec::<u32>::new());
        for row in 0..count as usize {
            (self.row, self.field) = (Some(row), None);
            // `MAX_BYTES` fits in 32 bits.
            offsets.push(self.input.offset() as u32);
            self.one_row(collection, &mut rows)?;
        }
        self.field = None;
        sorted(collection, rows).map_err(|row| {
            self.row = Some(row);
            self.fault = Some(offsets[row] as usize);
            Flaw::DuplicateKey
        })
    }

    fn one_row(&mut self, collection: &Collection, rows: &mut Rows) -> Result<(), Flaw> {
        let presence = self.input.take(collection.presence_bytes())?;
        let bit = |index: usize| presence[index / 8] >> (index % 8) & 1 == 1;
        if (collection.fields().len()..presence.len() * 8).any(bit) {
            return Err(Flaw::UnusedBits);
        }
        let out = rows.open_row();
        out.extend_from_slice(presence);
        for (index, field) in collection.fields().iter().enumerate() {
            self.field = Some(index);
            if bit(index) {
                let value = read_value(&mut self.input, field.kind())?;
                super::write_value(out, value.quantised(field));
            } else if index < collection.key_fields() {
                return Err(Flaw::KeyAbsent);
            }
        }
        if out.len() > MAX_BYTES {
            return Err(Flaw::TooLarge(MAX_BYTES));
        }
        rows.finish_row();
        Ok(())
    }
}

/// The rows in the order of their keys, or the index of a row whose key an earlier one has.
fn sorted(collection: &Collection, rows: Rows) -> Result<Rows, usize> {
    let compare =
        |one: usize, other: usize| compare_keys(collection, rows.row(one), rows.row(other));
    if (1..rows.len()).all(|row| compare(row - 1, row).is_lt()) {
        return Ok(rows);
    }
    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    order.sort_by(|one, other| compare(*one as usize, *other as usize));
    // The sort is stable, so the later of two equal rows comes second.
    let repeated = order
        .windows(2)
        .find(|two| compare(two[0] as usize, two[1] as usize).is_eq());
    if let Some(two) = repeated {
        return Err(two[1] as usize);
    }
    let mut sorted = Rows::default();
    order
        .iter()
        .for_each(|row| sorted.push(rows.row(*row as usize)));
    Ok(sorted)
}
