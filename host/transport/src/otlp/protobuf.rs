//! As much of protobuf's wire format as OTLP's metrics need. Source: "Encoding" in the
//! Protocol Buffers documentation. Fields that have their default value are written all the
//! same, which every reader takes.

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

/// A message that is written field by field.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn raw(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }

    fn tag(&mut self, field: u64, kind: u64) {
        self.raw(field << 3 | kind);
    }

    /// `uint64`, `int32`, `bool` and enums, of what is not negative.
    pub(super) fn varint(&mut self, field: u64, value: u64) {
        self.tag(field, VARINT);
        self.raw(value);
    }

    /// `fixed64`, and the bits of `sfixed64` and `double`.
    pub(super) fn fixed(&mut self, field: u64, value: u64) {
        self.tag(field, FIXED64);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// `string` and `bytes`.
    pub(super) fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    /// A message in the message.
    pub(super) fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.tag(field, BYTES);
        self.raw(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }
}

impl From<Vec<u8>> for Message {
    /// A message that is written already.
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// A field of a message that somebody else wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Varint(u64, u64),
    Bytes(u64, &'a [u8]),
    /// One that nobody here looks at.
    Other,
}

/// The fields of `message`, in their order; ends before what can't be read.
pub(super) fn fields(mut message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    std::iter::from_fn(move || {
        let tag = varint(&mut message)?;
        let field = tag >> 3;
        Some(match tag & 7 {
            VARINT => Field::Varint(field, varint(&mut message)?),
            BYTES => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                Field::Bytes(field, take(&mut message, length)?)
            }
            FIXED64 => take(&mut message, 8).map(|_| Field::Other)?,
            FIXED32 => take(&mut message, 4).map(|_| Field::Other)?,
            _ => return None,
        })
    })
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (place, byte) in message.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            take(message, place + 1)?;
            return Some(value);
        }
    }
    None
}

fn take<'a>(message: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = message.split_at_checked(length)?;
    *message = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the documentation: field 1 with 150, and field 2 with "testing".
    #[test]
    fn fields_are_written_as_the_documentation_shows() {
        let mut message = Message::default();
        message.varint(1, 150);
        message.text(2, "testing");
        let expected = b"\x08\x96\x01\x12\x07testing";
        assert_eq!(message.clone().into_bytes(), expected);
        let mut outer = Message::default();
        outer.message(3, &message);
        assert_eq!(outer.into_bytes(), [b"\x1a\x0c", &expected[..]].concat());
    }

    #[test]
    fn what_is_written_is_read() {
        let mut message = Message::default();
        message.varint(1, u64::MAX);
        message.fixed(2, 5);
        message.text(3, "ä");
        let bytes = message.into_bytes();
        let read: Vec<_> = fields(&bytes).collect();
        let expected = [
            Field::Varint(1, u64::MAX),
            Field::Other,
            Field::Bytes(3, "ä".as_bytes()),
        ];
        assert_eq!(read, expected);
    }

    proptest::proptest! {
        #[test]
        fn whatever_arrives_is_read_to_its_end_or_not(bytes: Vec<u8>) {
            proptest::prop_assert!(fields(&bytes).count() <= bytes.len());
        }
    }
}
