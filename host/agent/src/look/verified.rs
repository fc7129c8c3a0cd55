//! Whether the device's record of events is the one that was kept.

use bailiwick_core::chain::Head;
use bailiwick_store::{LookError, verify_events};
use redb::ReadableDatabase;
use serde::{Deserialize, Serialize};

/// Against what the record is held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct VerifyQuery {
    /// A head that was noted before, by the console for example.
    pub(crate) head: Option<Head>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "record",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub(crate) enum VerifyReport {
    /// Each entry follows from the one before.
    Whole {
        /// How many.
        entries: u64,
        /// The last that made room for newer ones; none where the first is there.
        made_room: Option<u64>,
        /// The last, to be noted.
        head: Option<Head>,
    },
    /// It is not what was kept.
    Broken {
        /// Where, and how.
        reason: String,
    },
}

impl VerifyReport {
    /// Follows the chain.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) fn read(
        database: &impl ReadableDatabase,
        query: &VerifyQuery,
    ) -> Result<Self, LookError> {
        Ok(match verify_events(database, query.head.as_ref())? {
            Ok(whole) => Self::Whole {
                entries: whole.entries,
                made_room: whole.made_room,
                head: whole.head,
            },
            Err(broken) => Self::Broken {
                reason: broken.to_string(),
            },
        })
    }
}
