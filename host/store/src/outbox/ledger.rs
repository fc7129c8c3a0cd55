//! What the outbox counts. Read once and written once per commit.

use std::time::Duration;

use bailiwick_core::run_time::RunTime;

use super::{
    super::tables::{Failure, ReadableTree, Tree, failure},
    Lane, Ticket,
    places::LEDGER,
};

/// Of the time that the agent has run, so much is not written with each commit.
const COARSE: Duration = Duration::from_secs(60);

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
    pub(super) fn read(entries: &impl ReadableTree) -> Result<Self, Failure> {
        let record = entries.get(LEDGER).map_err(failure)?;
        Ok(record.map_or_else(Self::default, |record| Self::from_record(record.value())))
    }

    /// Writes what is different from `before`.
    pub(super) fn write(&self, before: &Self, entries: &mut Tree<'_>) -> Result<(), Failure> {
        if self != before {
            let record = self.to_record();
            entries.insert(LEDGER, record.as_slice()).map_err(failure)?;
        }
        Ok(())
    }

    /// Each number in 8 bytes, little-endian, in the order of [`Self::from_record`].
    fn to_record(self) -> Vec<u8> {
        let last = [self.quarantined, self.given_up, self.ran.as_ms()];
        let of_lanes = [self.entries, self.bytes, self.dropped, last];
        let numbers = [self.next]
            .into_iter()
            .chain(of_lanes.into_iter().flatten());
        numbers.flat_map(u64::to_le_bytes).collect()
    }

    /// Numbers that are not there are 0.
    fn from_record(record: &[u8]) -> Self {
        let numbers = record.as_chunks().0;
        let mut numbers = numbers.iter().map(|bytes| u64::from_le_bytes(*bytes));
        let mut next = || numbers.next().unwrap_or(0);
        Self {
            next: next(),
            entries: [next(), next(), next()],
            bytes: [next(), next(), next()],
            dropped: [next(), next(), next()],
            quarantined: next(),
            given_up: next(),
            ran: RunTime::from_ms(next()),
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
        assert_eq!(Ledger::from_record(&record), ledger);
        let short = Ledger::from_record(&record[..12]);
        assert_eq!((short.next, short.entries), (1, [0; 3]));
    }
}
