//! Files that are larger than a plugin's memory, read a part at a time.

use bailiwick_sdk::files::{self, Error};

/// Why a database can't be read, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) &'static str);

/// Where the parts come from.
pub(crate) trait Parts {
    /// Up to `length` bytes from `offset`; fewer at the end of the file.
    fn part(&mut self, offset: u64, length: u32) -> Result<Vec<u8>, Fault>;
}

/// A file of the device.
#[derive(Debug)]
pub(crate) struct DeviceFile(pub(crate) String);

impl Parts for DeviceFile {
    fn part(&mut self, offset: u64, length: u32) -> Result<Vec<u8>, Fault> {
        files::read_part(&self.0, offset, length).map_err(|error| {
            Fault(match error {
                Error::Denied => "denied",
                Error::NotFound => "gone",
                Error::InvalidPath => "invalid path",
                Error::WrongKind => "wrong kind",
                Error::TooLarge(_) => "too large",
                Error::Unavailable => "unavailable",
            })
        })
    }
}

/// How much is read at a time. A database is read mostly forwards, so a call of the host
/// for less costs more than copying what is not needed; more does not fit the caches.
const PART: u32 = 256 << 10;

/// Most parts of one file, 1 GiB: each is a call of the host, of which a policy allows a
/// number.
const MOST_PARTS: u32 = 4_096;

/// A file, and the part of it that was read last.
#[derive(Debug)]
pub(crate) struct Window<P> {
    parts: P,
    start: u64,
    bytes: Vec<u8>,
    left: u32,
}

impl<P: Parts> Window<P> {
    pub(crate) fn new(parts: P) -> Self {
        Self {
            parts,
            start: 0,
            bytes: Vec::new(),
            left: MOST_PARTS,
        }
    }

    /// At least one byte from `offset` on.
    pub(crate) fn chunk(&mut self, offset: u64) -> Result<&[u8], Fault> {
        if self.within(offset).is_none() {
            self.left = self.left.checked_sub(1).ok_or(Fault("too large"))?;
            // The old part goes first: both count towards the plugin's memory.
            self.bytes = Vec::new();
            self.bytes = self.parts.part(offset, PART)?;
            self.start = offset;
        }
        let at = self.within(offset).ok_or(Fault("cut short"))?;
        Ok(&self.bytes[at..])
    }

    /// Where in the part `offset` is.
    fn within(&self, offset: u64) -> Option<usize> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        (at < self.bytes.len()).then_some(at)
    }

    /// Fills `buffer` with what is at `offset`.
    pub(crate) fn read(&mut self, mut offset: u64, mut buffer: &mut [u8]) -> Result<(), Fault> {
        while !buffer.is_empty() {
            let chunk = self.chunk(offset)?;
            let length = chunk.len().min(buffer.len());
            let (filled, rest) = buffer.split_at_mut(length);
            filled.copy_from_slice(&chunk[..length]);
            offset = offset
                .checked_add(length as u64)
                .ok_or(Fault("cut short"))?;
            buffer = rest;
        }
        Ok(())
    }
}

/// Bytes that can be read forwards only, a chunk at a time: one value of a database.
pub(crate) trait Value {
    /// In bytes.
    fn length(&self) -> u64;

    /// At least one byte from `offset` on, which is less than the length. What lies in a
    /// chunk before the last one is refused.
    fn chunk(&mut self, offset: u64) -> Result<&[u8], Fault>;

    /// Fills `buffer` with what is at `offset`.
    fn read(&mut self, mut offset: u64, mut buffer: &mut [u8]) -> Result<(), Fault> {
        while !buffer.is_empty() {
            if offset >= self.length() {
                return Err(Fault("a value is cut short"));
            }
            let chunk = self.chunk(offset)?;
            let length = chunk.len().min(buffer.len());
            let (filled, rest) = buffer.split_at_mut(length);
            filled.copy_from_slice(&chunk[..length]);
            offset += length as u64;
            buffer = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
impl Parts for &[u8] {
    fn part(&mut self, offset: u64, length: u32) -> Result<Vec<u8>, Fault> {
        let from = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.len());
        let to = from.saturating_add(length as usize).min(self.len());
        Ok(self[from..to].to_vec())
    }
}

#[cfg(test)]
impl Value for &[u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn chunk(&mut self, offset: u64) -> Result<&[u8], Fault> {
        // One byte at a time: the worst that a database can do.
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        self.get(at..at + 1).ok_or(Fault("cut short"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_moves_to_what_is_asked_for() {
        let file: Vec<u8> = (0..800_000_u32).map(|n| (n / 7) as u8).collect();
        let mut window = Window::new(file.as_slice());
        for offset in [0, 262_140, 799_990, 3, 524_288] {
            let mut bytes = [0; 10];
            window.read(offset, &mut bytes).unwrap();
            let at = offset as usize;
            assert_eq!(bytes, file[at..at + 10], "{offset}");
        }
        let cut = Err(Fault("cut short"));
        assert_eq!(window.read(799_995, &mut [0; 10]), cut);
        assert_eq!(window.read(u64::MAX, &mut [0; 10]), cut);
    }

    #[test]
    fn a_file_has_no_more_parts_than_the_bound() {
        struct Byte;
        impl Parts for Byte {
            fn part(&mut self, _offset: u64, _length: u32) -> Result<Vec<u8>, Fault> {
                Ok(vec![7])
            }
        }
        let mut window = Window::new(Byte);
        for offset in 0..u64::from(MOST_PARTS) {
            assert_eq!(window.chunk(offset), Ok([7].as_slice()));
        }
        assert_eq!(window.chunk(0), Err(Fault("too large")));
    }
}
