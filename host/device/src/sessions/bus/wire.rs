//! D-Bus marshalling: the types of its specification ("Type System", "Marshaling") that
//! logind's messages hold. Everything else is stepped over, within its rules.

/// How deep containers may be in each other: the specification's bound of 32 arrays and 32
/// structures, and 64 for variants.
const DEEPEST: usize = 64;

/// Bytes that are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of the bus is damaged: {0}")]
pub(crate) struct WireError(pub(super) &'static str);

/// Writes values, little endian.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    #[cfg(test)]
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    #[cfg(test)]
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn align(&mut self, to: usize) {
        let length = self.bytes.len().next_multiple_of(to);
        self.bytes.resize(length, 0);
    }

    pub(super) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.align(4);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
    }

    pub(crate) fn signature(&mut self, text: &str) {
        self.bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
    }
}

/// The byte order of a message: each sender uses its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }
}

/// A value of a kind that is of use here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Bool(bool),
    U32(u32),
    U64(u64),
    /// A string, an object's path or a signature.
    Text(String),
    /// Any other; it was stepped over.
    Other,
}

/// Reads values. No position is ever outside the bytes.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    order: Order,
}

impl<'a> Reader<'a> {
    /// Of `bytes`, which begin where alignment counts from.
    pub(super) fn new(bytes: &'a [u8], order: Order) -> Self {
        let at = 0;
        Self { bytes, at, order }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let end = self.at.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(WireError("it ends too early"))?;
        self.at += length;
        Ok(taken)
    }

    pub(super) fn align(&mut self, to: usize) -> Result<(), WireError> {
        let padding = self.at.next_multiple_of(to) - self.at;
        self.take(padding).map(drop)
    }

    pub(super) fn byte(&mut self) -> Result<u8, WireError> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireError> {
        self.align(4)?;
        let bytes = self.take(4)?.try_into();
        Ok(self
            .order
            .u32(bytes.map_err(|_| WireError("it ends too early"))?))
    }

    fn u64(&mut self) -> Result<u64, WireError> {
        self.align(8)?;
        let bytes = self.take(8)?.try_into();
        let bytes = bytes.map_err(|_| WireError("it ends too early"))?;
        Ok(match self.order {
            Order::Little => u64::from_le_bytes(bytes),
            Order::Big => u64::from_be_bytes(bytes),
        })
    }

    /// A string or an object's path.
    pub(crate) fn string(&mut self) -> Result<&'a str, WireError> {
        let length = self.length()?;
        self.text(length)
    }

    pub(super) fn signature(&mut self) -> Result<&'a str, WireError> {
        let length = usize::from(self.byte()?);
        self.text(length)
    }

    fn length(&mut self) -> Result<usize, WireError> {
        usize::try_from(self.u32()?).map_err(|_| WireError("it is too long"))
    }

    fn text(&mut self, length: usize) -> Result<&'a str, WireError> {
        let text = std::str::from_utf8(self.take(length)?);
        if self.byte()? != 0 {
            return Err(WireError("a text has no end"));
        }
        text.map_err(|_| WireError("a text is not UTF-8"))
    }

    /// The elements of an array whose elements are aligned to `to` bytes.
    pub(crate) fn array<T>(
        &mut self,
        to: usize,
        mut element: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        let length = self.length()?;
        self.align(to)?;
        let end = self
            .at
            .checked_add(length)
            .filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(WireError("an array is longer than its message"))?;
        let mut elements = Vec::new();
        while self.at < end {
            self.align(to)?;
            let before = self.at;
            elements.push(element(self)?);
            if self.at == before {
                return Err(WireError("an array's element is empty"));
            }
        }
        if self.at != end {
            return Err(WireError("an array ends within an element"));
        }
        Ok(elements)
    }

    /// A value with its type before it.
    pub(crate) fn variant(&mut self) -> Result<Value, WireError> {
        self.variant_at(0)
    }

    fn variant_at(&mut self, depth: usize) -> Result<Value, WireError> {
        let signature = self.signature()?;
        let (value, rest) = self.value(signature.as_bytes(), depth + 1)?;
        if !rest.is_empty() {
            return Err(WireError("a variant has more than one type"));
        }
        Ok(value)
    }

    /// A value of the first complete type of `signature`; and the rest of that.
    fn value<'s>(
        &mut self,
        signature: &'s [u8],
        depth: usize,
    ) -> Result<(Value, &'s [u8]), WireError> {
        let (kind, rest) = signature
            .split_first()
            .ok_or(WireError("a type is missing"))?;
        if depth > DEEPEST {
            return Err(WireError("its containers are too deep"));
        }
        let value = match kind {
            b'y' => {
                self.byte()?;
                Value::Other
            }
            b'b' => match self.u32()? {
                0 => Value::Bool(false),
                1 => Value::Bool(true),
                _ => return Err(WireError("a truth value is neither 0 nor 1")),
            },
            b'u' => Value::U32(self.u32()?),
            b't' => Value::U64(self.u64()?),
            b's' | b'o' => Value::Text(self.string()?.to_owned()),
            b'g' => Value::Text(self.signature()?.to_owned()),
            b'v' => {
                self.variant_at(depth)?;
                Value::Other
            }
            b'n' | b'q' => self.step(2)?,
            b'i' | b'h' => self.step(4)?,
            b'x' | b'd' => self.step(8)?,
            b'a' => return Ok((Value::Other, self.skip_array(rest, depth)?)),
            b'(' => return Ok((Value::Other, self.skip_members(rest, b')', depth)?)),
            _ => return Err(WireError("a type is not known")),
        };
        Ok((value, rest))
    }

    fn step(&mut self, size: usize) -> Result<Value, WireError> {
        self.align(size)?;
        self.take(size)?;
        Ok(Value::Other)
    }

    /// Steps over an array without looking into it: its length is written before it.
    fn skip_array<'s>(&mut self, element: &'s [u8], depth: usize) -> Result<&'s [u8], WireError> {
        let length = self.length()?;
        self.align(alignment(element))?;
        self.take(length)?;
        after_type(element, depth + 1)
    }

    fn skip_members<'s>(
        &mut self,
        mut members: &'s [u8],
        close: u8,
        depth: usize,
    ) -> Result<&'s [u8], WireError> {
        self.align(8)?;
        while members.first() != Some(&close) {
            members = self.value(members, depth + 1)?.1;
        }
        Ok(&members[1..])
    }
}

fn alignment(signature: &[u8]) -> usize {
    match signature.first() {
        Some(b'y' | b'g' | b'v') => 1,
        Some(b'n' | b'q') => 2,
        Some(b'x' | b't' | b'd' | b'(' | b'{') => 8,
        _ => 4,
    }
}

/// What follows the first complete type of `signature`.
fn after_type(signature: &[u8], depth: usize) -> Result<&[u8], WireError> {
    let (kind, mut rest) = signature
        .split_first()
        .ok_or(WireError("a type is missing"))?;
    if depth > DEEPEST {
        return Err(WireError("its containers are too deep"));
    }
    let close = match kind {
        b'a' => return after_type(rest, depth + 1),
        b'(' => b')',
        b'{' => b'}',
        b'y' | b'b' | b'n' | b'q' | b'i' | b'u' | b'x' | b't' | b'd' | b'h' | b's' | b'o'
        | b'g' | b'v' => return Ok(rest),
        _ => return Err(WireError("a type is not known")),
    };
    while rest.first() != Some(&close) {
        rest = after_type(rest, depth + 1)?;
    }
    Ok(&rest[1..])
}
