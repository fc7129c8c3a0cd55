//! The pages of an SQLite database (sqlite.org/fileformat2.html, section 1), each at most
//! once.

use super::{
    parts::{Fault, Parts, Window},
    wal::Log,
};

/// The database's header, at the start of the first page.
pub(crate) const HEADER: usize = 100;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const UTF_8: u8 = 1;

/// Most pages of a database: 4 GiB where they have rpm's size, and 128 KiB of marks here.
const MOST_PAGES: u32 = 1 << 20;

/// The pages of a database, as of its last commit.
#[derive(Debug)]
pub(crate) struct Pages<P> {
    file: Window<P>,
    log: Option<Log<P>>,
    /// In bytes, what is reserved at the end included.
    size: u32,
    /// Bytes of a page that hold what the format describes.
    usable: usize,
    count: u32,
    /// A bit for each page that was read.
    read: Vec<u64>,
}

impl<P: Parts> Pages<P> {
    /// The database in `file`, which is `length` bytes long, and in its log.
    pub(crate) fn open(file: P, length: u64, log: Option<Log<P>>) -> Result<Self, Fault> {
        let mut pages = Self {
            file: Window::new(file),
            size: log.as_ref().map_or(0, |log| log.page_size),
            log,
            usable: 0,
            count: 0,
            read: Vec::new(),
        };
        let mut header = [0; HEADER];
        let in_log = match &mut pages.log {
            Some(log) => log.page(1, &mut header)?,
            None => false,
        };
        if !in_log {
            pages.file.read(0, &mut header)?;
        }
        pages.accept(&header, length)?;
        Ok(pages)
    }

    fn accept(&mut self, header: &[u8; HEADER], length: u64) -> Result<(), Fault> {
        if !header.starts_with(MAGIC) {
            return Err(Fault("it is no SQLite database"));
        }
        let size = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 65_536,
            size => u32::from(size),
        };
        let (usable, overflow) = (size as usize).overflowing_sub(usize::from(header[20]));
        if !size.is_power_of_two() || size < 512 || overflow || usable < 480 {
            return Err(Fault("its pages have an impossible size"));
        }
        // What a reader may expect, 1 or 2 (with a write-ahead log), and the fractions of
        // a page, which never were others.
        if !matches!(header[19], 1 | 2) || header[21..24] != [64, 32, 32] {
            return Err(Fault("it is of an unknown version"));
        }
        if header[59] != UTF_8 || header[56..59] != [0; 3] {
            return Err(Fault("its text is not UTF-8"));
        }
        let count = match &self.log {
            Some(log) if log.page_size != size => {
                return Err(Fault("its log has pages of another size"));
            }
            Some(log) => log.count,
            None => u32::try_from(length / u64::from(size)).unwrap_or(u32::MAX),
        };
        if count > MOST_PAGES {
            return Err(Fault("too large"));
        }
        self.size = size;
        self.usable = usable;
        self.count = count;
        self.read = vec![0; (count as usize).div_ceil(64)];
        Ok(())
    }

    /// Bytes of a page that count.
    pub(crate) fn usable(&self) -> usize {
        self.usable
    }

    /// Page `number`, from 1, into `buffer`. A page is part of one tree or one list, once:
    /// what leads to it again is a damaged database, which could lead to it for ever.
    pub(crate) fn read(&mut self, number: u32, buffer: &mut Vec<u8>) -> Result<(), Fault> {
        let index = number
            .checked_sub(1)
            .filter(|_| number <= self.count)
            .ok_or(Fault("damaged: it has no such page"))?;
        let (marks, bit) = (&mut self.read[index as usize / 64], 1 << (index % 64));
        if *marks & bit != 0 {
            return Err(Fault("damaged: a page is used twice"));
        }
        *marks |= bit;
        buffer.resize(self.usable, 0);
        if let Some(log) = &mut self.log
            && log.page(number, buffer)?
        {
            return Ok(());
        }
        self.file
            .read(u64::from(index) * u64::from(self.size), buffer)
    }
}
