//! What the outbox counts. Read once and written once per commit.

use std::time::Duration;

use bailiwick_core::run_time::RunTime;
use redb::Table;

use super::{
    super::tables::{self, Failure, failure},
    Lane, Ticket,
};

/// Number of the next entry. It only rises: a number is never used twice.
pub(crate) const NEXT: &str = "outbox-next";
pub(crate) const BYTES: [&str; 3] = [
    "outbox-outcomes-bytes",
    "outbox-reports-bytes",
    "outbox-files-bytes",
];
pub(crate) const ENTRIES: [&str; 3] = ["outbox-outcomes", "outbox-reports", "outbox-files"];
pub(crate) const DROPPED: [&str; 3] = [
    "outbox-outcomes-dropped",
    "outbox-reports-dropped",
    "outbox-files-dropped",
];
pub(crate) const GIVEN_UP: &str = "outbox-given-up";
/// How long the agent has run, in milliseconds.
pub(crate) const RAN: &str = "ran-ms";
/// So much of that is not written with each commit.
const COARSE: Duration = Duration::from_secs(60);
pub(crate) const QUARANTINED: &str = "outbox-quarantined";

/// The figures of the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) next: u64,
    pub(super) entries: [u64; 3],
    pub(super) bytes: [u64; 3],
    pub(super) dropped: [u64; 3],
    pub(super) quarantined: u64,
    pub(super) given_up: u64,
    pub(super) ran: RunTime,
}

impl Ledger {
    pub(super) fn read(
        numbers: &impl redb::ReadableTable<&'static str, u64>,
    ) -> Result<Self, Failure> {
        let of_lanes = |names: [&'static str; 3]| -> Result<[u64; 3], Failure> {
            let [first, second, third] = names;
            Ok([
                tables::number(numbers, first)?,
                tables::number(numbers, second)?,
                tables::number(numbers, third)?,
            ])
        };
        Ok(Self {
            next: tables::number(numbers, NEXT)?,
            entries: of_lanes(ENTRIES)?,
            bytes: of_lanes(BYTES)?,
            dropped: of_lanes(DROPPED)?,
            quarantined: tables::number(numbers, QUARANTINED)?,
            given_up: tables::number(numbers, GIVEN_UP)?,
            ran: RunTime::from_ms(tables::number(numbers, RAN)?),
        })
    }

    /// Writes what is different from `before`.
    pub(super) fn write(
        &self,
        before: &Self,
        numbers: &mut Table<'_, &'static str, u64>,
    ) -> Result<(), Failure> {
        let mut put = |name: &'static str, old: u64, new: u64| -> Result<(), Failure> {
            if old != new {
                numbers.insert(name, new).map_err(failure)?;
            }
            Ok(())
        };
        put(NEXT, before.next, self.next)?;
        put(QUARANTINED, before.quarantined, self.quarantined)?;
        put(GIVEN_UP, before.given_up, self.given_up)?;
        put(RAN, before.ran.as_ms(), self.ran.as_ms())?;
        for at in 0..3 {
            put(ENTRIES[at], before.entries[at], self.entries[at])?;
            put(BYTES[at], before.bytes[at], self.bytes[at])?;
            put(DROPPED[at], before.dropped[at], self.dropped[at])?;
        }
        Ok(())
    }

    /// The next entry of `lane`, once it is added.
    pub(super) fn next(&self, lane: Lane) -> Ticket {
        let sequence = self.next;
        Ticket { lane, sequence }
    }

    /// Counts the next entry, of `bytes`.
    pub(super) fn add(&mut self, entry: Ticket, bytes: u64) {
        self.next = entry.sequence.saturating_add(1);
        let at = entry.lane.index();
        self.entries[at] = self.entries[at].saturating_add(1);
        self.bytes[at] = self.bytes[at].saturating_add(bytes);
    }

    /// The agent has run for so long.
    pub(super) fn has_run(&mut self, now: RunTime) {
        if self.is_behind(now) {
            self.ran = now;
        }
    }

    /// Whether how long the agent has run is to be written again.
    pub(super) fn is_behind(&self, now: RunTime) -> bool {
        now.since(self.ran) >= COARSE
    }

    /// Counts an entry as gone.
    pub(super) fn remove(&mut self, lane: Lane, bytes: u64) {
        let at = lane.index();
        self.entries[at] = self.entries[at].saturating_sub(1);
        self.bytes[at] = self.bytes[at].saturating_sub(bytes);
    }

    pub(super) fn count_dropped(&mut self, lane: Lane) {
        let at = lane.index();
        self.dropped[at] = self.dropped[at].saturating_add(1);
    }
}
