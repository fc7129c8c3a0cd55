//! One message of the bus: its header and its body's bytes.

use super::wire::{Order, Reader, Value, WireError, Writer};

/// Bytes of the part of the header that has a fixed size.
pub(super) const FIXED: usize = 16;
/// Longest message that is read, in bytes: the list of 1,024 sessions takes 100 KB. The
/// specification allows 128 MB, which nothing here needs.
pub(super) const LONGEST: usize = 1024 * 1024;
/// Flag of a call that must not start the service it is for.
const NO_AUTO_START: u8 = 2;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Call,
    Return,
    Error,
    Signal,
}

/// A message. A part that is not there is empty, or 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) serial: u32,
    pub(crate) reply_to: u32,
    pub(crate) path: String,
    pub(crate) interface: String,
    pub(crate) member: String,
    pub(crate) error: String,
    pub(crate) destination: String,
    pub(crate) sender: String,
    pub(crate) signature: String,
    pub(crate) body: Vec<u8>,
    pub(crate) order: Order,
    pub(crate) flags: u8,
}

impl Message {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            serial: 0,
            reply_to: 0,
            path: String::new(),
            interface: String::new(),
            member: String::new(),
            error: String::new(),
            destination: String::new(),
            sender: String::new(),
            signature: String::new(),
            body: Vec::new(),
            order: Order::Little,
            flags: NO_AUTO_START,
        }
    }

    /// With these arguments, of this type, in place of texts.
    pub(crate) fn with(self, signature: &str, arguments: Writer) -> Self {
        Self {
            signature: signature.to_owned(),
            body: arguments.bytes,
            ..self
        }
    }

    /// A call that may start the service it is for.
    pub(crate) fn starting(self) -> Self {
        Self { flags: 0, ..self }
    }

    /// A call of `member` of `interface` with texts as arguments.
    pub(crate) fn call(
        destination: &str,
        path: &str,
        interface: &str,
        member: &str,
        arguments: &[&str],
    ) -> Self {
        let mut body = Writer::default();
        for argument in arguments {
            body.string(argument);
        }
        Self {
            destination: destination.to_owned(),
            path: path.to_owned(),
            interface: interface.to_owned(),
            member: member.to_owned(),
            signature: "s".repeat(arguments.len()),
            body: body.bytes,
            ..Self::new(Kind::Call)
        }
    }

    /// Reads the arguments.
    pub(crate) fn arguments(&self) -> Reader<'_> {
        Reader::new(&self.body, self.order)
    }

    /// As it is sent. Little endian, which the body must be too.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.byte(b'l');
        out.byte(match self.kind {
            Kind::Call => 1,
            Kind::Return => 2,
            Kind::Error => 3,
            Kind::Signal => 4,
        });
        out.byte(self.flags);
        out.byte(1);
        out.u32(u32::try_from(self.body.len()).unwrap_or(u32::MAX));
        out.u32(self.serial);
        out.u32(0);
        let begin = out.bytes.len();
        for (code, signature, text) in [
            (1, "o", &self.path),
            (2, "s", &self.interface),
            (3, "s", &self.member),
            (4, "s", &self.error),
            (6, "s", &self.destination),
        ] {
            if !text.is_empty() {
                field(&mut out, code, signature).string(text);
            }
        }
        if self.reply_to != 0 {
            field(&mut out, 5, "u").u32(self.reply_to);
        }
        if !self.signature.is_empty() {
            field(&mut out, 8, "g").signature(&self.signature);
        }
        let length = u32::try_from(out.bytes.len() - begin).unwrap_or(u32::MAX);
        out.bytes[begin - 4..begin].copy_from_slice(&length.to_le_bytes());
        out.align(8);
        out.bytes.extend_from_slice(&self.body);
        out.bytes
    }

    /// The first message of `bytes` and its length; none if more bytes are needed.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, WireError> {
        let Some(fixed) = bytes.first_chunk::<FIXED>() else {
            return Ok(None);
        };
        let order = match fixed[0] {
            b'l' => Order::Little,
            b'B' => Order::Big,
            _ => return Err(WireError("its byte order is not known")),
        };
        let kind = match fixed[1] {
            1 => Kind::Call,
            2 => Kind::Return,
            3 => Kind::Error,
            4 => Kind::Signal,
            _ => return Err(WireError("its kind is not known")),
        };
        if fixed[3] != 1 {
            return Err(WireError("its protocol's version is not 1"));
        }
        let number =
            |at: usize| order.u32([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let size = |at| {
            usize::try_from(number(at))
                .ok()
                .filter(|size| *size <= LONGEST)
        };
        let (Some(body), Some(fields)) = (size(4), size(12)) else {
            return Err(WireError("it is longer than allowed"));
        };
        let begin = (FIXED + fields).next_multiple_of(8);
        let end = begin + body;
        let Some(whole) = bytes.get(..end) else {
            return Ok(None);
        };
        let mut message = Self::new(kind);
        message.order = order;
        message.flags = fixed[2];
        message.serial = number(8);
        message.read_fields(&whole[..FIXED + fields])?;
        message.body = whole[begin..].to_vec();
        Ok(Some((message, end)))
    }

    fn read_fields(&mut self, header: &[u8]) -> Result<(), WireError> {
        let mut reader = Reader::new(header, self.order);
        while reader.at() < FIXED {
            reader.byte()?;
        }
        while reader.at() < header.len() {
            reader.align(8)?;
            let code = reader.byte()?;
            match (code, reader.variant()?) {
                (1, Value::Text(text)) => self.path = text,
                (2, Value::Text(text)) => self.interface = text,
                (3, Value::Text(text)) => self.member = text,
                (4, Value::Text(text)) => self.error = text,
                (5, Value::U32(serial)) => self.reply_to = serial,
                (6, Value::Text(text)) => self.destination = text,
                (7, Value::Text(text)) => self.sender = text,
                (8, Value::Text(text)) => self.signature = text,
                (1..=8, _) => return Err(WireError("a field of its header has a wrong type")),
                // "Unknown fields must be ignored."
                _ => {}
            }
        }
        Ok(())
    }
}

