//! What goes wrong with sending, for `bailiwick status`: one line for each thing that is
//! sent.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bailiwick_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An outage: one that goes on, or the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Outage {
    /// What was not sent: `reports`, `files`, `outcomes`, `events`, `metrics`, or `broker` for all
    /// that goes through it; `some reports` and the like if the others get through; `messages`
    /// for what came from there and can't be read.
    pub(crate) what: String,
    /// When it began.
    pub(crate) since: Timestamp,
    /// When it ended; none if it goes on.
    pub(crate) until: Option<Timestamp>,
    /// What went wrong last, and what to do.
    pub(crate) reason: String,
    /// Attempts that failed.
    pub(crate) attempts: u64,
}

/// The last outage of each thing that is sent.
#[derive(Debug, Default)]
pub(crate) struct Standing(Mutex<BTreeMap<&'static str, Outage>>);

impl Standing {
    /// An attempt to send `what` failed. Returns whether an outage begins.
    pub(crate) fn failed(&self, what: &'static str, reason: &str, now: Timestamp) -> bool {
        let mut outages = self.lock();
        match outages.get_mut(what) {
            Some(outage) if outage.until.is_none() => {
                reason.clone_into(&mut outage.reason);
                outage.attempts = outage.attempts.saturating_add(1);
                false
            }
            _ => {
                let outage = Outage {
                    what: what.to_owned(),
                    since: now,
                    until: None,
                    reason: reason.to_owned(),
                    attempts: 1,
                };
                outages.insert(what, outage);
                true
            }
        }
    }

    /// `what` is sent.
    pub(crate) fn succeeded(&self, what: &'static str, now: Timestamp) {
        if let Some(outage) = self.lock().get_mut(what)
            && outage.until.is_none()
        {
            outage.until = Some(now);
        }
    }

    /// The outages, those that go on first.
    pub(crate) fn list(&self) -> Vec<Outage> {
        let mut outages: Vec<_> = self.lock().values().cloned().collect();
        outages.sort_by_key(|outage| outage.until.is_some());
        outages
    }

    /// A map is whole between two calls, whoever panicked.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Outage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_has_a_beginning_an_end_and_its_last_reason() {
        let standing = Standing::default();
        let at = Timestamp::from_ms;
        standing.succeeded("files", at(1));
        assert_eq!(standing.list(), []);
        standing.failed("reports", "no route", at(2));
        standing.failed("reports", "429", at(3));
        standing.failed("files", "500", at(4));
        standing.succeeded("reports", at(5));
        standing.succeeded("reports", at(6));
        let [files, reports] = &standing.list()[..] else {
            panic!("{standing:?}");
        };
        assert_eq!((files.what.as_str(), files.until), ("files", None));
        assert_eq!((reports.since, reports.until), (at(2), Some(at(5))));
        assert_eq!((reports.reason.as_str(), reports.attempts), ("429", 2));
        standing.failed("reports", "again", at(7));
        assert_eq!(standing.list()[1].since, at(7), "another outage");
    }
}
