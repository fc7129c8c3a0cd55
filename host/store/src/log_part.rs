//! The log as it is kept, entry by entry with its links, for whoever verifies it elsewhere.

use bailiwick_core::chain::{Head, Link};
use redb::ReadableDatabase;

use super::{
    event_chain::head,
    keys::{number_of, numbered},
    look::LookError,
    tables::{EVENT_LINKS, EVENTS, failure},
};

/// Entries that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPart {
    /// Behind which entry they begin; none where they begin with the device's first.
    pub after: Option<Head>,
    /// The entries, the oldest first.
    pub entries: Vec<LinkedEvent>,
}

/// An event with its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedEvent {
    /// Its number.
    pub number: u64,
    /// As it was kept.
    pub line: Vec<u8>,
    /// Its link; none where it is gone.
    pub link: Option<Link>,
}

/// The entries behind number `after`, at most about `bytes` of them.
///
/// # Errors
/// The store can't be read.
pub fn log_part(
    database: &impl ReadableDatabase,
    after: Option<u64>,
    bytes: usize,
) -> Result<LogPart, LookError> {
    let transaction = database.begin_read().map_err(failure)?;
    let events = transaction.open_table(EVENTS).map_err(failure)?;
    let links = transaction.open_table(EVENT_LINKS).map_err(failure)?;
    let begin = after.map_or(0, |after| after.saturating_add(1));
    let mut part = LogPart {
        after: None,
        entries: Vec::new(),
    };
    let mut taken = 0;
    let begin = numbered(begin);
    for entry in events.range(begin.as_slice()..).map_err(failure)? {
        let (number, line) = entry.map_err(failure)?;
        let (number, line) = (number_of(number.value()), line.value().to_vec());
        if part.entries.is_empty()
            && let Some(before) = number.checked_sub(1)
        {
            part.after = head(&links, before)?;
        }
        taken += line.len();
        part.entries.push(LinkedEvent {
            number,
            line,
            link: head(&links, number)?.map(|head| head.link),
        });
        if taken >= bytes {
            break;
        }
    }
    Ok(part)
}
