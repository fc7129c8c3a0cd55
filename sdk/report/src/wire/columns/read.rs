//! Reading columns that anybody may have written.

use super::{ALL, END, NONE, SOME};
use crate::{
    Flaw,
    input::Input,
    rows::{MAX_TEXT, Rows, Value, compare_keys, write_value},
    schema::{Collection, Field, Kind},
    varint::unzigzag,
};

/// Bytes that the rows of one report may still take.
pub(in crate::wire) struct Budget {
    most: usize,
    left: usize,
}

impl Budget {
    pub(in crate::wire) fn new(most: usize) -> Self {
        Self { most, left: most }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Flaw> {
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or(Flaw::TooLarge(self.most))?;
        Ok(())
    }
}

/// What is wrong, and in which field and row.
pub(in crate::wire) struct Fault {
    pub(in crate::wire) field: Option<usize>,
    pub(in crate::wire) row: Option<usize>,
    pub(in crate::wire) flaw: Flaw,
}

/// Reads `count` rows of which the first `fields` columns were written.
///
/// Columns stay where they are; one cursor in each makes row after row. So memory grows
/// with the rows, which the budget bounds, and not with what lengths announce.
pub(in crate::wire) fn read(
    shape: &Collection,
    fields: usize,
    count: usize,
    input: &mut Input<'_>,
    budget: &mut Budget,
) -> Result<Rows, Fault> {
    let mut rows = Rows::default();
    if count == 0 {
        return Ok(rows);
    }
    let mut columns = Vec::with_capacity(fields);
    for (index, field) in shape.fields()[..fields].iter().enumerate() {
        let column = Column::read(field, index < shape.key_fields(), count, input);
        columns.push(column.map_err(|flaw| Fault {
            field: Some(index),
            row: None,
            flaw,
        })?);
    }
    for row in 0..count {
        next_row(shape, &mut columns, &mut rows, budget).map_err(|(field, flaw)| Fault {
            field,
            row: Some(row),
            flaw,
        })?;
    }
    for (index, column) in columns.iter().enumerate() {
        column.end().map_err(|flaw| Fault {
            field: Some(index),
            row: None,
            flaw,
        })?;
    }
    Ok(rows)
}

fn next_row(
    shape: &Collection,
    columns: &mut [Column<'_>],
    rows: &mut Rows,
    budget: &mut Budget,
) -> Result<(), (Option<usize>, Flaw)> {
    let out = rows.open_row();
    let start = out.len();
    out.resize(start + shape.presence_bytes(), 0);
    for (index, column) in columns.iter_mut().enumerate() {
        if column.presence.next() {
            out[start + index / 8] |= 1 << (index % 8);
            column
                .write_next(&shape.fields()[index], out)
                .map_err(|flaw| (Some(index), flaw))?;
        }
    }
    budget
        .spend(out.len() - start + size_of::<u32>())
        .map_err(|flaw| (None, flaw))?;
    rows.finish_row();
    let last = rows.len() - 1;
    if last > 0 && compare_keys(shape, rows.row(last - 1), rows.row(last)).is_ge() {
        return Err((None, Flaw::KeyOrder));
    }
    Ok(())
}

enum Presence<'a> {
    All,
    None,
    Some(Bits<'a>),
}

impl Presence<'_> {
    fn next(&mut self) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Some(bits) => bits.next(),
        }
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    fn read(input: &mut Input<'a>, length: usize) -> Result<Self, Flaw> {
        let bytes = input.take(length.div_ceil(8))?;
        let unused = bytes.last().filter(|_| !length.is_multiple_of(8));
        if unused.is_some_and(|last| last >> (length % 8) != 0) {
            return Err(Flaw::UnusedBits);
        }
        Ok(Self { bytes, at: 0 })
    }

    fn ones(&self) -> usize {
        self.bytes
            .iter()
            .map(|byte| byte.count_ones() as usize)
            .sum()
    }

    fn next(&mut self) -> bool {
        let bit = self.bytes[self.at / 8] >> (self.at % 8) & 1 == 1;
        self.at += 1;
        bit
    }
}

