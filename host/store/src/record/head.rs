//! What is kept beside the bytes of an entry.
//!
//! ```text
//! head of what waits = 0, id of the action (16 bytes)
//!                    | 1, plugin (text), kind of report (text)
//!                    | 2, plugin (text), session (text)
//!                      key (text), made at (number), the agent had run for (number)
//! head of what was   = head of what waits, sent at (number),
//!   sent               (0 | 1 | 2, reason (text) | 3, reason (text))
//! text               = length in bytes (4 bytes, little-endian), UTF-8
//! number             = milliseconds (8 bytes, little-endian)
//! ```

use bailiwick_core::{action::ActionId, run_time::RunTime, time::Timestamp};

use super::{Head, ReadHead};
use crate::outbox::{Confirmed, What};

/// Of what is put: a [`WaitingHead`] that owns nothing.
pub(in super::super) struct PutHead<'a> {
    pub(in super::super) what: &'a What,
    pub(in super::super) key: &'a str,
    pub(in super::super) at: Timestamp,
    pub(in super::super) ran: RunTime,
}

/// Of what waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct WaitingHead {
    pub(in super::super) what: What,
    pub(in super::super) key: String,
    pub(in super::super) at: Timestamp,
    /// How long the agent had run when it was put.
    pub(in super::super) ran: RunTime,
}

/// Of what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct SentHead {
    pub(in super::super) waited: WaitingHead,
    pub(in super::super) sent: Timestamp,
    pub(in super::super) confirmed: Confirmed,
}

impl Head for PutHead<'_> {
    fn write(&self, record: &mut Vec<u8>) {
        match self.what {
            What::Outcome { action } => {
                record.push(0);
                record.extend(action.as_bytes());
            }
            What::Report { plugin, kind } => {
                record.push(1);
                write_text(record, plugin.as_str());
                write_text(record, kind);
            }
            What::File { plugin, session } => {
                record.push(2);
                write_text(record, plugin.as_str());
                write_text(record, &session.to_string());
            }
        }
        write_text(record, self.key);
        write_number(record, self.at.as_ms());
        write_number(record, self.ran.as_ms());
    }
}

impl Head for WaitingHead {
    fn write(&self, record: &mut Vec<u8>) {
        let head = PutHead {
            what: &self.what,
            key: &self.key,
            at: self.at,
            ran: self.ran,
        };
        head.write(record);
    }
}

impl Head for SentHead {
    fn write(&self, record: &mut Vec<u8>) {
        self.waited.write(record);
        write_number(record, self.sent.as_ms());
        let (how, reason) = match &self.confirmed {
            Confirmed::Receipt => (0, None),
            Confirmed::NeedFull => (1, None),
            Confirmed::Refused { reason } => (2, Some(reason)),
            Confirmed::GivenUp { reason } => (3, Some(reason)),
        };
        record.push(how);
        if let Some(reason) = reason {
            write_text(record, reason);
        }
    }
}

impl ReadHead for WaitingHead {
    fn read(rest: &mut &[u8]) -> Option<Self> {
        let what = match byte(rest)? {
            0 => What::Outcome {
                action: ActionId::from_bytes(*chunk(rest)?),
            },
            1 => What::Report {
                plugin: text(rest)?.parse().ok()?,
                kind: text(rest)?.to_owned(),
            },
            2 => What::File {
                plugin: text(rest)?.parse().ok()?,
                session: text(rest)?.parse().ok()?,
            },
            _ => return None,
        };
        Some(Self {
            what,
            key: text(rest)?.to_owned(),
            at: Timestamp::from_ms(number(rest)?),
            ran: RunTime::from_ms(number(rest)?),
        })
    }
}

impl ReadHead for SentHead {
    fn read(rest: &mut &[u8]) -> Option<Self> {
        let waited = WaitingHead::read(rest)?;
        let sent = Timestamp::from_ms(number(rest)?);
        let confirmed = match byte(rest)? {
            0 => Confirmed::Receipt,
            1 => Confirmed::NeedFull,
            2 => Confirmed::Refused {
                reason: text(rest)?.to_owned(),
            },
            3 => Confirmed::GivenUp {
                reason: text(rest)?.to_owned(),
            },
            _ => return None,
        };
        Some(Self {
            waited,
            sent,
            confirmed,
        })
    }
}

fn write_text(record: &mut Vec<u8>, text: &str) {
    // No text of the agent is near that long; one that was would make a record that reads as
    // damaged.
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    record.extend(length.to_le_bytes());
    record.extend_from_slice(text.as_bytes());
}

fn write_number(record: &mut Vec<u8>, number: u64) {
    record.extend(number.to_le_bytes());
}

fn chunk<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (chunk, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(chunk)
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    chunk(rest).map(|[byte]| *byte)
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    chunk(rest).map(|bytes| u64::from_le_bytes(*bytes))
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(u32::from_le_bytes(*chunk(rest)?)).ok()?;
    let (text, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    std::str::from_utf8(text).ok()
}
