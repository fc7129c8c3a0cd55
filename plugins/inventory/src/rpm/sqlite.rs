//! The rows of a table of an SQLite database (sqlite.org/fileformat2.html, sections 1.5,
//! 1.6 and 2), in the order in which they are stored: that of their ids.

use super::{
    pages::{HEADER, Pages},
    parts::{Fault, Parts, Value},
};

const INTERIOR: u8 = 5;
const LEAF: u8 = 13;

/// Deepest tree: SQLite's own bound.
const DEEPEST: u8 = 20;

const DAMAGED: Fault = Fault("damaged: a page of the table is not as it should be");
const BAD_ROW: Fault = Fault("damaged: a row is not as it should be");

/// Where the root page of the table `name` is; none if there is no such table.
pub(crate) fn table<P: Parts>(pages: &mut Pages<P>, name: &str) -> Result<Option<u32>, Fault> {
    let mut found = None;
    rows(pages, 1, &mut |row| {
        // type, name, tbl_name, rootpage, sql (section 2.6).
        let columns = columns(row)?;
        let [kind, called, _, root, _] = columns.as_slice() else {
            return Err(BAD_ROW);
        };
        let is_table = is_text(row, *kind, "table")? && is_text(row, *called, name)?;
        if is_table {
            found = Some(small_number(row, *root)?);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Calls `each` with every row of the table whose root page is `root`.
pub(crate) fn rows<P: Parts>(
    pages: &mut Pages<P>,
    root: u32,
    each: &mut impl FnMut(&mut Row<'_, P>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    // Pages to visit, the next one last, each with its depth.
    let mut pending = vec![(root, 0)];
    let mut page = Vec::new();
    while let Some((number, depth)) = pending.pop() {
        pages.read(number, &mut page)?;
        let start = if number == 1 { HEADER } else { 0 };
        let header = page.get(start..).ok_or(DAMAGED)?;
        let cells = usize::from(be_u16(header, 3)?);
        match header.first() {
            Some(&LEAF) => {
                for pointer in (8..).step_by(2).take(cells) {
                    let cell = usize::from(be_u16(header, pointer)?);
                    let mut row = Row::of(pages, &page, cell)?;
                    each(&mut row)?;
                }
            }
            Some(&INTERIOR) if depth < DEEPEST => {
                pending.push((be_u32(header, 8)?, depth + 1));
                for pointer in (12..)
                    .step_by(2)
                    .take(cells)
                    .collect::<Vec<_>>()
                    .iter()
                    .rev()
                {
                    let cell = usize::from(be_u16(header, *pointer)?);
                    pending.push((be_u32(&page, cell)?, depth + 1));
                }
            }
            _ => return Err(DAMAGED),
        }
    }
    Ok(())
}

/// One row: its record, of which a part can lie on a list of overflow pages.
#[derive(Debug)]
pub(crate) struct Row<'a, P> {
    pages: &'a mut Pages<P>,
    length: u64,
    /// What the row's own page has of it.
    local: &'a [u8],
    /// The overflow page that was read last, and where in the record it begins.
    overflow: Vec<u8>,
    start: u64,
    /// The next overflow page; 0 if there is none.
    next: u32,
}

impl<'a, P: Parts> Row<'a, P> {
    /// The cell at `at` of a leaf.
    fn of(pages: &'a mut Pages<P>, page: &'a [u8], at: usize) -> Result<Self, Fault> {
        let mut cell = page.get(at..).ok_or(BAD_ROW)?;
        let length = varint(&mut cell)?;
        let _id = varint(&mut cell)?;
        let size = local_length(pages.usable(), length);
        let local = cell.get(..size).ok_or(BAD_ROW)?;
        let next = if (size as u64) < length {
            be_u32(cell, size)?
        } else {
            0
        };
        Ok(Self {
            pages,
            length,
            local,
            overflow: Vec::new(),
            start: size as u64,
            next,
        })
    }
}

impl<P: Parts> Value for Row<'_, P> {
    fn length(&self) -> u64 {
        self.length
    }

    fn chunk(&mut self, offset: u64) -> Result<&[u8], Fault> {
        if let Some(rest) = usize::try_from(offset)
            .ok()
            .and_then(|at| self.local.get(at..))
            && !rest.is_empty()
        {
            return Ok(rest);
        }
        loop {
            let at = offset.checked_sub(self.start).ok_or(BAD_ROW)?;
            // An overflow page begins with the number of the next.
            let content = self.overflow.get(4..).unwrap_or_default().len() as u64;
            if at < content {
                let end = (self.length - self.start).min(content);
                return self
                    .overflow
                    .get(4 + at as usize..4 + end as usize)
                    .filter(|chunk| !chunk.is_empty())
                    .ok_or(BAD_ROW);
            }
            self.start += content;
            self.pages.read(self.next, &mut self.overflow)?;
            self.next = be_u32(&self.overflow, 0)?;
        }
    }
}

/// How much of a record of `length` bytes is on the leaf itself (section 1.6).
fn local_length(usable: usize, length: u64) -> usize {
    let most = usable - 35;
    if length <= most as u64 {
        return length as usize;
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let rest = least + ((length - least as u64) % (usable as u64 - 4)) as usize;
    if rest <= most { rest } else { least }
}

/// A value of a record: its type, and where it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    kind: u64,
    offset: u64,
}

/// Longest header of a record that is read: of a table with a hundred columns.
const LONGEST_HEADER: usize = 256;

/// The values of a record, in order.
pub(crate) fn columns(row: &mut impl Value) -> Result<Vec<Column>, Fault> {
    let mut header = [0; LONGEST_HEADER];
    let length = row.length().min(LONGEST_HEADER as u64) as usize;
    row.read(0, &mut header[..length.min(1)])?;
    // A header of more than 127 bytes begins with a longer number.
    let size = usize::from(header[0]);
    if size == 0 || size > length || size > 127 {
        return Err(BAD_ROW);
    }
    row.read(0, &mut header[..size])?;
    let mut rest = &header[1..size];
    let mut offset = size as u64;
    let mut columns = Vec::new();
    while !rest.is_empty() {
        let kind = varint(&mut rest)?;
        columns.push(Column { kind, offset });
        offset = offset.checked_add(size_of(kind)?).ok_or(BAD_ROW)?;
    }
    (offset <= row.length()).then_some(columns).ok_or(BAD_ROW)
}

/// Bytes of a value of type `kind` (section 2.1).
fn size_of(kind: u64) -> Result<u64, Fault> {
    Ok(match kind {
        0 | 8 | 9 => 0,
        1..=4 => kind,
        5 => 6,
        6 | 7 => 8,
        10 | 11 => return Err(BAD_ROW),
        12.. => (kind - 12) / 2,
    })
}

impl Column {
    /// Where a blob begins, and its length; none if the value is none.
    pub(crate) fn blob(self) -> Option<(u64, u64)> {
        (self.kind >= 12 && self.kind.is_multiple_of(2))
            .then(|| (self.offset, (self.kind - 12) / 2))
    }
}

fn is_text(row: &mut impl Value, column: Column, text: &str) -> Result<bool, Fault> {
    if column.kind != 13 + 2 * text.len() as u64 {
        return Ok(false);
    }
    let mut bytes = vec![0; text.len()];
    row.read(column.offset, &mut bytes)?;
    Ok(bytes == text.as_bytes())
}

/// A number that is not negative and fits: that of a page.
fn small_number(row: &mut impl Value, column: Column) -> Result<u32, Fault> {
    let mut bytes = [0; 4];
    match column.kind {
        9 => return Ok(1),
        1..=4 => row.read(column.offset, &mut bytes[4 - column.kind as usize..])?,
        _ => return Err(BAD_ROW),
    }
    let is_negative = bytes[4 - column.kind as usize] & 0x80 != 0;
    (!is_negative)
        .then(|| u32::from_be_bytes(bytes))
        .ok_or(BAD_ROW)
}

/// A number of 1 to 9 bytes at the start of `bytes`, which then begin after it.
fn varint(bytes: &mut &[u8]) -> Result<u64, Fault> {
    let mut value = 0;
    for count in 1..=9 {
        let (byte, rest) = bytes.split_first().ok_or(BAD_ROW)?;
        *bytes = rest;
        if count == 9 {
            return Ok(value << 8 | u64::from(*byte));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(BAD_ROW)
}

fn be_u16(bytes: &[u8], at: usize) -> Result<u16, Fault> {
    let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk);
    bytes.copied().map(u16::from_be_bytes).ok_or(DAMAGED)
}

fn be_u32(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk);
    bytes.copied().map(u32::from_be_bytes).ok_or(DAMAGED)
}
