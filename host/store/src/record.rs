//! How one entry lies in the outbox.
//!
//! ```text
//! record = version              ; 1 byte: 2
//!          sha256 of the rest   ; 32 bytes
//!          length of head       ; 4 bytes, little endian
//!          head                 ; JSON
//!          body                 ; to the end
//! ```
//!
//! redb checks its pages only when it opens the file. The digest tells a damaged record
//! at the moment it is read, so that one can be taken out and the rest go on.

use bailiwick_core::{digest::Sha256, run_time::RunTime, time::Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::outbox::{Confirmed, What};

const DIGEST: usize = 32;
const LENGTH: usize = 4;

/// What is kept beside the bytes, in one version of the record.
pub(super) trait Head: Serialize {
    const VERSION: u8;
}

/// Of what is put: a [`WaitingHead`] that owns nothing.
#[derive(Serialize)]
pub(super) struct PutHead<'a> {
    pub(super) what: &'a What,
    pub(super) key: &'a str,
    pub(super) at: Timestamp,
    pub(super) ran: RunTime,
}

impl Head for PutHead<'_> {
    const VERSION: u8 = WaitingHead::VERSION;
}

/// Of what waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WaitingHead {
    pub(super) what: What,
    pub(super) key: String,
    pub(super) at: Timestamp,
    /// How long the agent had run when it was put.
    pub(super) ran: RunTime,
}

impl Head for WaitingHead {
    const VERSION: u8 = 2;
}

/// Of what was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SentHead {
    #[serde(flatten)]
    pub(super) waited: WaitingHead,
    pub(super) sent: Timestamp,
    pub(super) confirmed: Confirmed,
}

impl Head for SentHead {
    const VERSION: u8 = 2;
}

/// The record of `head` and `body`.
pub(super) fn encode<H: Head>(head: &H, body: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    const BEFORE: usize = 1 + DIGEST + LENGTH;
    // The digest and the length are filled in below: one buffer, written once.
    let mut record = Vec::with_capacity(BEFORE + 256 + body.len());
    record.resize(BEFORE, 0);
    serde_json::to_writer(&mut record, head)?;
    let length = u32::try_from(record.len() - BEFORE).unwrap_or(u32::MAX);
    record.extend_from_slice(body);
    record[0] = H::VERSION;
    record[1 + DIGEST..BEFORE].copy_from_slice(&length.to_le_bytes());
    let digest = Sha256::of(&record[1 + DIGEST..]);
    record[1..1 + DIGEST].copy_from_slice(digest.as_bytes());
    Ok(record)
}

/// Head and body of a record; `None` if it is damaged.
pub(super) fn decode<H: Head + DeserializeOwned>(record: &[u8]) -> Option<(H, &[u8])> {
    let (version, record) = record.split_first()?;
    let (digest, rest) = record.split_first_chunk::<DIGEST>()?;
    if *version != H::VERSION || Sha256::of(rest).as_bytes() != digest {
        return None;
    }
    let (length, rest) = rest.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (head, body) = rest.split_at_checked(length)?;
    Some((serde_json::from_slice(head).ok()?, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> WaitingHead {
        WaitingHead {
            what: What::Report {
                plugin: "inventory".parse().unwrap(),
                kind: "full".into(),
            },
            key: "k".into(),
            at: Timestamp::from_ms(7),
            ran: RunTime::from_ms(8),
        }
    }

    #[test]
    fn reads_what_it_writes() {
        for body in [&b""[..], b"x", &[0; 5000]] {
            let record = encode(&head(), body).unwrap();
            assert_eq!(decode(&record), Some((head(), body)));
        }
    }

    #[test]
    fn what_is_put_reads_as_what_waits() {
        let waiting = head();
        let put = PutHead {
            what: &waiting.what,
            key: &waiting.key,
            at: waiting.at,
            ran: waiting.ran,
        };
        assert_eq!(encode(&put, b"b").unwrap(), encode(&waiting, b"b").unwrap());
    }

    #[test]
    fn any_changed_bit_and_any_cut_is_noticed() {
        let record = encode(&head(), b"body").unwrap();
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
