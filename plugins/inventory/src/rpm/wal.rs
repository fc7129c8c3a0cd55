//! The write-ahead log of an SQLite database (sqlite.org/fileformat2.html, section 4):
//! pages that were committed and are not yet in the database's own file.

use std::collections::BTreeMap;

use super::parts::{Fault, Parts, Window};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// With the lowest bit set, checksums are of big-endian words.
const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;

/// Longest log that is read. SQLite writes it back at 1,000 pages unless a transaction
/// goes on.
const LONGEST: u64 = 64 << 20;

/// The committed pages of a log.
#[derive(Debug)]
pub(crate) struct Log<P> {
    file: Window<P>,
    /// Where the newest version of each page is.
    pages: BTreeMap<u32, u64>,
    /// In bytes.
    pub(crate) page_size: u32,
    /// Pages in the database after the last commit.
    pub(crate) count: u32,
}

impl<P: Parts> Log<P> {
    /// The log in `file`, which is `length` bytes long; none if nothing in it counts. As
    /// SQLite does after a crash, it ends at the first frame that is not whole or is left
    /// over from an earlier log, and what follows the last commit is ignored.
    pub(crate) fn read(file: P, length: u64) -> Result<Option<Self>, Fault> {
        if length < HEADER as u64 {
            return Ok(None);
        }
        if length > LONGEST {
            return Err(Fault("its write-ahead log is too large"));
        }
        let mut file = Window::new(file);
        let mut header = [0; HEADER];
        file.read(0, &mut header)?;
        let Some(mut checksum) = Checksum::begin(&header) else {
            return Ok(None);
        };
        if word(&header, 4) != VERSION {
            return Err(Fault("its write-ahead log is of an unknown version"));
        }
        let page_size = word(&header, 8);
        if !page_size.is_power_of_two() || !(512..=65_536).contains(&page_size) {
            return Ok(None);
        }
        let mut log = Self {
            file,
            pages: BTreeMap::new(),
            page_size,
            count: 0,
        };
        log.commits(&header, &mut checksum, length)?;
        Ok((log.count > 0).then_some(log))
    }

    fn commits(
        &mut self,
        header: &[u8; HEADER],
        checksum: &mut Checksum,
        length: u64,
    ) -> Result<(), Fault> {
        let mut frame = vec![0; FRAME_HEADER + self.page_size as usize];
        let mut pending = Vec::new();
        let mut offset = HEADER as u64;
        while offset + frame.len() as u64 <= length {
            self.file.read(offset, &mut frame)?;
            let (number, count) = (word(&frame, 0), word(&frame, 4));
            checksum.add(&frame[..8]);
            checksum.add(&frame[FRAME_HEADER..]);
            let is_current = frame[8..16] == header[16..24];
            if number == 0 || !is_current || !checksum.is(&frame[16..FRAME_HEADER]) {
                break;
            }
            pending.push((number, offset + FRAME_HEADER as u64));
            if count > 0 {
                self.pages.extend(pending.drain(..));
                self.count = count;
            }
            offset += frame.len() as u64;
        }
        Ok(())
    }

    /// Fills `buffer` with page `number`; false if the log does not have it.
    pub(crate) fn page(&mut self, number: u32, buffer: &mut [u8]) -> Result<bool, Fault> {
        let Some(offset) = self.pages.get(&number) else {
            return Ok(false);
        };
        self.file.read(*offset, buffer)?;
        Ok(true)
    }
}

/// The running checksum of a log.
struct Checksum {
    big_endian: bool,
    sums: (u32, u32),
}

impl Checksum {
    /// That of a log's header; none if this is not one.
    fn begin(header: &[u8; HEADER]) -> Option<Self> {
        let magic = word(header, 0);
        if magic & !1 != MAGIC {
            return None;
        }
        let mut checksum = Self {
            big_endian: magic & 1 == 1,
            sums: (0, 0),
        };
        checksum.add(&header[..24]);
        checksum.is(&header[24..]).then_some(checksum)
    }

    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            let word = |at: usize| {
                let bytes = [pair[at], pair[at + 1], pair[at + 2], pair[at + 3]];
                if self.big_endian {
                    u32::from_be_bytes(bytes)
                } else {
                    u32::from_le_bytes(bytes)
                }
            };
            let (first, second) = (word(0), word(4));
            let (mut one, mut two) = self.sums;
            one = one.wrapping_add(first).wrapping_add(two);
            two = two.wrapping_add(second).wrapping_add(one);
            self.sums = (one, two);
        }
    }

    fn is(&self, written: &[u8]) -> bool {
        (word(written, 0), word(written, 4)) == self.sums
    }
}

/// The big-endian number at `at`, which is there.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
