//! The pass by the kernel's own list of tasks.
//!
//! Files in /proc are read only of processes that are new, young, or became another program or
//! another user's; and not before the pass has ended, so that it is of one moment.

use std::{iter::Peekable, vec};

use bailiwick_core::{bytes::ByteCount, process::MOST_PROCESSES, time::Timestamp};

use super::{
    bpf::{First, Identity, Record, TaskIterator, Used},
    known::{Known, MS_PER_TICK, state},
    linux::{Reader, YOUNG_MS},
};
use crate::privileged::Wanted;

const NS_PER_TICK: u64 = MS_PER_TICK * 1_000_000;
const NS_PER_MS: u64 = 1_000_000;
/// The process from which all others descend.
const FIRST: u32 = 1;

/// What a pass remembers of a process for the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Iterated {
    identity: Identity,
    /// Summed in the pass that is being made.
    used: Used,
    /// It is to be described.
    differs: bool,
}

impl Reader {
    /// All processes, into `known`; how many are beyond the bound.
    pub(super) fn iterate(
        &mut self,
        tasks: &TaskIterator,
        boot: Timestamp,
        now: Timestamp,
    ) -> Result<usize, String> {
        let passed_over = self.known.first().is_some_and(Known::is_of_proc);
        let passed_over = passed_over.then(|| self.known.remove(0));
        let mut merge = Merge {
            before: std::mem::take(&mut self.known).into_iter().peekable(),
            found: std::mem::take(&mut self.next),
            early: Vec::new(),
            cut: 0,
            page: self.page,
            adds_up: self.adds_up,
            boot,
        };
        tasks.pass(&mut self.buffer, |record| merge.take(record))?;
        let (mut found, cut) = merge.end();
        // Of the first of all processes some machines tell in /proc alone.
        let first = found.first().map(|known| known.process.pid);
        if first.is_none_or(|pid| pid > FIRST) {
            let known = match passed_over {
                Some(known) => self.again(known, boot, now),
                None => self.fresh(FIRST, boot),
            };
            found.splice(0..0, known);
        }
        for known in found.iter_mut().filter(|known| !known.is_of_proc()) {
            let before = known.process.cpu_ms;
            settle(known, tasks.counts_storage());
            if self.adds_up && (known.process.cpu_ms != before || known.iterated.differs) {
                self.resident(&mut known.process);
            }
            let Known {
                process, iterated, ..
            } = known;
            let age = now.as_ms().saturating_sub(process.started.as_ms());
            if std::mem::take(&mut iterated.differs) || age < YOUNG_MS {
                if self.is_behind_another() {
                    self.wanted.push(Wanted {
                        pid: process.pid,
                        program: true,
                    });
                }
                self.describe(process);
            }
        }
        self.known = found;
        Ok(cut)
    }
}

/// Sums do not go back. One does for a moment when a thread ends between its process's turn
/// and its own: what it had used is then told of neither.
fn settle(known: &mut Known, counts_storage: bool) {
    let (process, used) = (&mut known.process, known.iterated.used);
    process.cpu_ms = process.cpu_ms.max(used.cpu_ns / NS_PER_MS);
    if counts_storage {
        let most = |old: Option<ByteCount>, new| old.max(Some(ByteCount::new(new)));
        process.read = most(process.read, used.read);
        process.written = most(process.written, used.written);
    }
}

/// Puts what the kernel tells now beside what it told before; both are in order of ids.
struct Merge {
    before: Peekable<vec::IntoIter<Known>>,
    found: Vec<Known>,
    /// Threads with a lower id than their process, as there are after ids began again.
    early: Vec<Record>,
    cut: usize,
    page: u64,
    /// Memory is read elsewhere of who is known.
    adds_up: bool,
    boot: Timestamp,
}

impl Merge {
    fn take(&mut self, record: Record) {
        match &record.first {
            Some(first) => self.process(record.process, first, record.used),
            None if !self.sum(&record) => self.early.push(record),
            None => {}
        }
    }

    fn process(&mut self, pid: u32, first: &First, used: Used) {
        if self
            .found
            .last()
            .is_some_and(|last| last.process.pid >= pid)
        {
            return;
        }
        if self.found.len() == MOST_PROCESSES {
            self.cut += 1;
            return;
        }
        while self
            .before
            .next_if(|known| known.process.pid < pid)
            .is_some()
        {}
        let started_ticks = first.started_ns / NS_PER_TICK;
        let same = self.before.next_if(|known| known.process.pid == pid);
        let same = same.filter(|known| known.started_ticks == started_ticks);
        let is_new = same.is_none();
        let mut known = same.unwrap_or_else(|| Known::new(pid, started_ticks, self.boot));
        let before = known.iterated.identity;
        known.iterated = Iterated {
            identity: first.identity,
            used,
            differs: is_new || before != first.identity,
        };
        known.process.parent = first.parent;
        known.process.threads = first.threads;
        known.process.state = state(first.ended);
        if is_new || !self.adds_up || first.pages == 0 {
            known.process.memory = ByteCount::new(first.pages.saturating_mul(self.page));
        }
        if known.iterated.differs {
            known.call(first.identity.name());
        }
        self.found.push(known);
    }

    /// Adds what a thread has used to its process; false if that was not told of yet.
    fn sum(&mut self, thread: &Record) -> bool {
        let at = match self.found.last() {
            Some(last) if last.process.pid == thread.process => Ok(self.found.len() - 1),
            _ => self
                .found
                .binary_search_by_key(&thread.process, |known| known.process.pid),
        };
        let Ok(at) = at else {
            return false;
        };
        let sum = &mut self.found[at].iterated.used;
        *sum = sum.and(thread.used);
        true
    }

    /// Whose process is not told of at all, has ended with it.
    fn end(mut self) -> (Vec<Known>, usize) {
        for thread in std::mem::take(&mut self.early) {
            self.sum(&thread);
        }
        (self.found, self.cut)
    }
}

#[cfg(test)]
#[path = "iterated_tests.rs"]
mod tests;
