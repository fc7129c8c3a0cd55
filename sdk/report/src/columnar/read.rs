//! From a file, which anybody may have written, to snapshots.

use std::{borrow::Cow, sync::Arc};

use super::{
    COMPRESSED, END, MAGIC, MAX_SAMPLES, MAX_SESSION, PURPOSE, Subject, VERSION,
    body::{ColumnInput, ColumnsInput, units},
};
use crate::{
    Flaw, hash,
    input::Input,
    rows::{MAX_ROWS, MAX_TEXT, Row, Rows, Snapshot, Value, compare_keys},
    schema::{Collection, Field, Kind, Schema},
    varint::unzigzag,
    wire::{Limits, WireError, compression},
};

/// A file that can't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnarError {
    /// Not such a file.
    #[error("these bytes are no file of samples: they don't begin with `BWC`")]
    Magic,
    /// A file of a later version.
    #[error("the file has version {0}; this program reads version 1: update it")]
    Version(u8),
    /// The body does not decompress, is too large, or can't be decompressed by this program.
    #[error("the file's body can't be had: {0}")]
    Body(#[source] Box<WireError>),
    /// Bytes were lost or changed.
    #[error("the file is damaged: its checksum does not match")]
    Checksum,
    /// The layout is broken before the columns.
    #[error("the file, byte {offset} of its body: {flaw}")]
    Header {
        /// Bytes from the start of the decompressed body.
        offset: usize,
        /// What is wrong.
        flaw: Flaw,
    },
    /// The columns break the layout.
    #[error("the file, sample {sample}: {flaw}")]
    Sample {
        /// Counted from 0.
        sample: usize,
        /// What is wrong.
        flaw: Flaw,
    },
}

/// A file whose header has been read and whose checksum matches.
#[derive(Clone, Debug)]
pub struct File<'a> {
    subject: Subject,
    schema: Arc<Schema>,
    times: Vec<u64>,
    body: Cow<'a, [u8]>,
    /// Where the columns begin.
    columns: usize,
    limits: Limits,
}

impl<'a> File<'a> {
    /// Reads everything before the columns.
    ///
    /// # Errors
    /// No such file, a later version, damaged, or beyond the limits.
    pub fn parse(bytes: &'a [u8], limits: Limits) -> Result<Self, ColumnarError> {
        let rest = bytes.strip_prefix(MAGIC.as_bytes());
        let (flags, rest) = match rest.and_then(<[u8]>::split_first) {
            None => return Err(ColumnarError::Magic),
            Some((&VERSION, rest)) => rest.split_first().ok_or(ColumnarError::Magic)?,
            Some((version, _)) => return Err(ColumnarError::Version(*version)),
        };
        if flags & !COMPRESSED != 0 {
            let flaw = Flaw::UnusedBits;
            return Err(ColumnarError::Header { offset: 0, flaw });
        }
        let most = limits.body.saturating_add(8);
        let body = compression::open(rest, flags & COMPRESSED != 0, most)
            .map_err(|error| ColumnarError::Body(Box::new(error)))?;
        let length = checked(&body)?;
        let body = match body {
            Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..length]),
            Cow::Owned(mut bytes) => {
                bytes.truncate(length);
                Cow::Owned(bytes)
            }
        };
        let mut input = Input::new(&body);
        let header = header(&mut input);
        let columns = input.offset();
        let (subject, schema, times) = header.map_err(|flaw| ColumnarError::Header {
            offset: columns,
            flaw,
        })?;
        Ok(Self {
            subject,
            schema: Arc::new(schema),
            times,
            body,
            columns,
            limits,
        })
    }

    /// Whose samples these are.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What the rows look like.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// When each sample was read, in milliseconds since 1970-01-01T00:00:00Z.
    pub fn times(&self) -> &[u64] {
        &self.times
    }

    /// The samples, the oldest first: one is in memory at a time. After an error there is
    /// none.
    ///
    /// # Errors
    /// The columns are not one after the other.
    pub fn samples(&self) -> Result<Samples<'_>, ColumnarError> {
        let mut input = Input::new(&self.body[self.columns..]);
        let mut read = || {
            let shapes = self.schema.collections().iter();
            let columns = shapes.map(|shape| ColumnsInput::read(shape, &mut input));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            input.end().map(|()| columns)
        };
        let columns = read();
        let offset = self.columns + input.offset();
        let columns = columns.map_err(|flaw| ColumnarError::Header { offset, flaw })?;
        Ok(Samples {
            file: self,
            columns,
            rows: vec![Rows::default(); self.schema.collections().len()],
            next: 0,
        })
    }
}

/// Length of the body before its checksum, which matches.
fn checked(body: &[u8]) -> Result<usize, ColumnarError> {
    match body.split_last_chunk::<8>() {
        Some((body, checksum)) if hash::short(PURPOSE, &[body]) == *checksum => Ok(body.len()),
        _ => Err(ColumnarError::Checksum),
    }
}

