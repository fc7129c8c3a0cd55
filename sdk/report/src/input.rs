//! Reading bytes that anybody may have written.

use crate::{rows, schema};

/// What is wrong with bytes that were read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// The bytes end too early.
    #[error("the bytes end in the middle of a value")]
    Truncated,
    /// More bytes than the layout has a meaning for.
    #[error("{0} bytes are left over")]
    LeftOver(usize),
    /// A varint of more than 64 bits.
    #[error("a varint holds more than 64 bits")]
    VarintTooLong,
    /// A varint with a needless last byte.
    #[error("a varint is not in its shortest form")]
    VarintNotShortest,
    /// A length that goes beyond the end of the bytes.
    #[error("a length of {length} bytes, where {left} are left")]
    LengthBeyondEnd {
        /// What the bytes announce.
        length: u64,
        /// What is there.
        left: usize,
    },
    /// Other first bytes than the layout has.
    #[error("does not begin with `{0}`")]
    Magic(&'static str),
    /// A text beyond [`rows::MAX_TEXT`].
    #[error("a text of {0} bytes; at most {max} are allowed", max = rows::MAX_TEXT)]
    TextTooLong(u64),
    /// A text that is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// A boolean that is neither 0 nor 1.
    #[error("a boolean is {0}; write 0 or 1")]
    NotBoolean(u8),
    /// A bit is set that stands for nothing.
    #[error("a bit is set beyond the last one that has a meaning")]
    UnusedBits,
    /// More bytes than a snapshot may have.
    #[error("the rows take more than {0} bytes")]
    TooLarge(usize),
    /// A collection that the schema does not have.
    #[error("collection {index}; the schema has {collections}, counted from 0")]
    NoSuchCollection {
        /// The index that was read.
        index: u64,
        /// How many there are.
        collections: usize,
    },
    /// Collections out of order, or one twice.
    #[error(
        "collection {index} follows {previous}; collections come in ascending order, each once"
    )]
    CollectionOrder {
        /// The index that was read.
        index: usize,
        /// The one before it.
        previous: usize,
    },
    /// More rows than [`rows::MAX_ROWS`].
    #[error("{0} rows; at most {max} are allowed", max = rows::MAX_ROWS)]
    TooManyRows(u64),
    /// More than one row where the schema has no key.
    #[error("a second row in a collection without key fields")]
    SecondRow,
    /// A key field without value.
    #[error("a key field is absent")]
    KeyAbsent,
    /// Two rows with one key.
    #[error("the key is that of another row")]
    DuplicateKey,
    /// Rows of a report that are not sorted by key.
    #[error("the row's key is not greater than the one before")]
    KeyOrder,
    /// A number of a report that is no multiple of the field's quantum.
    #[error("the number is no multiple of the field's quantum, {0}")]
    NotQuantised(u64),
    /// A code that has no meaning in this version.
    #[error("{what} {code} is unknown")]
    UnknownCode {
        /// What the code stands for.
        what: &'static str,
        /// The code.
        code: u8,
    },
    /// A shared prefix longer than the text it is taken from.
    #[error("a prefix of {prefix} bytes of a text of {length}")]
    Prefix {
        /// Its length.
        prefix: u64,
        /// How long the text before is.
        length: usize,
    },
    /// A field both set and cleared by one change, or a key field cleared.
    #[error("a change clears a field that it sets, or a field of the key")]
    Cleared,
    /// A schema that breaks the rules of schemas.
    #[error(transparent)]
    Schema(Box<schema::SchemaError>),
}

impl From<schema::SchemaError> for Flaw {
    fn from(error: schema::SchemaError) -> Self {
        Self::Schema(Box::new(error))
    }
}

/// A position in bytes; every read moves it on or fails.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left() == 0
    }

    /// Everything not yet read.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }

    pub(crate) fn end(&self) -> Result<(), Flaw> {
        match self.left() {
            0 => Ok(()),
            left => Err(Flaw::LeftOver(left)),
        }
    }

    pub(crate) fn magic(&mut self, magic: &'static str) -> Result<(), Flaw> {
        match self.take(magic.len()) {
            Ok(bytes) if bytes == magic.as_bytes() => Ok(()),
            _ => Err(Flaw::Magic(magic)),
        }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Flaw> {
        let byte = *self.bytes.get(self.at).ok_or(Flaw::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Flaw> {
        let end = self.at.checked_add(length).ok_or(Flaw::Truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(Flaw::Truncated)?;
        self.at = end;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Flaw> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(Flaw::VarintTooLong);
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let shortest = byte != 0 || shift == 0;
                return shortest.then_some(number).ok_or(Flaw::VarintNotShortest);
            }
        }
        Err(Flaw::VarintTooLong)
    }

    /// A length and as many bytes. Nothing is allocated: they are borrowed.
    pub(crate) fn run(&mut self) -> Result<&'a [u8], Flaw> {
        let length = self.varint()?;
        let left = self.left();
        let fits = usize::try_from(length)
            .ok()
            .filter(|length| *length <= left);
        self.take(fits.ok_or(Flaw::LengthBeyondEnd { length, left })?)
    }

    /// The bytes up to the next `end`, which is skipped: at most `most`.
    pub(crate) fn until(&mut self, end: u8, most: usize) -> Result<&'a [u8], Flaw> {
        let left = &self.bytes[self.at..];
        let window = &left[..left.len().min(most + 1)];
        match window.iter().position(|byte| *byte == end) {
            Some(length) => {
                self.at += length + 1;
                Ok(&left[..length])
            }
            None if window.len() > most => Err(Flaw::TextTooLong(left.len() as u64)),
            None => Err(Flaw::Truncated),
        }
    }

    /// A length and text of at most `rows::MAX_TEXT` bytes.
    pub(crate) fn text(&mut self) -> Result<&'a str, Flaw> {
        let length = self.clone().varint()?;
        if length > rows::MAX_TEXT as u64 {
            return Err(Flaw::TextTooLong(length));
        }
        std::str::from_utf8(self.run()?).map_err(|_| Flaw::NotUtf8)
    }
}
