//! From readings to what opened, changed and closed.

mod merge;
mod pace;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::{
    merge::{Index, merge},
    pace::Pace,
};
use super::{
    facts::{Aspect, Facts},
    id::SessionId,
    reading::{Reading, Source},
};
use crate::time::Timestamp;

/// A session that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// What is known of it.
    #[serde(flatten)]
    pub facts: Facts,
}

/// What a reading brought.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A session is there that was not.
    Opened(Session),
    /// Something of a session is different.
    Changed {
        /// As it is now.
        session: Session,
        /// What is different.
        aspects: Vec<Aspect>,
    },
    /// A session is no longer there.
    Closed {
        /// As it was last.
        session: Session,
        /// Why.
        why: Closing,
    },
    /// Another source answers now.
    Source {
        /// The one before.
        from: Source,
        /// The one now.
        to: Source,
        /// Why a better one did not answer; empty if the best did.
        remark: String,
    },
    /// The number of sessions beyond the bound, which are not tracked, became this or
    /// fell back to 0.
    Untracked(usize),
}

/// Why a session was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Closing {
    /// It ended.
    Ended,
    /// logind answers again and does not count it among the sessions.
    NotCounted,
    /// The machine was started again.
    Restarted,
}

/// What a tracker needs to go on after the program was started again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Saved {
    /// Id of the machine's start in which it was saved.
    boot: String,
    /// Generation of the last session that was opened.
    last: u64,
    open: Vec<Session>,
}

/// The open sessions of the device.
#[derive(Clone, Debug)]
pub struct Tracker {
    /// Generation → session.
    open: BTreeMap<u64, Session>,
    /// Generation → how often its changes are told.
    paces: BTreeMap<u64, Pace>,
    last: u64,
    at_most: usize,
    source: Source,
    untracked: usize,
}

impl Tracker {
    /// One that knows nothing, and tracks up to `at_most` sessions.
    pub const fn new(at_most: usize) -> Self {
        Self {
            open: BTreeMap::new(),
            paces: BTreeMap::new(),
            last: 0,
            at_most,
            source: Source::None,
            untracked: 0,
        }
    }

    /// The same, with every generation above `last`: for when what was saved can't be read.
    pub const fn beginning_after(mut self, last: u64) -> Self {
        self.last = last;
        self
    }

    /// Goes on where [`Tracker::save`] was called. `boot` is the id of the machine's start:
    /// sessions of another one, or of one that is not known, are closed.
    pub fn restore(at_most: usize, saved: Saved, boot: &str) -> (Self, Vec<Change>) {
        let mut tracker = Self::new(at_most);
        tracker.last = saved.last;
        let mut changes = Vec::new();
        for session in saved.open {
            if saved.boot == boot && !boot.is_empty() {
                tracker.open.insert(session.id.generation(), session);
            } else {
                let why = Closing::Restarted;
                changes.push(Change::Closed { session, why });
            }
        }
        (tracker, changes)
    }

    /// What must outlive the program.
    pub fn save(&self, boot: &str) -> Saved {
        Saved {
            boot: boot.to_owned(),
            last: self.last,
            open: self.open.values().cloned().collect(),
        }
    }

    /// The open sessions, the oldest first.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.open.values()
    }

    /// Whether changes were held back because there were too many of a session: another
    /// reading within a minute tells them.
    pub fn holds_back(&self) -> bool {
        self.paces.values().any(Pace::holds_back)
    }

    /// Compares a reading with what is known. What closed comes before what opened.
    pub fn observe(&mut self, reading: &Reading, now: Timestamp) -> Vec<Change> {
        let mut changes = self.follow_source(reading);
        let index = Index::of(
            self.open
                .iter()
                .map(|(key, session)| (*key, &session.facts)),
        );
        let mut matched = BTreeSet::new();
        let mut fresh = Vec::new();
        for facts in merge(reading) {
            let known = index.find(&facts, |key| {
                !matched.contains(&key) && self.open[&key].facts.is_same(&facts)
            });
            match known {
                Some(key) => {
                    matched.insert(key);
                    changes.extend(self.learn(key, facts, now));
                }
                None => fresh.push(facts),
            }
        }
        changes.extend(self.close(reading, &matched));
        changes.extend(self.open(reading, fresh, now));
        changes
    }

    fn follow_source(&mut self, reading: &Reading) -> Vec<Change> {
        let to = reading.source();
        let from = std::mem::replace(&mut self.source, to);
        if from == to {
            return Vec::new();
        }
        let remark = reading.remark.clone();
        vec![Change::Source { from, to, remark }]
    }

    fn learn(&mut self, key: u64, facts: Facts, now: Timestamp) -> Option<Change> {
        let session = self.open.get_mut(&key)?;
        let aspects = session.facts.learn(facts);
        let pace = self.paces.entry(key).or_default();
        Some(Change::Changed {
            aspects: pace.tell(aspects, now)?,
            session: session.clone(),
        })
    }

    fn close(&mut self, reading: &Reading, matched: &BTreeSet<u64>) -> Vec<Change> {
        let audit_ids: BTreeSet<u32> = reading.seen.iter().filter_map(|seen| seen.audit).collect();
        let closed: Vec<(u64, Closing)> = self
            .open
            .iter()
            .filter(|(key, _)| !matched.contains(key))
            .filter_map(|(key, session)| {
                Some((*key, closing(&session.facts, reading, &audit_ids)?))
            })
            .collect();
        let mut changes = Vec::new();
        for (key, why) in closed {
            self.paces.remove(&key);
            if let Some(session) = self.open.remove(&key) {
                changes.push(Change::Closed { session, why });
            }
        }
        changes
    }

    fn open(&mut self, reading: &Reading, fresh: Vec<Facts>, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut untracked = reading.cut;
        for facts in fresh {
            if self.open.len() >= self.at_most {
                untracked += 1;
                continue;
            }
            self.last += 1;
            let session = Session {
                id: SessionId::new(&facts.number(), self.last),
                first_seen: now,
                facts,
            };
            self.open.insert(self.last, session.clone());
            changes.push(Change::Opened(session));
        }
        let before = std::mem::replace(&mut self.untracked, untracked);
        if (before == 0) != (untracked == 0) {
            changes.push(Change::Untracked(untracked));
        }
        changes
    }
}

/// Whether `reading`, which does not tell of this session, shows that it is over. A source
/// that could not have told of it shows nothing.
fn closing(facts: &Facts, reading: &Reading, audit_ids: &BTreeSet<u32>) -> Option<Closing> {
    let consulted = |source| reading.consulted.contains(&source);
    let over = |over: bool| over.then_some(Closing::Ended);
    if consulted(Source::Wts) {
        return Some(Closing::Ended);
    }
    if consulted(Source::Logind) {
        return Some(match facts.logind {
            Some(_) => Closing::Ended,
            None => Closing::NotCounted,
        });
    }
    if let Some(audit) = facts.audit.filter(|_| consulted(Source::Kernel)) {
        return over(!audit_ids.contains(&audit));
    }
    if let (Some(leader), Some(running)) = (&facts.leader, &reading.running) {
        return over(running.binary_search(&leader.value).is_err());
    }
    over(facts.source == Source::Utmp && consulted(Source::Utmp))
}

#[cfg(test)]
mod tests;
