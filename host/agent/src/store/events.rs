//! The last events of the device, for whoever looks into the store afterwards.

use redb::{ReadableTable, ReadableTableMetadata};

use super::{
    Store, StoreError,
    tables::{self, EVENTS, failure},
};

/// Events that are kept; older ones make room.
pub(super) const KEPT_EVENTS: u64 = 1_000;
/// Longest event in bytes. A longer one is refused, so that the ring stays below 4 MB.
pub(super) const LONGEST_EVENT: usize = 4_096;

impl Store {
    /// Keeps events, in order, in one commit. Those longer than [`LONGEST_EVENT`] are left
    /// out; the answer says how many.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: none was kept.
    pub(crate) async fn record_events(&self, events: Vec<Vec<u8>>) -> Result<usize, StoreError> {
        self.run("keep events", move |database| {
            tables::write(database, |transaction| {
                let mut table = transaction.open_table(EVENTS).map_err(failure)?;
                let last = table.last().map_err(failure)?.map(|(at, _)| at.value());
                let mut next = last.map_or(0, |last| last.saturating_add(1));
                let mut left_out = 0;
                for event in &events {
                    if event.len() > LONGEST_EVENT {
                        left_out += 1;
                        continue;
                    }
                    table.insert(next, event.as_slice()).map_err(failure)?;
                    next = next.saturating_add(1);
                }
                while table.len().map_err(failure)? > KEPT_EVENTS {
                    table.pop_first().map_err(failure)?;
                }
                Ok(left_out)
            })
        })
        .await
    }
}
