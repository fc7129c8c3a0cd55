//! When the instances of a session-collector are called, and when all of them wait.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    budget::Stretch,
    policy::Interval,
    session::SessionId,
    time::{Monotonic, Span, Timestamp},
};

/// Shortest time from one sample to the next, whoever asks.
pub const FASTEST: Duration = Duration::from_secs(1);
/// Longest time for which a faster rate holds.
pub const LONGEST_FAST: Duration = Duration::from_secs(3_600);
/// Within this time after a tick all instances are called, so that one reading of the
/// processes, which serves for a second, serves them all.
const SPREAD: Duration = Duration::from_millis(800);
/// Parts of the spread, so that calls do not come at the same moment.
const PARTS: u32 = 16;
/// As many different instances that are suspended suspend the plugin.
const MOST_SUSPENDED: usize = 3;

/// What the policy says of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// From the beginning of a file to its end.
    pub file_every: Span,
    /// Most instances at a time. Their memory together is at most so many times the limit of
    /// one.
    pub sessions: u32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            file_every: Span::new(Duration::from_secs(300)),
            sessions: 64,
        }
    }
}

/// A rate that can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Faster than [`FASTEST`].
    #[error("samples can't come more often than once a second")]
    TooFast,
    /// Longer than [`LONGEST_FAST`].
    #[error("another rate holds for at most an hour: name an earlier end")]
    TooLong,
    /// It is over before it begins.
    #[error("the end is not after now, by this device's clock")]
    Over,
}

/// When one instance is called. All instances of a plugin share ticks, and each has its own
/// place after them.
#[derive(Clone, Copy, Debug)]
pub struct Cadence {
    /// A tick.
    origin: Monotonic,
    every: Duration,
    stretch: Stretch,
    place: u32,
    fast: Option<Fast>,
}

/// A faster rate that holds for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fast {
    every: Duration,
    until: Monotonic,
}

impl Fast {
    /// A sample each `every` until `until`, then as the policy says again. `now` is the same
    /// moment by both clocks: a clock that is set later does not make it longer.
    ///
    /// # Errors
    /// Beyond the bounds.
    pub fn new(
        every: Duration,
        until: Timestamp,
        now: (Timestamp, Monotonic),
    ) -> Result<Self, RateError> {
        if every < FASTEST {
            return Err(RateError::TooFast);
        }
        let left = Duration::from_millis(until.as_ms().saturating_sub(now.0.as_ms()));
        if left.is_zero() {
            return Err(RateError::Over);
        }
        if left > LONGEST_FAST {
            return Err(RateError::TooLong);
        }
        let until = now.1.after(left);
        Ok(Self { every, until })
    }
}

impl Cadence {
    /// Of the instance for `session`; `origin` is any moment that all of them share.
    pub fn new(interval: Interval, origin: Monotonic, session: &SessionId) -> Self {
        Self {
            origin,
            every: interval.every.get().max(FASTEST),
            stretch: Stretch::NONE,
            place: (session.generation() % u64::from(PARTS)) as u32,
            fast: None,
        }
    }

    /// The policy says otherwise.
    pub fn change(&mut self, interval: Interval) {
        self.every = interval.every.get().max(FASTEST);
    }

    /// Samples come less often, or as often as before: for all instances alike, since their
    /// ticks stay shared. An operator's rate is not stretched.
    pub const fn stretch(&mut self, stretch: Stretch) {
        self.stretch = stretch;
    }

    /// Another rate while `fast` holds, which may be over already.
    pub const fn hasten(&mut self, fast: Fast) {
        self.fast = Some(fast);
    }

    /// The first moment after `now` at which to call.
    pub fn next(&mut self, now: Monotonic) -> Monotonic {
        let fast = self.fast.filter(|fast| now < fast.until);
        self.fast = fast;
        let slow = self.following(self.stretch.of(self.every), now);
        match fast {
            // The first of the policy's own after its end comes then.
            Some(fast) => self.following(fast.every, now).min(slow),
            None => slow,
        }
    }

    fn following(&self, every: Duration, now: Monotonic) -> Monotonic {
        let spread = SPREAD.min(every / 4);
        let first = self.origin.after(spread * self.place / PARTS);
        let passed = now.since(first).as_nanos() / every.as_nanos();
        let count = if now < first { 0 } else { passed + 1 };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        first.after(every.saturating_mul(count))
    }
}