fn header(input: &mut Input<'_>) -> Result<(Subject, Schema, Vec<u64>), Flaw> {
    let mut text = || {
        let text = input.text()?;
        if text.len() > MAX_SESSION {
            return Err(Flaw::TextTooLong(text.len() as u64));
        }
        Ok(text.to_owned())
    };
    let subject = Subject {
        plugin: text()?,
        version: text()?,
        session: text()?,
    };
    let schema = Schema::read(input)?;
    let count = input.varint()?;
    if count > MAX_SAMPLES as u64 {
        return Err(Flaw::TooManyRows(count));
    }
    let mut times = Vec::new();
    for _ in 0..count {
        times.push(match times.last() {
            None => input.varint()?,
            Some(before) => u64::wrapping_add_signed(*before, unzigzag(input.varint()?)),
        });
    }
    Ok((subject, schema, times))
}

/// The samples of a file, see [`File::samples`].
#[derive(Clone, Debug)]
pub struct Samples<'a> {
    file: &'a File<'a>,
    columns: Vec<ColumnsInput<'a>>,
    rows: Vec<Rows>,
    next: usize,
}

impl Iterator for Samples<'_> {
    type Item = Result<(u64, Snapshot), ColumnarError>;

    fn next(&mut self) -> Option<Self::Item> {
        let sample = self.next;
        let time = *self.file.times.get(sample)?;
        self.next += 1;
        Some(match self.sample() {
            Ok(snapshot) => Ok((time, snapshot)),
            Err(flaw) => {
                self.next = self.file.times.len();
                Err(ColumnarError::Sample { sample, flaw })
            }
        })
    }
}

impl Samples<'_> {
    fn sample(&mut self) -> Result<Snapshot, Flaw> {
        let schema = &self.file.schema;
        let mut left = self.file.limits.rows;
        for (index, shape) in schema.collections().iter().enumerate() {
            let rows = sample(shape, &self.rows[index], &mut self.columns[index], left)?;
            left -= rows.size();
            self.rows[index] = rows;
        }
        if self.next == self.file.times.len() {
            self.columns.iter().try_for_each(ColumnsInput::end)?;
        }
        Ok(Snapshot::from_rows(Arc::clone(schema), self.rows.clone()))
    }
}

/// The rows of a sample, of at most `most` bytes, from those of the one before.
fn sample(
    shape: &Collection,
    old: &Rows,
    columns: &mut ColumnsInput<'_>,
    most: usize,
) -> Result<Rows, Flaw> {
    let mut counts = [0; 3];
    for count in &mut counts {
        *count = columns.counts.varint()?;
    }
    let [gone, given, changed] = counts;
    if gone > old.len() as u64 || changed > old.len() as u64 - gone {
        return Err(Flaw::TooManyRows(gone.saturating_add(changed)));
    }
    let fresh = fresh_rows(shape, columns, given, most)?;
    let mut stay = staying(old, columns, gone)?.into_iter();
    let mut rows = Rows::default();
    let mut fresh = fresh.iter().peekable();
    let mut left = changed;
    let mut same = next_gap(columns, left)?;
    for index in &mut stay {
        let bytes = old.row(index);
        while let Some(new) = fresh.next_if(|new| compare_keys(shape, new, bytes).is_lt()) {
            rows.push(new);
        }
        if fresh
            .peek()
            .is_some_and(|new| compare_keys(shape, new, bytes).is_eq())
        {
            return Err(Flaw::DuplicateKey);
        }
        match same {
            Some(0) => {
                changed_row(shape, Row::new(shape, bytes), columns, &mut rows)?;
                left -= 1;
                same = next_gap(columns, left)?;
            }
            Some(count) => {
                same = Some(count - 1);
                rows.push(bytes);
            }
            None => rows.push(bytes),
        }
        if rows.size() > most {
            return Err(Flaw::TooLarge(most));
        }
    }
    if left > 0 {
        return Err(Flaw::TooManyRows(left));
    }
    fresh.for_each(|new| rows.push(new));
    if shape.key_fields() == 0 && rows.len() > 1 {
        return Err(Flaw::SecondRow);
    }
    if rows.len() > MAX_ROWS {
        return Err(Flaw::TooManyRows(rows.len() as u64));
    }
    if rows.size() > most {
        return Err(Flaw::TooLarge(most));
    }
    Ok(rows)
}

/// Rows that stay the same before the next that changed, if one is left.
fn next_gap(columns: &mut ColumnsInput<'_>, left: u64) -> Result<Option<u64>, Flaw> {
    if left == 0 {
        return Ok(None);
    }
    columns.gaps.varint().map(Some)
}

