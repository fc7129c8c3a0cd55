//! What is written down of a guest's calls: what the log gets, and what an observer keeps.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use bailiwick_core::{
    decision::{Decision, Ledger, Note, in_words},
    digest::Sha256,
    policy::{
        Call,
        learn::{Observed, Verdict},
    },
    ports::Decisions,
    time::{Monotonic, Timestamp},
};

use super::attack::Defence;

/// Of one guest, from its first call on.
pub(super) struct Written {
    without: Option<Defence>,
    observes: bool,
    ledger: Mutex<Ledger<String>>,
    entries: Mutex<Vec<String>>,
    observed: Mutex<Observed>,
    /// What an observer would keep that tells all apart.
    all: Mutex<BTreeSet<String>>,
}

impl Written {
    pub(super) fn new(without: Option<Defence>, observes: bool) -> Arc<Self> {
        let plugin = "hostile".parse().unwrap();
        let policy = Sha256::of(b"");
        let observed = Observed::new(plugin, "0.1.0".to_owned(), policy, Timestamp::EPOCH);
        Arc::new(Self {
            without,
            observes,
            ledger: Mutex::default(),
            entries: Mutex::default(),
            observed: Mutex::new(observed),
            all: Mutex::default(),
        })
    }

    /// What the log got.
    pub(super) fn entries(&self) -> Vec<String> {
        self.entries.lock().unwrap().clone()
    }

    /// How many different calls are kept of one that is observed.
    pub(super) fn kept(&self) -> usize {
        match self.without {
            Some(Defence::ObservedCalls) => self.all.lock().unwrap().len(),
            _ => self.observed.lock().unwrap().calls().count(),
        }
    }

    fn observe(&self, call: &Call, verdict: Verdict) {
        if self.without == Some(Defence::ObservedCalls) {
            self.all.lock().unwrap().insert(call.to_string());
            return;
        }
        let mut observed = self.observed.lock().unwrap();
        observed.note(call, verdict, Timestamp::EPOCH);
    }
}

/// As the agent does, at one time of the clock: what is counted then is written later.
impl Decisions for Written {
    fn note(&self, decision: Decision) {
        if self.observes {
            self.observe(&decision.call, Verdict::Refused);
        }
        let call = match self.without {
            Some(Defence::Redaction) => decision.call.to_string(),
            _ => in_words(&decision.call),
        };
        let note = match self.without {
            Some(Defence::Ledger) => Note::Write,
            _ => self.ledger.lock().unwrap().note(
                decision.answer.kind(),
                Monotonic::ZERO,
                |known| *known == call,
                || call.clone(),
            ),
        };
        if note == Note::Write {
            self.entries.lock().unwrap().push(call);
        }
    }

    fn observes(&self) -> bool {
        self.observes
    }

    fn read(&self, call: Call) {
        self.observe(&call, Verdict::Allowed);
    }
}
