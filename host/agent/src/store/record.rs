//! How one report lies in the outbox.
//!
//! ```text
//! record = version (1)          ; 1 byte
//!          sha256 of the rest   ; 32 bytes
//!          length of head       ; 4 bytes, little endian
//!          head                 ; JSON
//!          body                 ; to the end
//! ```
//!
//! redb checks its pages only when it opens the file. The digest tells a damaged record
//! at the moment it is read, so that one can be taken out and the rest go on.

use bailiwick_core::{digest::Sha256, ids::PluginName, time::Timestamp};
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;
const DIGEST: usize = 32;
const LENGTH: usize = 4;

/// What is kept beside a report's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) plugin: PluginName,
    pub(super) kind: String,
    pub(super) idempotency_key: String,
    pub(super) at: Timestamp,
}

/// The record of `head` and `body`.
pub(super) fn encode(head: &Head, body: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let head = serde_json::to_vec(head)?;
    let length = u32::try_from(head.len()).unwrap_or(u32::MAX);
    let mut rest = Vec::with_capacity(LENGTH + head.len() + body.len());
    rest.extend_from_slice(&length.to_le_bytes());
    rest.extend_from_slice(&head);
    rest.extend_from_slice(body);
    let mut record = Vec::with_capacity(1 + DIGEST + rest.len());
    record.push(VERSION);
    record.extend_from_slice(Sha256::of(&rest).as_bytes());
    record.append(&mut rest);
    Ok(record)
}

/// Head and body of a record; `None` if it is damaged.
pub(super) fn decode(record: &[u8]) -> Option<(Head, &[u8])> {
    let (version, record) = record.split_first()?;
    let (digest, rest) = record.split_first_chunk::<DIGEST>()?;
    if *version != VERSION || Sha256::of(rest).as_bytes() != digest {
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

    fn head() -> Head {
        Head {
            plugin: "inventory".parse().unwrap(),
            kind: "full".into(),
            idempotency_key: "k".into(),
            at: Timestamp::from_ms(7),
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
    fn any_changed_bit_and_any_cut_is_noticed() {
        let record = encode(&head(), b"body").unwrap();
        for at in 0..record.len() {
            for bit in 0..8 {
                let mut damaged = record.clone();
                damaged[at] ^= 1 << bit;
                assert_eq!(decode(&damaged), None, "byte {at} bit {bit}");
            }
            assert_eq!(decode(&record[..at]), None, "cut at {at}");
        }
    }
}
