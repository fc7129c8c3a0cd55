//! Packets to bytes and back. The codec is rumqttc's, which is lax; what the protocol
//! forbids and the codec lets through is refused here, before anything acts on it. Numbers
//! in brackets are statements of the MQTT 3.1.1 specification.

use bytes::BytesMut;
use rumqttc::mqttbytes::{self, Error};

pub use rumqttc::mqttbytes::{
    QoS,
    v4::{
        ConnAck, Connect, ConnectReturnCode, LastWill, Packet, PubAck, Publish, SubAck, Subscribe,
        SubscribeFilter, SubscribeReasonCode, UnsubAck, Unsubscribe,
    },
};

/// Longest payload that is published, in bytes: what the orchestration layer takes.
pub const LONGEST_PAYLOAD: usize = 4 * 1024 * 1024;
/// Longest packet that can carry it, in bytes, its first five not counted.
pub const LONGEST_PACKET: usize = LONGEST_PAYLOAD + 1024;

/// Who sent what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// A client.
    Client,
    /// A server.
    Server,
}

/// Something that the protocol forbids. The connection it came on is closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A CONNECT of another version of the protocol; it can be answered with a refusal.
    #[error("it asks for version level {0} of MQTT: use 3.1.1, which is level 4")]
    Level(u8),
    /// A packet longer than agreed.
    #[error("a packet of {0} bytes came: that is too long")]
    TooLong(usize),
    /// Everything else.
    #[error("{0}")]
    Malformed(&'static str),
}

/// Takes one packet out of `buffer`; none if more must arrive. After an error nothing that
/// follows has a meaning.
///
/// # Errors
/// What the protocol forbids; a packet whose remaining length is above `longest` bytes;
/// and QoS 2, which nobody here offers.
pub fn read(
    buffer: &mut BytesMut,
    from: From,
    longest: usize,
) -> Result<Option<Packet>, Violation> {
    let Some(first) = buffer.first() else {
        return Ok(None);
    };
    fixed_header(*first, from)?;
    let length = match mqttbytes::check(buffer.iter(), longest) {
        Ok(header) => header.frame_length(),
        Err(Error::InsufficientBytes(_)) => return Ok(None),
        Err(Error::PayloadSizeLimitExceeded(length)) => return Err(Violation::TooLong(length)),
        Err(_) => return Err(Violation::Malformed("the length of a packet is malformed")),
    };
    let frame = &buffer[..length];
    let lengths = frame[1..].iter().take_while(|byte| **byte >= 0x80).count();
    body(first >> 4, &frame[lengths + 2..])?;
    let packet = Packet::read(buffer, longest)
        .map_err(|_| Violation::Malformed("a packet's fields are cut short or out of range"))?;
    meaning(&packet)?;
    Ok(Some(packet))
}

/// Appends a packet.
///
/// # Errors
/// One that is longer than [`LONGEST_PACKET`], or has no packet id where it needs one.
pub fn write(buffer: &mut BytesMut, packet: &Packet) -> Result<(), Violation> {
    match packet.write(buffer, LONGEST_PACKET + 5) {
        Ok(_) => Ok(()),
        Err(_) => Err(Violation::TooLong(packet.size())),
    }
}

/// Type and flags [MQTT-2.2.2-2].
fn fixed_header(first: u8, from: From) -> Result<(), Violation> {
    let kind = first >> 4;
    let flags = first & 0x0f;
    let expected = match (kind, from) {
        (1 | 12 | 14, From::Client) | (2 | 9 | 11 | 13, From::Server) | (4, _) => 0,
        (8 | 10, From::Client) => 2,
        (3, _) => {
            return match flags >> 1 & 3 {
                0 if flags & 8 != 0 => Err(Violation::Malformed(
                    "a message of QoS 0 is marked as a repetition",
                )),
                0 | 1 => Ok(()),
                _ => Err(Violation::Malformed("QoS 2 is not offered")),
            };
        }
        (5..=7, _) => return Err(Violation::Malformed("QoS 2 is not offered")),
        _ => {
            return Err(Violation::Malformed(
                "a packet came that this side never sends",
            ));
        }
    };
    if flags != expected {
        return Err(Violation::Malformed("reserved flags of a packet are set"));
    }
    Ok(())
}

