//! Decisions about plugins' host calls, on their way into the log.
//!
//! A bridge notes them while a host call is answered, so nothing waits here: what is to be
//! written is put aside, and [`keep`] writes it, several at a time. `core::decision` says what
//! is written and what is counted.

mod entry;
mod telling;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bailiwick_core::{
    decision::{Decision, Ledger, Note, Unlisted, in_words},
    digest::Sha256,
    ids::PluginName,
    policy::Policy,
    ports::{self, Clock, OpenSessions},
    time::{Monotonic, Timestamp},
};
use tokio::sync::Notify;

use entry::Entry;
pub(crate) use telling::{close, keep};

/// What was decided about all plugins, as long as it is not in the log.
pub(crate) struct Decisions {
    clock: Arc<dyn Clock>,
    sessions: Arc<dyn OpenSessions>,
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

/// Under what a plugin's instance runs.
#[derive(Debug)]
pub(crate) struct Author {
    pub(crate) plugin: PluginName,
    pub(crate) version: String,
    /// As the owner's ceiling leaves it.
    pub(crate) policy: Arc<Policy>,
    /// Digest of the policy file, as it was signed.
    pub(crate) digest: Sha256,
}

/// Takes the decisions of one instance.
struct Of {
    decisions: Arc<Decisions>,
    author: Arc<Author>,
}

impl ports::Decisions for Of {
    fn note(&self, decision: Decision) {
        self.decisions.note(&self.author, decision);
    }
}

impl Decisions {
    pub(crate) fn new(clock: Arc<dyn Clock>, sessions: Arc<dyn OpenSessions>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            sessions,
            kept: Mutex::default(),
            bell: Notify::new(),
        })
    }

    /// The port of an instance that runs under `author`.
    pub(crate) fn of(self: &Arc<Self>, author: Author) -> Arc<dyn ports::Decisions> {
        Arc::new(Of {
            decisions: Arc::clone(self),
            author: Arc::new(author),
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
            let entry = entry();
            written.push(Written {
                at,
                what: What::Entry { entry, count: 1 },
            });
        } else if woken_for.is_some() {
            return;
        }
        drop(kept);
        self.bell.notify_one();
    }

    /// Whose session it is, if it is open.
    fn user_of(&self, session: &bailiwick_core::session::SessionId) -> Option<u32> {
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