/// Indices of the rows that stay.
fn staying(old: &Rows, columns: &mut ColumnsInput<'_>, gone: u64) -> Result<Vec<usize>, Flaw> {
    let mut stay = Vec::with_capacity(old.len());
    let mut at = 0;
    for _ in 0..gone {
        let kept = columns.gone.varint()?;
        let end = usize::try_from(kept)
            .ok()
            .and_then(|kept| kept.checked_add(at));
        let end = end
            .filter(|end| *end < old.len())
            .ok_or(Flaw::TooManyRows(kept))?;
        stay.extend(at..end);
        at = end + 1;
    }
    stay.extend(at..old.len());
    Ok(stay)
}

fn fresh_rows(
    shape: &Collection,
    columns: &mut ColumnsInput<'_>,
    count: u64,
    most: usize,
) -> Result<Rows, Flaw> {
    if count > MAX_ROWS as u64 {
        return Err(Flaw::TooManyRows(count));
    }
    let mut rows = Rows::default();
    let mut before: Vec<u64> = vec![0; shape.fields().len()];
    for _ in 0..count {
        let given = mask(shape, columns.given.varint()?)?;
        let mut values = Vec::with_capacity(shape.fields().len());
        for (index, field) in shape.fields().iter().enumerate() {
            let is_key = index < shape.key_fields();
            if !is_key && given >> (index - shape.key_fields()) & 1 == 0 {
                values.push(None);
                continue;
            }
            let column = &mut columns.fields[index];
            values.push(Some(column.value(field, &mut before[index])?));
        }
        rows.push_values(shape, values.into_iter());
        let last = rows.len() - 1;
        if last > 0 && compare_keys(shape, rows.row(last - 1), rows.row(last)).is_ge() {
            return Err(Flaw::KeyOrder);
        }
        if rows.size() > most {
            return Err(Flaw::TooLarge(most));
        }
    }
    Ok(rows)
}

fn changed_row(
    shape: &Collection,
    old: Row<'_>,
    columns: &mut ColumnsInput<'_>,
    rows: &mut Rows,
) -> Result<(), Flaw> {
    let set = mask(shape, columns.set.varint()?)?;
    let cleared = mask(shape, columns.cleared.varint()?)?;
    if set & cleared != 0 {
        return Err(Flaw::Cleared);
    }
    let mut values = Vec::with_capacity(shape.fields().len());
    for (index, old) in old.values().enumerate() {
        let bit = index
            .checked_sub(shape.key_fields())
            .map_or(0, |n| 1_u64 << n);
        if cleared & bit != 0 {
            values.push(None);
        } else if set & bit != 0 {
            let field = &shape.fields()[index];
            let mut before = old.and_then(|old| units(old, field)).unwrap_or_default();
            let value = columns.fields[index].value(field, &mut before)?;
            values.push(Some(value));
        } else {
            values.push(old);
        }
    }
    rows.push_values(shape, values.into_iter());
    Ok(())
}

/// Bits of the fields behind the key.
fn mask(shape: &Collection, bits: u64) -> Result<u64, Flaw> {
    let fields = shape.fields().len() - shape.key_fields();
    if fields < 64 && bits >> fields != 0 {
        return Err(Flaw::UnusedBits);
    }
    Ok(bits)
}

impl<'a> ColumnInput<'a> {
    /// The next value; `before` is what a number differs from, and becomes it.
    fn value(&mut self, field: &Field, before: &mut u64) -> Result<Value<'a>, Flaw> {
        let number = self.numbers.varint()?;
        match field.kind() {
            Kind::Text => return self.text(number).map(Value::Text),
            Kind::Boolean => {
                return match number {
                    0 => Ok(Value::Boolean(false)),
                    1 => Ok(Value::Boolean(true)),
                    other => Err(Flaw::NotBoolean(other.min(255) as u8)),
                };
            }
            Kind::Unsigned | Kind::Signed | Kind::Timestamp => {}
        }
        *before = before.wrapping_add_signed(unzigzag(number));
        let quantum = field.quantum().max(1);
        let flaw = Flaw::NotQuantised(field.quantum());
        Ok(match field.kind() {
            Kind::Signed => {
                let product = i128::from(*before as i64) * i128::from(quantum);
                Value::Signed(i64::try_from(product).map_err(|_| flaw)?)
            }
            kind => {
                let product = before.checked_mul(quantum).ok_or(flaw)?;
                match kind {
                    Kind::Timestamp => Value::Timestamp(product),
                    _ => Value::Unsigned(product),
                }
            }
        })
    }

    fn text(&mut self, index: u64) -> Result<&'a str, Flaw> {
        let known = self.known.len();
        match usize::try_from(index) {
            Ok(index) if index < known => Ok(self.known[index]),
            Ok(index) if index == known => {
                let text = self.texts.until(END, MAX_TEXT)?;
                let text = std::str::from_utf8(text).map_err(|_| Flaw::NotUtf8)?;
                self.known.push(text);
                Ok(text)
            }
            _ => Err(Flaw::Prefix {
                prefix: index,
                length: known,
            }),
        }
    }
}