/// What the codec does not look at.
fn body(kind: u8, body: &[u8]) -> Result<(), Violation> {
    match (kind, body.len()) {
        (1, _) => connect(body),
        (2 | 4 | 11, 2) | (12..=14, 0) => Ok(()),
        (2 | 4 | 11..=14, _) => Err(Violation::Malformed("a packet's length is not its kind's")),
        (8, _) => {
            let mut rest = body.get(2..).unwrap_or_default();
            while let Some((_, after)) = string(rest) {
                match after.split_first() {
                    Some((options, _)) if options & !3 != 0 => {
                        return Err(Violation::Malformed(
                            "reserved bits of a subscription are set",
                        ));
                    }
                    Some((_, after)) => rest = after,
                    // The codec says so.
                    None => break,
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn connect(body: &[u8]) -> Result<(), Violation> {
    let Some((b"MQTT", [level, flags, ..])) = string(body) else {
        return Err(Violation::Malformed("it does not begin as MQTT does"));
    };
    if *level != 4 {
        return Err(Violation::Level(*level));
    }
    let has = |bit: u8| flags & bit != 0;
    if has(0x01) {
        return Err(Violation::Malformed(
            "the reserved flag of a CONNECT is set",
        ));
    }
    if !has(0x04) && has(0x38) {
        return Err(Violation::Malformed(
            "a will that is not there has QoS or is retained",
        ));
    }
    if has(0x40) && !has(0x80) {
        return Err(Violation::Malformed("there is a password without a user"));
    }
    Ok(())
}

/// A string with its length before it, and what follows.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn meaning(packet: &Packet) -> Result<(), Violation> {
    match packet {
        Packet::Connect(connect) => plain(&connect.client_id),
        Packet::Publish(publish) => {
            let topic = &publish.topic;
            if topic.is_empty() || mqttbytes::has_wildcards(topic) {
                return Err(Violation::Malformed(
                    "a message's topic is empty or holds a wildcard",
                ));
            }
            plain(topic)
        }
        Packet::PubAck(PubAck { pkid })
        | Packet::UnsubAck(UnsubAck { pkid })
        | Packet::SubAck(SubAck { pkid, .. }) => id(*pkid),
        Packet::Subscribe(subscribe) => {
            id(subscribe.pkid)?;
            subscribe
                .filters
                .iter()
                .try_for_each(|one| filter(&one.path))
        }
        Packet::Unsubscribe(unsubscribe) => {
            id(unsubscribe.pkid)?;
            if unsubscribe.topics.is_empty() {
                return Err(Violation::Malformed("an UNSUBSCRIBE names no topic"));
            }
            unsubscribe.topics.iter().try_for_each(|one| filter(one))
        }
        _ => Ok(()),
    }
}

/// [MQTT-2.3.1-1]
fn id(pkid: u16) -> Result<(), Violation> {
    match pkid {
        0 => Err(Violation::Malformed("a packet id is 0")),
        _ => Ok(()),
    }
}

/// [MQTT-1.5.3-2]
fn plain(text: &str) -> Result<(), Violation> {
    match text.contains('\0') {
        true => Err(Violation::Malformed("a text holds the character NUL")),
        false => Ok(()),
    }
}

fn filter(text: &str) -> Result<(), Violation> {
    match mqttbytes::valid_filter(text) {
        true => plain(text),
        false => Err(Violation::Malformed(
            "a subscription's wildcards are misplaced",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(bytes: &[u8], from: From) -> Result<Option<Packet>, Violation> {
        read(&mut BytesMut::from(bytes), from, 1_000)
    }

    const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\x0a\0\x01a";

    #[test]
    fn what_the_codec_lets_through_is_refused() {
        assert!(matches!(
            one(CONNECT, From::Client),
            Ok(Some(Packet::Connect(_)))
        ));
        let level = b"\x10\x0d\0\x04MQTT\x05\x02\0\x0a\0\x01a";
        assert_eq!(one(level, From::Client), Err(Violation::Level(5)));
        let level = b"\x10\x0d\0\x04MQTT\x84\x02\0\x0a\0\x01a";
        assert_eq!(one(level, From::Client), Err(Violation::Level(0x84)));
        let cases: &[(&[u8], From)] = &[
            (CONNECT, From::Server),
            (b"\x10\x0d\0\x04MQTT\x04\x03\0\x0a\0\x01a", From::Client), // reserved flag
            (b"\x10\x0d\0\x04MQTT\x04\x22\0\x0a\0\x01a", From::Client), // will retained, no will
            (b"\x10\x0d\0\x04MQTT\x04\x42\0\x0a\0\x01a", From::Client), // password, no user
            (b"\x10\x0d\0\x04MQTT\x04\x02\0\x0a\0\x01\0", From::Client), // NUL
            (b"\x10\x0f\0\x06MQIsdp\x03\x02\0\x0a\0\x01a", From::Client), // the old name
            (b"\x11\x0d\0\x04MQTT\x04\x02\0\x0a\0\x01a", From::Client), // flags of the header
            (b"\x38\x04\0\x01ax", From::Client),                        // repetition of QoS 0
            (b"\x34\x06\0\x01a\0\x01x", From::Client),                  // QoS 2
            (b"\x36\x06\0\x01a\0\x01x", From::Client),                  // QoS 3
            (b"\x32\x06\0\x01a\0\0x", From::Client),                    // packet id 0
            (b"\x30\x04\0\x01#x", From::Client),                        // wildcards in a topic
            (b"\x30\x04\0\x01+x", From::Client),
            (b"\x30\x04\0\x01\0x", From::Client),
            (b"\x30\x02\0\0", From::Client),               // no topic
            (b"\x80\x06\0\x01\0\x01a\x01", From::Client),  // flags of a SUBSCRIBE
            (b"\x82\x06\0\0\0\x01a\x01", From::Client),    // packet id 0
            (b"\x82\x06\0\x01\0\x01a\x05", From::Client),  // reserved bits of an option
            (b"\x82\x06\0\x01\0\x01a\x03", From::Client),  // QoS 3
            (b"\x82\x07\0\x01\0\x02a#\x01", From::Client), // misplaced wildcard
            (b"\x82\x05\0\x01\0\0\x01", From::Client),     // no filter
            (b"\x82\x02\0\x01", From::Client),
            (b"\xa2\x02\0\x01", From::Client),
            (b"\x40\x02\0\0", From::Client),
            (b"\x40\x03\0\x01\0", From::Client),
            (b"\xc0\x01\0", From::Client),
            (b"\xe0\x01\0", From::Client),
            (b"\x50\x02\0\x01", From::Client),
            (b"\x20\x02\0\0", From::Client),
            (b"\x20\x03\0\0\0", From::Server),
            (b"\x20\x02\0\x09", From::Server),
            (b"\xd0\x01\0", From::Server),
            (b"\0\0", From::Client),
            (b"\xf0\0", From::Server),
            (b"\xc0\x80\x80\x80\x80\x01", From::Client), // length of five bytes
        ];
        for (bytes, from) in cases {
            let read = one(bytes, *from);
            assert!(
                matches!(read, Err(Violation::Malformed(_))),
                "{bytes:?} {read:?}"
            );
        }
        let long = one(b"\x30\xff\xff\x7f", From::Client);
        assert_eq!(long, Err(Violation::TooLong(2_097_151)));
    }

    #[test]
    fn what_is_written_is_read() {
        let mut publish = Publish::new("a/b", QoS::AtLeastOnce, vec![0; 300]);
        publish.pkid = 7;
        let packets = [
            Packet::Publish(publish),
            Packet::PubAck(PubAck::new(9)),
            Packet::Subscribe({
                let mut subscribe = Subscribe::new("a/+/#", QoS::AtLeastOnce);
                subscribe.pkid = 3;
                subscribe
            }),
            Packet::PingReq,
            Packet::Disconnect,
        ];
        let mut buffer = BytesMut::new();
        for packet in &packets {
            write(&mut buffer, packet).unwrap();
        }
        let mut pieces = BytesMut::new();
        let mut read_back = Vec::new();
        for byte in buffer {
            pieces.extend_from_slice(&[byte]);
            read_back.extend(read(&mut pieces, From::Client, 1_000).unwrap());
        }
        assert_eq!(read_back, packets);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, first: u8, server: bool) {
            let from = if server { From::Server } else { From::Client };
            // With a first byte of every kind, and a length that fits.
            let length = u8::try_from(bytes.len().min(127)).unwrap();
            let mut framed = BytesMut::from(&[first, length][..]);
            framed.extend_from_slice(&bytes);
            let before = framed.len();
            if let Ok(Some(_)) = read(&mut framed, from, 1_000) {
                proptest::prop_assert!(framed.len() < before);
            }
            let _ = one(&bytes, from);
        }
    }
}
