//! What of one plugin's decisions is written now, and what is counted and written later.
//!
//! A denial is written when it first happens, and then, while it goes on, once in [`EVERY`]
//! with how often it happened meanwhile. An effect is written each time, as long as the plugin
//! keeps to [`AT_ONCE`] and [`REFILL`]; beyond them it is counted like a denial. Of both
//! together [`DISTINCT`] are told apart; the rest is a number. So a plugin writes at most
//! `DISTINCT` + `AT_ONCE` + 240 + 1 entries in an hour, and holds a bounded part of memory.

use std::time::Duration;

use super::Kind;
use crate::time::Monotonic;

/// Different decisions of a plugin that are told apart at a time.
pub const DISTINCT: usize = 48;

/// From one writing of a decision that happens again and again to the next.
pub const EVERY: Duration = Duration::from_secs(3_600);

/// Effects that are written one by one without a pause,
pub const AT_ONCE: u32 = 64;

/// and after how long one more is.
pub const REFILL: Duration = Duration::from_secs(15);

/// What one plugin decided lately. `K` is everything in which two decisions can differ.
#[derive(Debug)]
pub struct Ledger<K> {
    slots: Vec<Slot<K>>,
    unlisted: Unlisted,
    /// When what is only a number began.
    unlisted_since: Option<Monotonic>,
    /// Effects are written one by one until this runs ahead of the clock by
    /// [`AT_ONCE`] × [`REFILL`].
    spent_until: Monotonic,
}

#[derive(Debug)]
struct Slot<K> {
    key: K,
    since: Monotonic,
    count: u64,
}

/// What is to be done with a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Write it.
    Write,
    /// It is counted, and comes with a [`Summary`].
    Counted,
}

/// What happened again since it was written last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary<K> {
    /// What.
    pub key: K,
    /// How often. Never 0.
    pub count: u64,
}

/// What is beyond [`DISTINCT`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unlisted {
    /// Denials.
    pub denials: u64,
    /// Effects.
    pub effects: u64,
}

impl Unlisted {
    fn count(&mut self, kind: Kind) {
        let count = match kind {
            Kind::Denial => &mut self.denials,
            Kind::Effect => &mut self.effects,
        };
        *count = count.saturating_add(1);
    }

    /// Whether there is anything.
    pub const fn is_empty(&self) -> bool {
        self.denials == 0 && self.effects == 0
    }
}

impl<K> Default for Ledger<K> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            unlisted: Unlisted::default(),
            unlisted_since: None,
            spent_until: Monotonic::ZERO,
        }
    }
}

impl<K: Clone> Ledger<K> {
    /// Takes a decision; `is` says of a key that was kept whether it is the same.
    pub fn note(
        &mut self,
        kind: Kind,
        now: Monotonic,
        is: impl Fn(&K) -> bool,
        key: impl FnOnce() -> K,
    ) -> Note {
        if kind == Kind::Effect && self.spend(now) {
            return Note::Write;
        }
        if let Some(slot) = self.slots.iter_mut().find(|slot| is(&slot.key)) {
            slot.count = slot.count.saturating_add(1);
            return Note::Counted;
        }
        if self.slots.len() >= DISTINCT {
            self.unlisted.count(kind);
            self.unlisted_since.get_or_insert(now);
            return Note::Counted;
        }
        let (count, note) = match kind {
            Kind::Denial => (0, Note::Write),
            Kind::Effect => (1, Note::Counted),
        };
        self.slots.push(Slot {
            key: key(),
            since: now,
            count,
        });
        note
    }

    /// Whether one more effect may be written by itself.
    fn spend(&mut self, now: Monotonic) -> bool {
        let begin = self.spent_until.max(now);
        if begin.since(now) > REFILL.saturating_mul(AT_ONCE - 1) {
            return false;
        }
        self.spent_until = begin.after(REFILL);
        true
    }

    /// What has to be written at `now`. What did not happen again is forgotten: when it does,
    /// it is new.
    pub fn due(&mut self, now: Monotonic) -> (Vec<Summary<K>>, Unlisted) {
        self.take(|since| since.after(EVERY) <= now, now)
    }

    /// All that was counted and not written: the plugin or the agent ends.
    pub fn close(&mut self, now: Monotonic) -> (Vec<Summary<K>>, Unlisted) {
        self.take(|_| true, now)
    }

