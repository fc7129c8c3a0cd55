//! Decisions about plugins' host calls, on their way into the log.
//!
//! A bridge notes them while a host call is answered, so nothing waits here: what is to be
//! written is put aside, and [`keep`] writes it, several at a time. `core::decision` says what
//! is written and what is counted.

mod entry;
mod observing;
mod telling;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bailiwick_core::{
    decision::{Answer, Decision, Ledger, Note, Unlisted, in_words},
    digest::Sha256,
    ids::PluginName,
    policy::{
        Call, Policy,
        learn::{Peaks, Verdict},
    },
    ports::{self, Clock, OpenSessions},
    time::{Monotonic, Timestamp},
};
use tokio::sync::Notify;

use entry::Entry;
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
        self.observe(|observing, now| {
            let verdict = match decision.answer {
                Answer::Refused => Verdict::Refused,
                Answer::LedAstray => Verdict::LedAstray,
                Answer::Done | Answer::Failed(_) => Verdict::Allowed,
            };
            observing.note(&self.author, &decision.call, verdict, now);
        });
        self.decisions.note(&self.author, decision);
    }

    fn observes(&self) -> bool {
        self.decisions.observing.is_some()
    }

    fn read(&self, call: Call) {
        self.observe(|observing, now| {
            observing.note(&self.author, &call, Verdict::Allowed, now);
        });
    }

    fn used(&self, peaks: Peaks) {
        self.observe(|observing, now| observing.used(&self.author, peaks, now));
    }
}

impl Of {
    fn observe(&self, observed: impl FnOnce(&Observing, Timestamp)) {
        if let Some(observing) = &self.decisions.observing {
            observed(observing, self.decisions.clock.now());
        }
    }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use bailiwick_core::{
        decision::{AT_ONCE, DISTINCT, EVERY},
        ports::NoSessions,
    };

    use super::*;

    /// Seconds since the start.
    #[derive(Default)]
    struct Stopped(AtomicU64);

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::from_ms(self.0.load(Relaxed) * 1_000)
        }

        fn monotonic(&self) -> Monotonic {
            Monotonic::from_ns(self.0.load(Relaxed) * 1_000_000_000)
        }

        fn thread_cpu_ns(&self) -> u64 {
            0
        }
    }

    fn decision(call: &str, answer: Answer) -> Decision {
        let words: Vec<_> = call.split(' ').collect();
        Decision {
            call: Call::from_words(&words).unwrap(),
            answer,
            session: None,
            action: None,
        }
    }

    fn scene() -> (Arc<Stopped>, Arc<Decisions>, Arc<dyn ports::Decisions>) {
        observed_in(None)
    }

    fn observed_in(
        observing: Option<Observing>,
    ) -> (Arc<Stopped>, Arc<Decisions>, Arc<dyn ports::Decisions>) {
        let clock = Arc::new(Stopped::default());
        let decisions = Decisions::new(clock.clone(), Arc::new(NoSessions), observing);
        let text = include_str!("../../../core/fixtures/policy.toml");
        let policy = Arc::new(Policy::parse("p.toml", text).unwrap());
        let of = decisions.of(Author {
            plugin: policy.plugin.clone(),
            version: "0.1.0".to_owned(),
            digest: Sha256::of(text.as_bytes()),
            policy,
        });
        (clock, decisions, of)
    }

    fn entries(written: &[Written]) -> Vec<(String, u64)> {
        let entry = |written: &Written| match &written.what {
            What::Entry { entry, count } => (entry.call.clone(), *count),
            What::Unlisted { unlisted, .. } => (String::new(), unlisted.denials),
        };
        written.iter().map(entry).collect()
    }

    #[test]
    fn a_storm_of_denials_is_a_few_entries_and_every_one_is_counted() {
        let (clock, decisions, of) = scene();
        let refuse = |n: u64| of.note(decision(&format!("files /x{n}"), Answer::Refused));
        (0..100_000).for_each(|n| refuse(n % 100));
        let now = decisions.take(false);
        assert_eq!(now.len(), DISTINCT);
        let What::Entry { entry, .. } = &now[0].what else {
            panic!("no entry");
        };
        assert_eq!(entry.outcome, "no grant covers it");
        assert!(entry.allowed_by.is_empty());
        assert!(decisions.take(false).is_empty(), "once");
        clock.0.store(EVERY.as_secs(), Relaxed);
        let later = entries(&decisions.take(false));
        assert_eq!(later.len(), DISTINCT + 1);
        let all: u64 = later.iter().map(|(_, count)| count).sum();
        assert_eq!(all + DISTINCT as u64, 100_000);
        clock.0.store(2 * EVERY.as_secs(), Relaxed);
        assert!(decisions.take(false).is_empty());
        assert_eq!(decisions.next(), None, "nobody is woken any more");
        assert!(decisions.lock().ledgers.is_empty());
    }

    #[test]
    fn what_is_observed_is_a_file_that_goes_on_after_a_restart() {
        use bailiwick_core::policy::learn::Observed;

        let folder = tempfile::tempdir().unwrap();
        let open = || Some(Observing::open(folder.path()).unwrap());
        assert!(!scene().2.observes());
        for _ in 0..2 {
            let (_clock, decisions, of) = observed_in(open());
            assert!(of.observes());
            of.read(decision("files /etc/passwd", Answer::Done).call);
            of.note(decision("files /x", Answer::Refused));
            of.used(Peaks {
                calls: 1,
                host_calls: 9,
                ..Peaks::default()
            });
            decisions.observing.as_ref().unwrap().write().unwrap();
        }
        let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let observed = Observed::parse(&text).unwrap();
        let calls: Vec<_> = observed
            .calls()
            .map(|(call, verdict, count)| (call.to_string(), verdict, count))
            .collect();
        assert_eq!(
            calls,
            [
                ("files /etc/passwd".to_owned(), Verdict::Allowed, 2),
                ("files /x".to_owned(), Verdict::Refused, 2),
            ]
        );
        assert_eq!((observed.peaks.calls, observed.peaks.host_calls), (2, 9));
    }

    #[test]
    fn an_effect_names_the_grant_that_allows_it_and_nothing_is_lost_at_the_end() {
        let (_clock, decisions, of) = scene();
        for _ in 0..AT_ONCE + 3 {
            of.note(decision("files /etc/passwd", Answer::Done));
        }
        let now = decisions.take(false);
        assert_eq!(now.len(), AT_ONCE as usize);
        let What::Entry { entry, .. } = &now[0].what else {
            panic!("no entry");
        };
        assert!(
            entry.allowed_by[0].contains(" of the policy, approved by "),
            "{entry:?}"
        );
        assert_eq!(
            entries(&decisions.take(true)),
            [("files /etc/passwd".to_owned(), 3)]
        );
    }
}
