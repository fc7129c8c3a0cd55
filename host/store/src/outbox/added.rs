//! What one commit adds to the outbox, before it is written.
//!
//! Each entry that is put into a tree by itself moves what is in its page, and leaves pages half
//! empty that have grown too full. So those of a commit are collected and go in together: they
//! come in the order of their places, and redb fills whole pages with them.

use std::ops::{Bound, Range};

use super::{
    super::{
        record::{self, Head},
        tables::{Failure, Tree, failure},
    },
    Ticket,
};

/// From this many bytes on they are written before more is collected.
const FULL: usize = 64 * 1024;

/// An entry, and where its record is.
type Entry = (Ticket, Range<usize>);

/// Records, each behind the other.
#[derive(Default)]
pub(super) struct Added {
    records: Vec<u8>,
    entries: Vec<Entry>,
}

impl Added {
    /// Makes the record of `head` and `body`, which counts once it is [kept](Self::keep). Its
    /// length in bytes.
    pub(super) fn make(&mut self, head: &impl Head, body: &[u8]) -> usize {
        self.records.truncate(self.kept());
        record::encode(&mut self.records, head, body);
        self.records.len() - self.kept()
    }

    /// Keeps the record that was made last, in a lane's newest place.
    pub(super) fn keep(&mut self, ticket: Ticket) {
        self.entries.push((ticket, self.kept()..self.records.len()));
    }

    pub(super) fn is_full(&self) -> bool {
        self.kept() >= FULL
    }

    /// Writes what is kept. A record that was made and not kept stays.
    pub(super) fn write(&mut self, tree: &mut Tree<'_>) -> Result<(), Failure> {
        let same_lane = |one: &Entry, next: &Entry| one.0.lane == next.0.lane;
        for run in self.entries.chunk_by(same_lane) {
            match run {
                // One alone goes in for less.
                [(ticket, at)] => {
                    tree.insert(ticket.place().as_slice(), &self.records[at.clone()])
                        .map_err(failure)?;
                }
                run => self.write_run(run, tree)?,
            }
        }
        let kept = self.kept();
        self.records.drain(..kept);
        self.entries.clear();
        Ok(())
    }

    /// Entries of one lane, behind all that it has.
    fn write_run(&self, run: &[Entry], tree: &mut Tree<'_>) -> Result<(), Failure> {
        let last = *run[0].0.lane.places_from(0).end();
        let newest = Bound::Included(last.as_slice());
        let mut behind = tree.upper_bound_mut(newest).map_err(failure)?;
        for (ticket, at) in run {
            behind
                .insert_before(ticket.place().as_slice(), &self.records[at.clone()])
                .map_err(failure)?;
        }
        behind.close().map_err(failure)
    }

    /// Where the last record ends that is kept.
    fn kept(&self) -> usize {
        self.entries.last().map_or(0, |(_, at)| at.end)
    }
}