    fn take(
        &mut self,
        is_due: impl Fn(Monotonic) -> bool,
        now: Monotonic,
    ) -> (Vec<Summary<K>>, Unlisted) {
        let mut summaries = Vec::new();
        self.slots.retain_mut(|slot| {
            if !is_due(slot.since) {
                return true;
            }
            if slot.count == 0 {
                return false;
            }
            summaries.push(Summary {
                key: slot.key.clone(),
                count: std::mem::take(&mut slot.count),
            });
            slot.since = now;
            true
        });
        let unlisted = match self.unlisted_since {
            Some(since) if is_due(since) => {
                self.unlisted_since = None;
                std::mem::take(&mut self.unlisted)
            }
            Some(_) | None => Unlisted::default(),
        };
        (summaries, unlisted)
    }

    /// When [`Self::due`] next has something to do; none while nothing is kept.
    pub fn next(&self) -> Option<Monotonic> {
        let slots = self.slots.iter().map(|slot| slot.since);
        let first = slots.chain(self.unlisted_since).min();
        first.map(|since| since.after(EVERY))
    }

    /// Whether it knows no more than a fresh one.
    pub fn is_idle(&self, now: Monotonic) -> bool {
        self.next().is_none() && self.spent_until <= now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_ns(seconds * 1_000_000_000)
    }

    fn note(ledger: &mut Ledger<u32>, kind: Kind, key: u32, now: Monotonic) -> Note {
        ledger.note(kind, now, |known| *known == key, || key)
    }

    #[test]
    fn a_denial_is_written_at_once_and_then_hourly_with_its_count_while_it_goes_on() {
        let mut ledger = Ledger::default();
        assert_eq!(note(&mut ledger, Kind::Denial, 7, at(5)), Note::Write);
        for second in 6..1_006 {
            assert_eq!(
                note(&mut ledger, Kind::Denial, 7, at(second)),
                Note::Counted
            );
        }
        assert_eq!(ledger.next(), Some(at(3_605)));
        assert_eq!(ledger.due(at(3_604)), (vec![], Unlisted::default()));
        let (again, _) = ledger.due(at(3_605));
        assert_eq!(
            again,
            [Summary {
                key: 7,
                count: 1_000
            }]
        );
        // Nothing came since: it is forgotten, and nobody is woken for it any more.
        assert_eq!(ledger.due(at(7_205)), (vec![], Unlisted::default()));
        assert_eq!(ledger.next(), None);
        assert_eq!(note(&mut ledger, Kind::Denial, 7, at(7_300)), Note::Write);
    }

    #[test]
    fn each_effect_is_written_until_there_are_too_many() {
        let mut ledger = Ledger::default();
        for _ in 0..AT_ONCE {
            assert_eq!(note(&mut ledger, Kind::Effect, 7, at(100)), Note::Write);
        }
        assert_eq!(note(&mut ledger, Kind::Effect, 7, at(100)), Note::Counted);
        assert_eq!(note(&mut ledger, Kind::Effect, 7, at(114)), Note::Counted);
        assert_eq!(note(&mut ledger, Kind::Effect, 7, at(115)), Note::Write);
        let (again, _) = ledger.close(at(116));
        assert_eq!(again, [Summary { key: 7, count: 2 }]);
    }

    proptest! {
        /// Whatever a plugin does, in whatever order: every decision is written or counted
        /// once, and what is written and kept is bounded.
        #[test]
        fn nothing_is_lost_and_nothing_grows(
            steps in prop::collection::vec((any::<bool>(), 0_u32..200, 0_u64..120), 1..800),
        ) {
            let mut ledger = Ledger::default();
            let (mut now, mut happened, mut told, mut written) = (0, 0_u64, 0_u64, 0_u64);
            for (effect, key, pause) in steps {
                now += pause;
                let kind = if effect { Kind::Effect } else { Kind::Denial };
                happened += 1;
                if note(&mut ledger, kind, key, at(now)) == Note::Write {
                    written += 1;
                    told += 1;
                }
                prop_assert!(ledger.slots.len() <= DISTINCT);
                let (summaries, unlisted) = ledger.due(at(now));
                written += summaries.len() as u64 + u64::from(!unlisted.is_empty());
                told += summaries.iter().map(|one| one.count).sum::<u64>();
                told += unlisted.denials + unlisted.effects;
            }
            let (summaries, unlisted) = ledger.close(at(now));
            told += summaries.iter().map(|one| one.count).sum::<u64>();
            told += unlisted.denials + unlisted.effects;
            prop_assert_eq!(told, happened);
            let hours = now / 3_600 + 1;
            let most = u64::from(AT_ONCE) + hours * (240 + 2 * DISTINCT as u64 + 1);
            prop_assert!(written <= most, "{} > {}", written, most);
        }
    }
}