fn field<'a>(out: &'a mut Writer, code: u8, signature: &str) -> &'a mut Writer {
    out.align(8);
    out.byte(code);
    out.signature(signature);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hello() -> Message {
        Message {
            serial: 7,
            ..Message::call("org.a", "/org/a", "org.a.B", "Go", &["x", "", "äöü"])
        }
    }

    #[test]
    fn a_message_reads_what_it_writes_and_waits_for_the_rest() {
        let bytes = hello().encode();
        for end in 0..bytes.len() {
            assert_eq!(Message::decode(&bytes[..end]), Ok(None), "{end}");
        }
        let (read, length) = Message::decode(&bytes).unwrap().unwrap();
        assert_eq!((&read, length), (&hello(), bytes.len()));
        let mut arguments = read.arguments();
        assert_eq!(arguments.string(), Ok("x"));
        assert_eq!(arguments.string(), Ok(""));
        assert_eq!(arguments.string(), Ok("äöü"));
        assert!(arguments.string().is_err());
    }

    /// Written by hand after the specification, in the byte order that is not ours.
    #[test]
    fn the_other_byte_order_is_read() {
        let mut bytes = vec![b'B', 4, 1, 1, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 11];
        bytes.extend([1, 1, b'o', 0, 0, 0, 0, 2, b'/', b'a', 0]);
        // Padding before the body.
        bytes.extend([0; 5]);
        bytes.extend([0, 0, 0, 3, 0, 0, 0, 4]);
        let (message, _) = Message::decode(&bytes).unwrap().unwrap();
        assert_eq!((message.path.as_str(), message.serial), ("/a", 9));
        let mut arguments = message.arguments();
        assert_eq!((arguments.u32(), arguments.u32()), (Ok(3), Ok(4)));
    }

    #[test]
    fn a_length_beyond_the_bound_is_refused_before_it_is_read() {
        let mut bytes = hello().encode();
        bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(
            Message::decode(&bytes),
            Err(WireError("it is longer than allowed"))
        );
    }

    #[test]
    fn properties_of_any_type_are_stepped_over() {
        // a{sv} with a struct, an array of structs, a nested variant, and a text at the end.
        let mut out = Writer::default();
        let entry = |out: &mut Writer, name: &str, signature: &str| {
            out.align(8);
            out.string(name);
            out.signature(signature);
        };
        out.u32(0);
        out.align(8);
        let begin = out.bytes.len();
        entry(&mut out, "User", "(uo)");
        out.align(8);
        out.u32(1000);
        out.string("/u");
        entry(&mut out, "Extra", "a(sv)");
        out.u32(0);
        out.align(8);
        entry(&mut out, "Deep", "v");
        out.signature("x");
        out.align(8);
        out.bytes.extend([0; 8]);
        entry(&mut out, "TTY", "s");
        out.string("tty1");
        let length = u32::try_from(out.bytes.len() - begin).unwrap();
        out.bytes[..4].copy_from_slice(&length.to_le_bytes());
        let mut reader = Reader::new(&out.bytes, Order::Little);
        let read = reader
            .array(8, |reader| {
                Ok((reader.string()?.to_owned(), reader.variant()?))
            })
            .unwrap();
        let names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["User", "Extra", "Deep", "TTY"]);
        assert_eq!(read[3].1, Value::Text("tty1".to_owned()));
    }

    proptest! {
        #[test]
        fn no_bytes_at_all_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Message::decode(&bytes);
            for order in [Order::Little, Order::Big] {
                let mut reader = Reader::new(&bytes, order);
                let _ = reader.array(8, |reader| Ok((reader.string()?.to_owned(), reader.variant()?)));
            }
        }

        #[test]
        fn a_damaged_message_never_panics(at in 0usize..200, value in any::<u8>()) {
            let mut bytes = hello().encode();
            let at = at % bytes.len();
            bytes[at] = value;
            if let Ok(Some((message, length))) = Message::decode(&bytes) {
                prop_assert!(length <= bytes.len());
                let mut arguments = message.arguments();
                while arguments.string().is_ok() {}
            }
        }

        #[test]
        fn deep_types_end(signature in "[av(){}su]{0,120}") {
            let mut out = Writer::default();
            out.signature(&signature);
            out.bytes.extend([0; 400]);
            let _ = Reader::new(&out.bytes, Order::Little).variant();
        }
    }
}
