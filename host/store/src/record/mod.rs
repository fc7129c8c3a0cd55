//! How one entry lies in the outbox.
//!
//! ```text
//! record = version              ; 1 byte: 3
//!          digest of the rest   ; the first 16 bytes of its SHA-256
//!          head                 ; see `head`
//!          body                 ; to the end
//! ```
//!
//! redb checks its pages only when it opens the file. The digest tells a damaged record
//! at the moment it is read, so that one can be taken out and the rest go on. Half of it does:
//! it is chance that it is held against, and each byte of a record costs the disk its part of a
//! page.

mod head;

use bailiwick_core::digest::Sha256;

pub(super) use head::{PutHead, SentHead, WaitingHead};

const VERSION: u8 = 3;
const DIGEST: usize = 16;
const BEFORE: usize = 1 + DIGEST;

/// What is kept beside the bytes.
pub(super) trait Head {
    fn write(&self, record: &mut Vec<u8>);
}

/// A head that can be read.
pub(super) trait ReadHead: Sized {
    /// Takes it from the front of `rest`; none if that is no such head.
    fn read(rest: &mut &[u8]) -> Option<Self>;
}

/// Writes the record of `head` and `body` behind what is in `records`.
pub(super) fn encode(records: &mut Vec<u8>, head: &impl Head, body: &[u8]) {
    let begin = records.len();
    // The digest is filled in below: one buffer, written once.
    records.resize(begin + BEFORE, VERSION);
    head.write(records);
    records.extend_from_slice(body);
    let record = &mut records[begin..];
    let digest = digest(&record[BEFORE..]);
    record[1..BEFORE].copy_from_slice(&digest);
}

/// Head and body of a record; `None` if it is damaged.
pub(super) fn decode<H: ReadHead>(record: &[u8]) -> Option<(H, &[u8])> {
    let (version, record) = record.split_first()?;
    let (kept, mut rest) = record.split_first_chunk()?;
    if *version != VERSION || digest(rest) != *kept {
        return None;
    }
    let head = H::read(&mut rest)?;
    Some((head, rest))
}

fn digest(bytes: &[u8]) -> [u8; DIGEST] {
    let mut half = [0; DIGEST];
    half.copy_from_slice(&Sha256::of(bytes).as_bytes()[..DIGEST]);
    half
}

#[cfg(test)]
mod tests {
    use bailiwick_core::{action::ActionId, run_time::RunTime, time::Timestamp};

    use super::*;
    use crate::outbox::{Confirmed, What};

    fn heads() -> Vec<WaitingHead> {
        let plugin = || "inventory".parse().unwrap();
        let all = [
            What::Report {
                plugin: plugin(),
                kind: "full".into(),
            },
            What::Outcome {
                action: ActionId::from_bytes([7; 16]),
            },
            What::File {
                plugin: plugin(),
                session: "c2#1".parse().unwrap(),
            },
        ];
        let head = |what| WaitingHead {
            what,
            key: "k".into(),
            at: Timestamp::from_ms(7),
            ran: RunTime::from_ms(8),
        };
        all.map(head).into()
    }

    fn encoded(head: &impl Head, body: &[u8]) -> Vec<u8> {
        let mut records = b"another".to_vec();
        encode(&mut records, head, body);
        records.split_off("another".len())
    }

    #[test]
    fn reads_what_it_writes() {
        for body in [&b""[..], b"x", &[0; 5000]] {
            for head in heads() {
                let record = encoded(&head, body);
                assert_eq!(decode(&record), Some((head, body)));
            }
        }
    }

    #[test]
    fn reads_how_what_was_sent_was_settled() {
        let reason = || "é".repeat(3);
        for confirmed in [
            Confirmed::Receipt,
            Confirmed::NeedFull,
            Confirmed::Refused { reason: reason() },
            Confirmed::GivenUp { reason: reason() },
        ] {
            for waited in heads() {
                let head = SentHead {
                    waited,
                    sent: Timestamp::from_ms(9),
                    confirmed: confirmed.clone(),
                };
                let record = encoded(&head, b"body");
                assert_eq!(decode(&record), Some((head, &b"body"[..])));
            }
        }
    }

    #[test]
    fn what_is_put_reads_as_what_waits() {
        for waiting in heads() {
            let put = PutHead {
                what: &waiting.what,
                key: &waiting.key,
                at: waiting.at,
                ran: waiting.ran,
            };
            assert_eq!(encoded(&put, b"b"), encoded(&waiting, b"b"));
        }
    }

    #[test]
    fn any_changed_bit_and_any_cut_is_noticed() {
        for head in heads() {
            let record = encoded(&head, b"body");
            for at in 0..record.len() {
                for bit in 0..8 {
                    let mut damaged = record.clone();
                    damaged[at] ^= 1 << bit;
                    assert_eq!(decode::<WaitingHead>(&damaged), None, "byte {at} bit {bit}");
                }
                assert_eq!(decode::<WaitingHead>(&record[..at]), None, "cut at {at}");
            }
        }
    }
}
