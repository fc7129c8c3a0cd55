//! Something that its receiver fails at, again and again, while it takes everything else: it
//! must not hold up what waits behind it, and a receiver that is down for everybody must
//! lose nothing.
//!
//! What waits longest goes first. If attempts at it fail for [`Patience::doubted_after`], in a
//! way that may be its own fault, the next one is tried, and another one at each attempt. As soon as one of those gets through, the receiver is well; what failed
//! before is tried again at once, and if it fails again it is passed over from then on and
//! tried seldom. What fails [`Patience::alone`] times in a row while others get through in
//! between, over at least [`Patience::quarantined_after`], is given up. Where nothing gets
//! through, nothing is ever given up.

use std::{collections::BTreeMap, time::Duration};

use crate::time::Monotonic;

/// Most things that are passed over at once. Where more fail, they hold up the others: the
/// receiver is then to be mended, not each of them to be put away.
const MOST: usize = 256;

/// What an attempt that failed says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Whatever was sent would have failed: nobody was reached, or somebody answered who
    /// did not look at it.
    Everything,
    /// The receiver answered with an error that may be the fault of what was sent.
    PerhapsThis,
}

/// What to do after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Wait, and try again what [`Suspects::passes_over`] does not name.
    Wait {
        /// Not longer than this: then something else is tried.
        at_most: Option<Duration>,
    },
    /// Try the next one behind it at once: it may be the only one that fails.
    TryNext,
    /// Go on with what is behind it: the receiver is well.
    GoOn,
    /// Put it away, and go on with what is behind it.
    Quarantine,
}

/// How long something may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Others are tried after so many failed attempts,
    pub attempts: u32,
    /// over at least so long. A receiver that is started again answers with errors meanwhile,
    /// and everything keeps its order.
    pub doubted_after: Duration,
    /// It is given up after so many attempts that failed while others got through,
    pub alone: u32,
    /// over at least so long.
    pub quarantined_after: Duration,
    /// From one of these to the next: each time twice as long.
    pub first_pause: Duration,
    /// But at most so long.
    pub longest_pause: Duration,
}

impl Patience {
    /// Others are tried after 5 attempts and a minute; it is given up after 12 more, which
    /// take two and a half hours at least: somebody may mend the receiver meanwhile.
    pub const DEFAULT: Self = Self {
        attempts: 5,
        doubted_after: Duration::from_secs(60),
        alone: 12,
        quarantined_after: Duration::from_secs(60 * 60),
        first_pause: Duration::from_secs(15),
        longest_pause: Duration::from_secs(30 * 60),
    };
}

/// Something at which attempts failed.
#[derive(Clone, Copy, Debug)]
struct Suspect {
    attempts: u32,
    since: Monotonic,
    last: Monotonic,
    /// Failed attempts in a row before each of which another thing got through.
    alone: u32,
    alone_since: Monotonic,
}

/// What fails of one queue. `T` is a place in it, in its order.
#[derive(Clone, Debug)]
pub struct Suspects<T> {
    patience: Patience,
    known: BTreeMap<T, Suspect>,
    /// The next attempt is made behind this one.
    behind: Option<T>,
    /// When something got through last.
    got_through: Option<Monotonic>,
}

impl<T: Copy + Ord> Suspects<T> {
    /// Nothing failed yet.
    pub const fn new(patience: Patience) -> Self {
        Self {
            patience,
            known: BTreeMap::new(),
            behind: None,
            got_through: None,
        }
    }

    /// Whether not to try `one` at `now`.
    pub fn passes_over(&self, one: T, now: Monotonic) -> bool {
        if self.behind.is_some_and(|behind| one <= behind) {
            return true;
        }
        let known = self.known.get(&one).filter(|known| known.alone > 0);
        known.is_some_and(|known| now.since(known.last) < self.pause(known.alone))
    }

    /// Behind which one the next attempt is made; `None` for the oldest.
    pub const fn behind(&self) -> Option<T> {
        self.behind
    }

    /// When the first of those that are passed over is to be tried again.
    pub fn next_at(&self) -> Option<Monotonic> {
        let alone = self.known.values().filter(|known| known.alone > 0);
        alone
            .map(|known| known.last.after(self.pause(known.alone)))
            .min()
    }

    fn pause(&self, alone: u32) -> Duration {
        let factor = 1_u32.checked_shl(alone.saturating_sub(1));
        let pause = self.patience.first_pause;
        pause
            .saturating_mul(factor.unwrap_or(u32::MAX))
            .min(self.patience.longest_pause)
    }

    /// The receiver has `one`, or will never take it and said so. Returns whether to begin
    /// again with the oldest: it was tried ahead of others, which are next now.
    pub fn got_through(&mut self, one: T, now: Monotonic) -> bool {
        self.known.remove(&one);
        self.got_through = Some(now);
        self.behind.take().is_some()
    }

    /// Nothing is left to be tried behind what failed: it begins again with the oldest.
    /// Returns whether there was something that failed.
    pub fn begin_again(&mut self) -> bool {
        self.behind.take().is_some()
    }

    /// An attempt at `one` failed at `now`.
    pub fn failed(&mut self, one: T, blame: Blame, now: Monotonic) -> Then {
        if blame == Blame::Everything || self.known.len() >= MOST && !self.known.contains_key(&one)
        {
            return Then::Wait { at_most: None };
        }
        let patience = self.patience;
        let known = self.known.entry(one).or_insert(Suspect {
            attempts: 0,
            since: now,
            last: now,
            alone: 0,
            alone_since: now,
        });
        let others_got_through = self.got_through.is_some_and(|at| at > known.last);
        let was_last = known.last;
        known.attempts = known.attempts.saturating_add(1);
        known.last = now;
        if others_got_through {
            if known.alone == 0 {
                known.alone_since = was_last;
            }
            known.alone = known.alone.saturating_add(1);
            let for_long = now.since(known.alone_since) >= patience.quarantined_after;
            if known.alone >= patience.alone && for_long {
                self.known.remove(&one);
                return Then::Quarantine;
            }
            return Then::GoOn;
        }
        if self.behind.is_some() {
            self.behind = Some(one);
            return Then::Wait { at_most: None };
        }
        let left = patience
            .doubted_after
            .saturating_sub(now.since(known.since));
        if known.attempts >= patience.attempts && left.is_zero() {
            self.behind = Some(one);
            return Then::TryNext;
        }
        let is_last = known.attempts.saturating_add(1) >= patience.attempts;
        Then::Wait {
            at_most: Some(left).filter(|left| is_last && !left.is_zero()),
        }
    }
}

#[cfg(test)]
mod tests;
