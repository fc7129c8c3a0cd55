//! Frames of a WebSocket (RFC 6455, section 5).

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};

/// Longest payload of a control frame, in bytes (section 5.5).
const CONTROL: u64 = 125;

/// What a frame is. Those that are not here are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation = 0,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Some bytes of the stream, never none.
    Bytes(Bytes),
    /// It wants this back.
    Ping(Bytes),
    /// The other side ends.
    Close,
}

/// Which end of a WebSocket this is: a client masks what it sends, and a server does not
/// (section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// Takes the stream out of frames. It keeps no payload: what is inside a message is handed
/// on as it arrives, however long the message says it is.
#[derive(Debug)]
pub(super) struct Reader {
    side: Side,
    /// Of the data frame that is being read, in bytes.
    left: u64,
    /// Of that frame, turned so that it begins with the next byte.
    mask: [u8; 4],
    /// A message was begun whose last frame has not come.
    unfinished: bool,
}

/// The head of a frame.
struct Head {
    opcode: Opcode,
    last: bool,
    length: u64,
    mask: [u8; 4],
    size: usize,
}

impl Reader {
    /// For this side's end.
    pub(super) const fn new(side: Side) -> Self {
        Self {
            side,
            left: 0,
            mask: [0; 4],
            unfinished: false,
        }
    }

    /// The next frame, or the next at most `room` bytes of one; none if more must arrive.
    pub(super) fn next(&mut self, from: &mut BytesMut, room: usize) -> io::Result<Option<Frame>> {
        loop {
            if self.left > 0 {
                let part = from.len().min(room);
                let part = part.min(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= part as u64;
                let mut bytes = from.split_to(part);
                unmask(&mut bytes, self.mask);
                self.mask.rotate_left(part % 4);
                return Ok((part > 0).then_some(Frame::Bytes(bytes.freeze())));
            }
            let Some(head) = Head::read(from, self.side)? else {
                return Ok(None);
            };
            match head.opcode {
                Opcode::Binary | Opcode::Continuation => {
                    let continues = head.opcode == Opcode::Continuation;
                    if continues != self.unfinished {
                        return Err(wrong(
                            "a message begins inside of another, or goes on without one",
                        ));
                    }
                    self.unfinished = !head.last;
                    self.left = head.length;
                    self.mask = head.mask;
                    from.advance(head.size);
                }
                control => {
                    // At most 125, as the head was checked.
                    let length = usize::try_from(head.length).unwrap_or(usize::MAX);
                    if from.len() < head.size + length {
                        return Ok(None);
                    }
                    from.advance(head.size);
                    let mut payload = from.split_to(length);
                    unmask(&mut payload, head.mask);
                    match control {
                        Opcode::Ping => return Ok(Some(Frame::Ping(payload.freeze()))),
                        Opcode::Close => return Ok(Some(Frame::Close)),
                        // Nobody asked; it says that the other side lives, and so does every byte.
                        _ => {}
                    }
                }
            }
        }
    }
}

impl Head {
    fn read(from: &[u8], side: Side) -> io::Result<Option<Self>> {
        let &[first, second, ref rest @ ..] = from else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(wrong("a reserved bit is set, and no extension was agreed"));
        }
        let is_masked = second & 0x80 != 0;
        match side {
            Side::Client if is_masked => return Err(wrong("a server does not mask")),
            Side::Server if !is_masked => return Err(wrong("a client masks")),
            Side::Client | Side::Server => {}
        }
        let opcode = match first & 0x0f {
            0 => Opcode::Continuation,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            1 => return Err(wrong("a text message came, and MQTT has none")),
            _ => return Err(wrong("a frame of an unknown kind came")),
        };
        let (length, size) = match second & 0x7f {
            126 => match rest.first_chunk() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), 4),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(length) => (u64::from_be_bytes(*length), 10),
                None => return Ok(None),
            },
            short => (u64::from(short), 2),
        };
        let last = first & 0x80 != 0;
        let is_control = matches!(opcode, Opcode::Close | Opcode::Ping | Opcode::Pong);
        if is_control && (!last || length > CONTROL) {
            return Err(wrong("a control frame is cut in pieces or too long"));
        }
        let mask = match side {
            Side::Client => Some([0; 4]),
            Side::Server => from
                .get(size..)
                .and_then(|rest| rest.first_chunk().copied()),
        };
        let Some(mask) = mask else {
            return Ok(None);
        };
        let size = match side {
            Side::Client => size,
            Side::Server => size + mask.len(),
        };
        Ok(Some(Self {
            opcode,
            last,
            length,
            mask,
            size,
        }))
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the WebSocket is not spoken as agreed: {what}"),
    )
}

/// Takes a mask off, or puts it on.
fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    if mask != [0; 4] {
        for (byte, mask) in bytes.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
    }
}

/// Appends one whole frame, masked if there is a mask.
pub(super) fn write(to: &mut BytesMut, opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) {
    let first = 0x80 | opcode as u8;
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match payload.len() {
        length @ 0..=125 => to.extend_from_slice(&[first, masked | length as u8]),
        length @ 126..=0xffff => {
            to.extend_from_slice(&[first, masked | 126]);
            to.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            to.extend_from_slice(&[first, masked | 127]);
            to.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    to.extend_from_slice(mask.as_ref().map_or(&[], <[u8; 4]>::as_slice));
    let begin = to.len();
    to.extend_from_slice(payload);
    unmask(&mut to[begin..], mask.unwrap_or_default());
}
