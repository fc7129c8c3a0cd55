//! rpm's own database, which SUSE uses: a file `Packages.db` of slots that lead to headers
//! (rpm, lib/backend/ndb/rpmpkg.c). Numbers are little-endian; a block has 16 bytes.

use super::parts::{Fault, Parts, Value, Window};

const HEADER: usize = 32;
const PAGE: u32 = 4_096;
const SLOT: usize = 16;
const BLOCK: u64 = 16;
const HEAD: u64 = 16;

/// Most pages of slots: of a million packages.
const MOST_PAGES: u32 = 4_096;

const DAMAGED: Fault = Fault("damaged: a slot is not as it should be");

/// Calls `each` with every header in `file`, in the order in which packages came.
pub(crate) fn headers<P: Parts>(
    file: P,
    each: &mut impl FnMut(&mut Blob<'_, P>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut file = Window::new(file);
    for slot in slots(&mut file)? {
        let mut head = [0; HEAD as usize];
        file.read(slot.offset, &mut head)?;
        let length = u64::from(word(&head, 12));
        if head[..4] != *b"BlbS" || word(&head, 4) != slot.index || length > slot.length - HEAD {
            return Err(DAMAGED);
        }
        each(&mut Blob {
            file: &mut file,
            start: slot.offset + HEAD,
            length,
        })?;
    }
    Ok(())
}

/// Where a package's header is.
#[derive(Debug)]
struct Slot {
    /// The package's number.
    index: u32,
    /// In bytes, head and tail included.
    offset: u64,
    length: u64,
}

/// The slots that are in use.
fn slots<P: Parts>(file: &mut Window<P>) -> Result<Vec<Slot>, Fault> {
    let mut header = [0; HEADER];
    file.read(0, &mut header)?;
    if header[..4] != *b"RpmP" {
        return Err(Fault("it is no database of rpm"));
    }
    let (version, pages) = (word(&header, 4), word(&header, 12));
    if version != 0 {
        return Err(Fault("it is of an unknown version"));
    }
    if pages > MOST_PAGES {
        return Err(Fault("too large"));
    }
    // The first two places hold the header.
    let end = u64::from(pages) * u64::from(PAGE);
    let mut slots = Vec::new();
    for at in (HEADER as u64..end).step_by(SLOT) {
        let mut slot = [0; SLOT];
        file.read(at, &mut slot)?;
        if slot[..4] != *b"Slot" {
            return Err(DAMAGED);
        }
        let (index, offset, length) = (word(&slot, 4), word(&slot, 8), word(&slot, 12));
        if offset == 0 {
            continue;
        }
        let slot = Slot {
            index,
            offset: u64::from(offset) * BLOCK,
            length: u64::from(length) * BLOCK,
        };
        if index == 0 || slot.offset < end || slot.length < HEAD {
            return Err(DAMAGED);
        }
        slots.push(slot);
    }
    slots.sort_by_key(|slot| slot.index);
    Ok(slots)
}

/// A header, whose bytes follow each other in the file.
#[derive(Debug)]
pub(crate) struct Blob<'a, P> {
    file: &'a mut Window<P>,
    start: u64,
    length: u64,
}

impl<P: Parts> Value for Blob<'_, P> {
    fn length(&self) -> u64 {
        self.length
    }

    fn chunk(&mut self, offset: u64) -> Result<&[u8], Fault> {
        self.file.chunk(self.start + offset)
    }
}

/// The little-endian number at `at`, which is there.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