enum Values<'a> {
    Texts(Input<'a>),
    KeyTexts {
        prefixes: Input<'a>,
        suffixes: Input<'a>,
        text: Vec<u8>,
    },
    Booleans(Bits<'a>),
    Numbers {
        differences: Input<'a>,
        number: u64,
    },
}

struct Column<'a> {
    presence: Presence<'a>,
    values: Values<'a>,
}

impl<'a> Column<'a> {
    fn read(field: &Field, key: bool, count: usize, input: &mut Input<'a>) -> Result<Self, Flaw> {
        let code = if key { ALL } else { input.byte()? };
        let presence = match code {
            NONE => Presence::None,
            ALL => Presence::All,
            SOME => Presence::Some(Bits::read(input, count)?),
            code => {
                return Err(Flaw::UnknownCode {
                    what: "presence",
                    code,
                });
            }
        };
        let present = match &presence {
            Presence::None => 0,
            Presence::All => count,
            Presence::Some(bits) => bits.ones(),
        };
        // A column without values has no runs.
        let run = |input: &mut Input<'a>| match presence {
            Presence::None => Ok(Input::new(&[])),
            _ => input.run().map(Input::new),
        };
        let values = match field.kind() {
            Kind::Text if key => {
                let (prefixes, suffixes) = (run(input)?, run(input)?);
                Values::KeyTexts {
                    prefixes,
                    suffixes,
                    text: Vec::new(),
                }
            }
            Kind::Text => Values::Texts(run(input)?),
            Kind::Boolean => Values::Booleans(Bits::read(input, present)?),
            _ => Values::Numbers {
                differences: run(input)?,
                number: 0,
            },
        };
        Ok(Self { presence, values })
    }

    /// Appends the next value as it stands in a row.
    fn write_next(&mut self, field: &Field, out: &mut Vec<u8>) -> Result<(), Flaw> {
        let value = match &mut self.values {
            Values::Booleans(bits) => Value::Boolean(bits.next()),
            Values::Texts(texts) => Value::Text(utf8(texts.until(END, MAX_TEXT)?)?),
            Values::KeyTexts {
                prefixes,
                suffixes,
                text,
            } => {
                next_text(prefixes, suffixes, text)?;
                Value::Text(utf8(text)?)
            }
            Values::Numbers {
                differences,
                number,
            } => {
                let difference = unzigzag(differences.varint()?);
                *number = number.wrapping_add_signed(difference);
                match field.kind() {
                    Kind::Signed => Value::Signed(*number as i64),
                    Kind::Timestamp => Value::Timestamp(*number),
                    _ => Value::Unsigned(*number),
                }
            }
        };
        if value.quantised(field) != value {
            return Err(Flaw::NotQuantised(field.quantum()));
        }
        write_value(out, value);
        Ok(())
    }

    fn end(&self) -> Result<(), Flaw> {
        match &self.values {
            Values::Booleans(_) => Ok(()),
            Values::Numbers { differences, .. } => differences.end(),
            Values::Texts(texts) => texts.end(),
            Values::KeyTexts {
                prefixes, suffixes, ..
            } => prefixes.end().and(suffixes.end()),
        }
    }
}

fn utf8(text: &[u8]) -> Result<&str, Flaw> {
    std::str::from_utf8(text).map_err(|_| Flaw::NotUtf8)
}

/// Makes `text` the next one: a prefix of what it was, and a suffix.
fn next_text(
    prefixes: &mut Input<'_>,
    suffixes: &mut Input<'_>,
    text: &mut Vec<u8>,
) -> Result<(), Flaw> {
    let (prefix, length) = (prefixes.varint()?, text.len());
    let kept = usize::try_from(prefix).ok().filter(|kept| *kept <= length);
    text.truncate(kept.ok_or(Flaw::Prefix { prefix, length })?);
    text.extend_from_slice(suffixes.until(END, MAX_TEXT - text.len())?);
    Ok(())
}
