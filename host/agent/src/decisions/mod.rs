//! Decisions about plugins' host calls, on their way into the log.
//!
//! A bridge notes them while a host call is answered, so nothing waits here: what is to be
//! written is put aside, and [`keep`] writes it, several at a time. `core::decision` says what
//! is written and what is counted.

mod entry;
mod instance;
mod observing;
mod telling;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bailiwick_core::{
    decision::{Decision, Ledger, Note, Unlisted, in_words},
    ids::PluginName,
    ports::{Clock, OpenSessions},
    session::SessionId,
    time::{Monotonic, Timestamp},
};
use tokio::sync::Notify;

use entry::Entry;
pub(crate) use instance::Author;
pub(crate) use observing::{Observing, observe};
pub(crate) use telling::{close, keep};

/// What was decided about all plugins, as long as it is not in the log.
pub(crate) struct Decisions {
    clock: Arc<dyn Clock>,
    sessions: Arc<dyn OpenSessions>,
    /// If plugins are observed.
    observing: Option<Observing>,
    kept: Mutex<Kept>,
    /// Rung when something is to be written, or when there is something to be woken for.
    bell: Notify,
}

#[derive(Default)]
struct Kept {
    ledgers: BTreeMap<PluginName, Ledger<Arc<Entry>>>,
    /// What is to be written now, in the order in which it happened.
    written: Vec<Written>,
}

/// Adds an entry, or one more to the last: a burst of packets is one entry.
fn write(written: &mut Vec<Written>, at: Timestamp, entry: Arc<Entry>) {
    match written.last_mut() {
        Some(Written {
            what: What::Entry { entry: last, count },
            ..
        }) if last.is_repeated_by(&entry) => *count += 1,
        _ => written.push(Written {
            at,
            what: What::Entry { entry, count: 1 },
        }),
    }
}

/// What is to be written.
struct Written {
    at: Timestamp,
    what: What,
}

enum What {
    Entry {
        entry: Arc<Entry>,
        count: u64,
    },
    Unlisted {
        plugin: PluginName,
        unlisted: Unlisted,
    },
}

impl Decisions {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        sessions: Arc<dyn OpenSessions>,
        observing: Option<Observing>,
    ) -> Arc<Self> {
        Arc::new(Self {
            clock,
            sessions,
            observing,
            kept: Mutex::default(),
            bell: Notify::new(),
        })
    }

    fn note(&self, author: &Arc<Author>, decision: Decision) {
        let (at, now) = (self.clock.now(), self.clock.monotonic());
        let call = in_words(&decision.call);
        let mut made: Option<Arc<Entry>> = None;
        let mut entry = || {
            let entry = made.get_or_insert_with(|| {
                let user = decision.session.as_ref().and_then(|id| self.user_of(id));
                Arc::new(Entry::new(author, &decision, call.clone(), user, at))
            });
            Arc::clone(entry)
        };
        let mut kept = self.lock();
        let Kept { ledgers, written } = &mut *kept;
        let ledger = ledgers.entry(author.plugin.clone()).or_default();
        let woken_for = ledger.next();
        let note = ledger.note(
            decision.answer.kind(),
            now,
            |known| known.is(author, &decision, &call),
            &mut entry,
        );
        if note == Note::Write {
            write(written, at, entry());
        } else if woken_for.is_some() {
            return;
        }
        drop(kept);
        self.bell.notify_one();
    }

    /// Whose session it is, if it is open.
    fn user_of(&self, session: &SessionId) -> Option<u32> {
        let open = self.sessions.open();
        let found = open.iter().find(|open| open.id == *session)?;
        Some(found.facts.uid)
    }

    /// What is to be written by now; with `all`, also what was only counted so far.
    fn take(&self, all: bool) -> Vec<Written> {
        let (at, now) = (self.clock.now(), self.clock.monotonic());
        let mut kept = self.lock();
        let Kept { ledgers, written } = &mut *kept;
        let mut taken = std::mem::take(written);
        for (plugin, ledger) in ledgers.iter_mut() {
            let (summaries, unlisted) = match all {
                true => ledger.close(now),
                false => ledger.due(now),
            };
            let again = summaries.into_iter().map(|summary| What::Entry {
                entry: summary.key,
                count: summary.count,
            });
            let rest = (!unlisted.is_empty()).then(|| What::Unlisted {
                plugin: plugin.clone(),
                unlisted,
            });
            taken.extend(again.chain(rest).map(|what| Written { at, what }));
        }
        ledgers.retain(|_, ledger| !ledger.is_idle(now));
        taken
    }

    /// When something is to be written that was only counted so far.
    fn next(&self) -> Option<Monotonic> {
        self.lock().ledgers.values().filter_map(Ledger::next).min()
    }

    /// Whole between two calls, whoever panicked.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
