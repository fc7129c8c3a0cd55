//! Memory modules, from the SMBIOS table (DMTF DSP0134 3.7, sections 6.1 and 7.18).

/// A slot for memory, with what is in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Module {
    /// Unique in the table.
    pub(crate) handle: u16,
    pub(crate) slot: String,
    pub(crate) bank: String,
    /// In bytes; none if it is unknown.
    pub(crate) size: Option<u64>,
    pub(crate) kind: Option<&'static str>,
    /// In million transfers a second.
    pub(crate) speed: Option<u64>,
    pub(crate) vendor: String,
    pub(crate) serial: String,
    pub(crate) part: String,
}

const MEMORY_DEVICE: u8 = 17;
const END_OF_TABLE: u8 = 127;

/// A structure: its formatted part, header included, and its strings.
struct Structure<'a> {
    bytes: &'a [u8],
    strings: Vec<&'a [u8]>,
}

/// Slots that have a module. Stops at the first byte that is not as the specification
/// says: what came before it stands.
pub(crate) fn modules(mut table: &[u8]) -> Vec<Module> {
    let mut modules = Vec::new();
    while let Some((structure, rest)) = Structure::split(table) {
        match structure.byte(0) {
            Some(END_OF_TABLE) => break,
            Some(MEMORY_DEVICE) => modules.extend(structure.module()),
            _ => {}
        }
        table = rest;
    }
    modules
}

impl<'a> Structure<'a> {
    /// The first structure of `table` and what follows it.
    fn split(table: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = usize::from(*table.get(1)?);
        if length < 4 {
            return None;
        }
        let (bytes, rest) = table.split_at_checked(length)?;
        // Strings end with NUL and their set with another; without any there are two.
        let end = rest.windows(2).position(|pair| pair == [0, 0])?;
        let strings = rest[..end].split(|byte| *byte == 0).collect();
        Some((Self { bytes, strings }, &rest[end + 2..]))
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn word(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes([self.byte(at)?, self.byte(at + 1)?]))
    }

    fn double_word(&self, at: usize) -> Option<u32> {
        Some(u32::from(self.word(at)?) | u32::from(self.word(at + 2)?) << 16)
    }

    /// The string whose number, from 1, is at `at`; empty if there is none.
    fn string(&self, at: usize) -> String {
        let number = usize::from(self.byte(at).unwrap_or(0));
        let bytes = number
            .checked_sub(1)
            .and_then(|index| self.strings.get(index));
        crate::dmi::meaning(
            String::from_utf8_lossy(bytes.unwrap_or(&&[][..]))
                .trim()
                .to_owned(),
        )
    }

    /// None for an empty slot.
    fn module(&self) -> Option<Module> {
        let size = match self.word(0x0c)? {
            0 => return None,
            0xffff => None,
            0x7fff => self
                .double_word(0x1c)
                .map(|mib| u64::from(mib & 0x7fff_ffff) << 20),
            kib if kib & 0x8000 != 0 => Some(u64::from(kib & 0x7fff) << 10),
            mib => Some(u64::from(mib) << 20),
        };
        let speed = self.word(0x15).filter(|speed| !matches!(speed, 0 | 0xffff));
        Some(Module {
            handle: self.word(2)?,
            slot: self.string(0x10),
            bank: self.string(0x11),
            size,
            kind: self.byte(0x12).and_then(kind),
            speed: speed.map(u64::from),
            vendor: self.string(0x17),
            serial: self.string(0x18),
            part: self.string(0x1a),
        })
    }
}

/// Table 78 of the specification.
fn kind(number: u8) -> Option<&'static str> {
    Some(match number {
        0x0f => "SDRAM",
        0x12 => "DDR",
        0x13 => "DDR2",
        0x18 => "DDR3",
        0x1a => "DDR4",
        0x1b => "LPDDR",
        0x1c => "LPDDR2",
        0x1d => "LPDDR3",
        0x1e => "LPDDR4",
        0x20 => "HBM",
        0x21 => "HBM2",
        0x22 => "DDR5",
        0x23 => "LPDDR5",
        0x24 => "HBM3",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory_device(handle: u16, size: u16, strings: &[&str]) -> Vec<u8> {
        let mut bytes = vec![0; 0x28];
        bytes[0] = MEMORY_DEVICE;
        bytes[1] = 0x28;
        bytes[2..4].copy_from_slice(&handle.to_le_bytes());
        bytes[0x0c..0x0e].copy_from_slice(&size.to_le_bytes());
        bytes[0x10] = 1;
        bytes[0x11] = 2;
        bytes[0x12] = 0x1a;
        bytes[0x15..0x17].copy_from_slice(&3_200_u16.to_le_bytes());
        bytes[0x17] = 3;
        bytes[0x18] = 4;
        bytes[0x1a] = 5;
        bytes[0x1c..0x20].copy_from_slice(&65_536_u32.to_le_bytes());
        for string in strings {
            bytes.extend(string.bytes());
            bytes.push(0);
        }
        if strings.is_empty() {
            bytes.push(0);
        }
        bytes.push(0);
        bytes
    }

    fn table() -> Vec<u8> {
        let strings = [
            "DIMM 0",
            "P0 CHANNEL A",
            "Samsung",
            "03A1B2C3",
            "M471A2K43DB1-CWE  ",
        ];
        [
            vec![0, 5, 0, 0, 9, 0, 0],
            memory_device(0x40, 16 << 10, &strings),
            memory_device(0x41, 0, &[]),
            memory_device(0x42, 0x7fff, &["DIMM 2"]),
            vec![END_OF_TABLE, 4, 0xfe, 0, 0, 0],
            memory_device(0x43, 1, &["after the end"]),
        ]
        .concat()
    }

    #[test]
    fn modules_are_read_and_empty_slots_are_not() {
        let found = modules(&table());
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0],
            Module {
                handle: 0x40,
                slot: "DIMM 0".to_owned(),
                bank: "P0 CHANNEL A".to_owned(),
                size: Some(16 << 30),
                kind: Some("DDR4"),
                speed: Some(3_200),
                vendor: "Samsung".to_owned(),
                serial: "03A1B2C3".to_owned(),
                part: "M471A2K43DB1-CWE".to_owned(),
            }
        );
        assert_eq!(
            (found[1].size, found[1].vendor.as_str()),
            (Some(64 << 30), "")
        );
    }

    #[test]
    fn a_damaged_table_never_panics() {
        let table = table();
        for length in 0..table.len() {
            modules(&table[..length]);
        }
        for at in 0..table.len() {
            for value in [0, 1, 3, 0x7f, 0xff] {
                let mut damaged = table.clone();
                damaged[at] = value;
                modules(&damaged);
            }
        }
    }
}
