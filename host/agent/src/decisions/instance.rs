//! Where one instance's decisions are taken: under what it runs, and its port.

use std::sync::Arc;

use bailiwick_core::{
    decision::{Answer, Decision},
    digest::Sha256,
    ids::PluginName,
    policy::{
        Call, Policy,
        learn::{Peaks, Verdict},
    },
    ports,
    time::Timestamp,
};

use super::{Decisions, Observing};

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

impl Decisions {
    /// The port of an instance that runs under `author`.
    pub(crate) fn of(self: &Arc<Self>, author: Author) -> Arc<dyn ports::Decisions> {
        Arc::new(Of {
            decisions: Arc::clone(self),
            author: Arc::new(author),
        })
    }
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

    fn policy(&self) -> Option<Sha256> {
        Some(self.author.digest)
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