/// Which instances are suspended, and whether that says something of the plugin.
#[derive(Clone, Debug, Default)]
pub struct Suspensions {
    suspended: BTreeSet<SessionId>,
}

impl Suspensions {
    /// An instance was suspended. Whether so many are now that the plugin is: then the count
    /// begins anew.
    pub fn suspended(&mut self, session: SessionId) -> bool {
        self.suspended.insert(session);
        let all = self.suspended.len() >= MOST_SUSPENDED;
        if all {
            self.suspended.clear();
        }
        all
    }

    /// An instance works again, or ended.
    pub fn recovered(&mut self, session: &SessionId) {
        self.suspended.remove(session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval() -> Interval {
        Interval {
            every: Span::new(Duration::from_secs(15)),
            jitter: Span::new(Duration::ZERO),
        }
    }

    fn at(ms: u64) -> Monotonic {
        Monotonic::from_ns(ms * 1_000_000)
    }

    fn session(generation: u64) -> SessionId {
        SessionId::new("7", generation)
    }

    #[test]
    fn instances_are_called_one_after_the_other_within_a_second_of_the_tick() {
        let mut moments: Vec<_> = (0..16)
            .map(|generation| {
                let mut cadence = Cadence::new(interval(), at(1_000), &session(generation));
                cadence.next(at(20_000))
            })
            .collect();
        moments.sort_unstable();
        assert_eq!(moments[0], at(31_000));
        assert!(
            moments
                .windows(2)
                .all(|two| two[1].since(two[0]) == Duration::from_millis(50))
        );
        assert!(moments[15] < at(32_000));
    }

    #[test]
    fn a_faster_rate_ends_by_itself_and_has_bounds() {
        let mut cadence = Cadence::new(interval(), at(0), &session(0));
        let wall = Timestamp::from_ms;
        let second = Duration::from_secs(1);
        let now = (wall(50_000), at(16_000));
        let hasten = |every, until| Fast::new(every, until, now);
        let nearly = second - Duration::from_nanos(1);
        assert_eq!(hasten(nearly, wall(60_000)), Err(RateError::TooFast));
        assert_eq!(hasten(second, wall(50_000)), Err(RateError::Over));
        assert_eq!(
            hasten(second, wall(50_001 + 3_600_000)),
            Err(RateError::TooLong)
        );
        assert_eq!(cadence.next(at(16_000)), at(30_000), "nothing changed");
        let fast = hasten(second * 2, wall(54_500)).unwrap();
        cadence.hasten(fast);
        // That of a session that opens meanwhile, and of one that opens afterwards.
        for (opens, next) in [(at(19_000), at(20_000)), (at(21_000), at(30_000))] {
            let mut another = Cadence::new(interval(), at(0), &session(0));
            another.hasten(fast);
            assert_eq!(another.next(opens), next);
        }
        let mut now = at(16_000);
        let mut moments = Vec::new();
        while now < at(40_000) {
            now = cadence.next(now);
            moments.push(now);
        }
        assert_eq!(
            moments,
            [at(18_000), at(20_000), at(22_000), at(30_000), at(45_000)]
        );
    }

    #[test]
    fn stretched_instances_keep_shared_ticks_and_an_operators_rate() {
        let mut next: Vec<_> = [0, 3]
            .map(|place| Cadence::new(interval(), at(0), &session(place)))
            .into();
        for cadence in &mut next {
            cadence.stretch(Stretch::nearest(2));
        }
        assert_eq!(next[0].next(at(16_000)), at(30_000));
        assert_eq!(next[1].next(at(17_000)), at(30_150));
        assert_eq!(next[0].next(at(30_000)), at(60_000));
        let now = (Timestamp::from_ms(0), at(30_000));
        let fast = Fast::new(FASTEST, Timestamp::from_ms(9_000), now);
        next[0].hasten(fast.unwrap());
        assert_eq!(next[0].next(at(30_000)), at(31_000));
        next[1].stretch(Stretch::NONE);
        assert_eq!(next[1].next(at(30_200)), at(45_150));
    }

    #[test]
    fn three_different_instances_suspend_the_plugin() {
        let mut all = Suspensions::default();
        assert!(!all.suspended(session(1)));
        assert!(!all.suspended(session(1)));
        assert!(!all.suspended(session(2)));
        all.recovered(&session(1));
        assert!(!all.suspended(session(3)));
        assert!(all.suspended(session(4)));
        assert!(!all.suspended(session(5)));
    }
}
