//! The header of an installed package, as rpm keeps it (rpm.org, "Package format", part
//! Header): a number of index entries, a number of bytes of data, then both. What rpm
//! added on installing comes last, and counts where the package said it too.

use super::parts::{Fault, Value};

/// What a header says of its package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// `epoch:version-release`, or `version-release` where there is no epoch.
    pub(crate) version: String,
    /// Empty for what has none.
    pub(crate) architecture: String,
    pub(crate) vendor: String,
    /// Of its installed files, in bytes.
    pub(crate) size: Option<u64>,
    /// When it was installed, in milliseconds since 1970.
    pub(crate) installed: Option<u64>,
}

const NAME: u32 = 1_000;
const VERSION: u32 = 1_001;
const RELEASE: u32 = 1_002;
const EPOCH: u32 = 1_003;
const INSTALL_TIME: u32 = 1_008;
const SIZE: u32 = 1_009;
const VENDOR: u32 = 1_011;
const ARCHITECTURE: u32 = 1_022;
/// In place of the size where that is 4 GiB or more.
const LONG_SIZE: u32 = 5_009;

const TEXTS: [u32; 5] = [NAME, VERSION, RELEASE, VENDOR, ARCHITECTURE];
const NUMBERS: [u32; 4] = [EPOCH, INSTALL_TIME, SIZE, LONG_SIZE];

const INT32: u32 = 4;
const INT64: u32 = 5;
const STRING: u32 = 6;

/// Most index entries: rpm's own bound.
const MOST_ENTRIES: u32 = 0xffff;
/// Longest text that is read, in bytes.
const LONGEST_TEXT: usize = 4_096;

const DAMAGED: Fault = Fault("damaged: a package's header is not as it should be");

/// An entry of the index that is wanted.
#[derive(Clone, Copy, Debug)]
struct Entry {
    tag: u32,
    kind: u32,
    offset: u64,
}

/// The package whose header are the `length` bytes from `offset` of `value`.
pub(crate) fn package(value: &mut impl Value, offset: u64, length: u64) -> Result<Package, Fault> {
    let mut counts = [0; 8];
    value.read(offset, &mut counts)?;
    let (entries, data_length) = (word(&counts, 0), word(&counts, 4));
    let index_length = u64::from(entries) * 16;
    if entries > MOST_ENTRIES || 8 + index_length + u64::from(data_length) != length {
        return Err(DAMAGED);
    }
    let mut index = vec![0; index_length as usize];
    value.read(offset + 8, &mut index)?;
    let data = offset + 8 + index_length;
    let end = offset + length;
    let mut found = Found::default();
    for entry in wanted(&index)? {
        let at = data + entry.offset;
        if at >= end {
            return Err(DAMAGED);
        }
        match entry.kind {
            STRING => found.texts.push((entry.tag, text(value, at, end)?)),
            kind => found
                .numbers
                .push((entry.tag, number(value, at, end, kind)?)),
        }
    }
    found.package()
}

/// The wanted entries in the order of their data, which is read forwards only.
fn wanted(index: &[u8]) -> Result<Vec<Entry>, Fault> {
    let mut entries: Vec<Entry> = Vec::new();
    for bytes in index.chunks_exact(16) {
        let (tag, kind) = (word(bytes, 0), word(bytes, 4));
        let is_right = match kind {
            STRING => TEXTS.contains(&tag),
            INT32 | INT64 => NUMBERS.contains(&tag),
            _ => false,
        };
        if !is_right {
            if TEXTS.contains(&tag) || NUMBERS.contains(&tag) {
                return Err(DAMAGED);
            }
            continue;
        }
        entries.retain(|entry| entry.tag != tag);
        entries.push(Entry {
            tag,
            kind,
            offset: u64::from(word(bytes, 8)),
        });
    }
    entries.sort_by_key(|entry| entry.offset);
    Ok(entries)
}

/// Text up to its NUL. What is not UTF-8 is replaced by U+FFFD.
fn text(value: &mut impl Value, mut at: u64, end: u64) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    while at < end && bytes.len() <= LONGEST_TEXT {
        let chunk = value.chunk(at)?;
        let left = chunk
            .len()
            .min(usize::try_from(end - at).unwrap_or(usize::MAX));
        let chunk = &chunk[..left];
        if let Some(length) = chunk.iter().position(|byte| *byte == 0) {
            bytes.extend_from_slice(&chunk[..length]);
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
        bytes.extend_from_slice(chunk);
        at += left as u64;
    }
    Err(DAMAGED)
}

fn number(value: &mut impl Value, at: u64, end: u64, kind: u32) -> Result<u64, Fault> {
    let mut bytes = [0; 8];
    let length = if kind == INT64 { 8 } else { 4 };
    if end - at < length {
        return Err(DAMAGED);
    }
    value.read(at, &mut bytes[8 - length as usize..])?;
    Ok(u64::from_be_bytes(bytes))
}

/// The big-endian number at `at`, which is there.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The values of the wanted tags.
#[derive(Debug, Default)]
struct Found {
    texts: Vec<(u32, String)>,
    numbers: Vec<(u32, u64)>,
}

impl Found {
    fn text(&mut self, tag: u32) -> Option<String> {
        let at = self.texts.iter().position(|(found, _)| *found == tag)?;
        Some(self.texts.swap_remove(at).1)
    }

    fn number(&self, tag: u32) -> Option<u64> {
        let (_, number) = self.numbers.iter().find(|(found, _)| *found == tag)?;
        Some(*number)
    }

    fn package(mut self) -> Result<Package, Fault> {
        let name = self.text(NAME).filter(|name| !name.is_empty());
        let (Some(name), Some(version), Some(release)) =
            (name, self.text(VERSION), self.text(RELEASE))
        else {
            return Err(DAMAGED);
        };
        let version = match self.number(EPOCH) {
            Some(epoch) => [&epoch.to_string(), ":", &version, "-", &release].concat(),
            None => [&version, "-", &release].concat(),
        };
        Ok(Package {
            name,
            version,
            architecture: self.text(ARCHITECTURE).unwrap_or_default(),
            vendor: self.text(VENDOR).unwrap_or_default(),
            size: self.number(LONG_SIZE).or_else(|| self.number(SIZE)),
            installed: self
                .number(INSTALL_TIME)
                .and_then(|seconds| seconds.checked_mul(1_000)),
        })
    }
}
