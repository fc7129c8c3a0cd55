//! What the outbox counts. Read once and written once per commit.

use std::time::Duration;

use bailiwick_core::run_time::RunTime;
use redb::Table;

use super::{
    super::tables::{Failure, failure},
    Lane, Ticket,
};

/// Where it is kept: in the table of the entries, so that a commit changes one tree and not
/// two. No lane has this number.
const PLACE: (u8, u64) = (u8::MAX, 0);
/// Of the time that the agent has run, so much is not written with each commit.
const COARSE: Duration = Duration::from_secs(60);
/// Numbers of its record, each of 8 bytes, little-endian.
const NUMBERS: usize = 13;

/// The figures of the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// Number of the next entry. It only rises: a number is never used twice.
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
        entries: &impl redb::ReadableTable<(u8, u64), &'static [u8]>,
    ) -> Result<Self, Failure> {
        let record = entries.get(PLACE).map_err(failure)?;
        Ok(record.map_or_else(Self::default, |record| Self::from_record(record.value())))
    }

    /// Writes what is different from `before`.
    pub(super) fn write(
        &self,
        before: &Self,
        entries: &mut Table<'_, (u8, u64), &'static [u8]>,
    ) -> Result<(), Failure> {
        if self != before {
            let record = self.to_record();
            entries
                .insert(PLACE, record.as_flattened())
                .map_err(failure)?;
        }
        Ok(())
    }

    fn to_record(self) -> [[u8; 8]; NUMBERS] {
        let Self {
            next,
            entries: [e0, e1, e2],
            bytes: [b0, b1, b2],
            dropped: [d0, d1, d2],
            quarantined,
            given_up,
            ran,
        } = self;
        let ran = ran.as_ms();
        [
            next,
            e0,
            e1,
            e2,
            b0,
            b1,
            b2,
            d0,
            d1,
            d2,
            quarantined,
            given_up,
            ran,
        ]
        .map(u64::to_le_bytes)
    }

    /// Numbers that are not there are 0.
    fn from_record(record: &[u8]) -> Self {
        let mut numbers = [0; NUMBERS];
        for (number, bytes) in numbers.iter_mut().zip(record.as_chunks().0) {
            *number = u64::from_le_bytes(*bytes);
        }
        let [
            next,
            e0,
            e1,
            e2,
            b0,
            b1,
            b2,
            d0,
            d1,
            d2,
            quarantined,
            given_up,
            ran,
        ] = numbers;
        Self {
            next,
            entries: [e0, e1, e2],
            bytes: [b0, b1, b2],
            dropped: [d0, d1, d2],
            quarantined,
            given_up,
            ran: RunTime::from_ms(ran),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_what_was_written() {
        let ledger = Ledger {
            next: 1,
            entries: [2, 3, 4],
            bytes: [5, 6, u64::MAX],
            dropped: [8, 9, 10],
            quarantined: 11,
            given_up: 12,
            ran: RunTime::from_ms(13),
        };
        let record = ledger.to_record();
        assert_eq!(Ledger::from_record(record.as_flattened()), ledger);
        let short = Ledger::from_record(&record.as_flattened()[..12]);
        assert_eq!((short.next, short.entries), (1, [0; 3]));
    }
}
