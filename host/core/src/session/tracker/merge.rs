//! One entry per session of a reading, and how sessions are found again.

use std::collections::BTreeMap;

use crate::session::{
    facts::{Facts, Mark},
    reading::Reading,
};

/// One entry per session, however many sources tell of it.
pub(super) fn merge(reading: &Reading) -> Vec<Facts> {
    let mut in_order: Vec<Facts> = reading.seen.iter().map(Facts::from).collect();
    in_order.sort_by_key(|facts| facts.source);
    let mut merged: Vec<Facts> = Vec::new();
    let mut index = Index::default();
    for facts in in_order {
        let known = index.find(&facts, |key| {
            at(&merged, key).is_some_and(|one| one.is_same(&facts))
        });
        let key = known.unwrap_or(merged.len() as u64);
        index.add(key, &facts);
        match at_mut(&mut merged, key) {
            Some(one) => one.join(facts),
            None => merged.push(facts),
        }
    }
    merged
}

fn at(merged: &[Facts], key: u64) -> Option<&Facts> {
    merged.get(usize::try_from(key).ok()?)
}

fn at_mut(merged: &mut [Facts], key: u64) -> Option<&mut Facts> {
    merged.get_mut(usize::try_from(key).ok()?)
}

/// Finds sessions by what they are known by, so that a reading of a thousand sessions does
/// not take a million comparisons.
#[derive(Default)]
pub(super) struct Index(BTreeMap<(u32, Mark), Vec<u64>>);

impl Index {
    pub(super) fn of<'a>(all: impl Iterator<Item = (u64, &'a Facts)>) -> Self {
        let mut index = Self::default();
        for (key, facts) in all {
            index.add(key, facts);
        }
        index
    }

    fn add(&mut self, key: u64, facts: &Facts) {
        for mark in facts.marks() {
            let keys = self.0.entry((facts.uid, mark)).or_default();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }

    /// The first that has a mark of `facts`, the strongest marks first, and `fits`.
    pub(super) fn find(&self, facts: &Facts, fits: impl Fn(u64) -> bool) -> Option<u64> {
        facts.marks().find_map(|mark| {
            let keys = self.0.get(&(facts.uid, mark))?;
            keys.iter().copied().find(|key| fits(*key))
        })
    }
}
