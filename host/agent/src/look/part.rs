//! The log with its chain, part by part.

use bailiwick_core::chain::{Head, Link};
use bailiwick_store::{LookError, log_part};
use redb::ReadableDatabase;
use serde::{Deserialize, Serialize};

/// Bytes of entries of one answer: in JSON they are at most some six times as long, which stays
/// below the longest message.
const BYTES: usize = 1024 * 1024;

/// Which part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct PartQuery {
    /// What comes behind the entry of this number; all if none.
    pub(crate) after: Option<u64>,
}

/// A part of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PartReport {
    /// Behind which entry it begins; none where it begins with the device's first.
    pub(crate) after: Option<Head>,
    /// Entries, the oldest first; none where there are no more.
    pub(crate) entries: Vec<PartEntry>,
}

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PartEntry {
    pub(crate) number: u64,
    /// What its link is, which the entries before it prove.
    pub(crate) link: Option<Link>,
    /// The entry itself.
    pub(crate) line: String,
}

impl PartReport {
    /// Reads the part.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) fn read(
        database: &impl ReadableDatabase,
        query: PartQuery,
    ) -> Result<Self, LookError> {
        let part = log_part(database, query.after, BYTES)?;
        let entries = part.entries.into_iter().map(|entry| PartEntry {
            number: entry.number,
            link: entry.link,
            // One that was damaged is no text, and does not fit its link.
            line: String::from_utf8_lossy(&entry.line).into_owned(),
        });
        Ok(Self {
            after: part.after,
            entries: entries.collect(),
        })
    }
}
