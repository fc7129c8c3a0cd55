//! A clock for the spans of single calls.
//!
//! Each call reads the time twice, and the system's clock is most of what an empty call costs
//! beyond wasmtime. Where the kernel takes that clock from the processor's counter
//! ([`Clock::is_the_processors`]), the counter itself is read, and held against the clock at
//! least every second or so.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bailiwick_core::{ports::Clock, time::Monotonic};

/// Between two comparisons with the clock at least, in nanoseconds: reading both is off by
/// some tens of nanoseconds, so the pace is known to a few millionths.
const LEAST_NS: u64 = 20_000_000;

/// The first pace is taken from no longer a span: in a longer one the machine can have slept,
/// which the counter may count and the clock does not.
const MOST_NS: u64 = 1_000_000_000;

/// So many ticks after a comparison the next is due: 0.7 s at 3 GHz.
const DUE: u64 = 1 << 31;

/// Longest time between the two readings of the clock around one of the counter, in
/// nanoseconds. It takes longer if the thread was interrupted.
const TOGETHER_NS: u64 = 2_000;

/// The readings of one instance; one thread at a time takes them.
pub(super) struct Stopwatch {
    counts: bool,
    ticks: AtomicU64,
    ns: AtomicU64,
    pace: AtomicU64,
}

impl Stopwatch {
    pub(super) fn new(clock: &dyn Clock) -> Self {
        Self {
            counts: cfg!(target_arch = "x86_64") && clock.is_the_processors(),
            ticks: AtomicU64::new(0),
            ns: AtomicU64::new(Compared::NEVER),
            pace: AtomicU64::new(Compared::UNKNOWN),
        }
    }

    /// What `clock` says, to some microseconds.
    #[inline]
    pub(super) fn now(&self, clock: &dyn Clock) -> Monotonic {
        let compared = self.compared();
        match compared.at(ticks()) {
            Some(ns) => Monotonic::from_ns(ns),
            None => self.compare(clock, compared),
        }
    }

    fn compared(&self) -> Compared {
        Compared {
            ticks: self.ticks.load(Relaxed),
            ns: self.ns.load(Relaxed),
            pace: self.pace.load(Relaxed),
        }
    }

    #[inline(never)]
    fn compare(&self, clock: &dyn Clock, compared: Compared) -> Monotonic {
        let before = clock.monotonic();
        if !self.counts {
            return before;
        }
        let ticks = ticks();
        let now = clock.monotonic();
        let gap = now.as_ns().saturating_sub(before.as_ns());
        if gap <= TOGETHER_NS {
            let next = compared.next(ticks, before.as_ns() + gap / 2);
            self.ticks.store(next.ticks, Relaxed);
            self.ns.store(next.ns, Relaxed);
            self.pace.store(next.pace, Relaxed);
        }
        now
    }
}

/// A moment of which both are known, the counter and the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Compared {
    ticks: u64,
    /// Of the clock, or [`Self::NEVER`].
    ns: u64,
    /// Nanoseconds of a tick, times 2^32; below 2^32, for no counter is slower than 1 GHz.
    pace: u64,
}

impl Compared {
    /// A pace that is not known yet.
    const UNKNOWN: u64 = 0;
    /// Before the first comparison: the clock gets there in 584 years.
    const NEVER: u64 = u64::MAX;

    /// The time at `ticks`, unless it is due to ask the clock.
    #[inline]
    fn at(self, ticks: u64) -> Option<u64> {
        let passed = ticks.wrapping_sub(self.ticks);
        (self.pace != Self::UNKNOWN && passed < DUE)
            .then(|| self.ns.wrapping_add((passed * self.pace) >> 32))
    }

    /// What is known once `ticks` is found to be `ns`. A counter that was reset or went on
    /// while the clock stood still has to show its pace anew.
    fn next(self, ticks: u64, ns: u64) -> Self {
        if self.ns == Self::NEVER {
            return Self { ticks, ns, ..self };
        }
        let passed_ns = ns.saturating_sub(self.ns);
        let known = self.pace != Self::UNKNOWN;
        if !known && passed_ns < LEAST_NS {
            return self;
        }
        let passed = u128::from(ticks.wrapping_sub(self.ticks)).max(1);
        let pace = u64::try_from((u128::from(passed_ns) << 32) / passed).unwrap_or(u64::MAX);
        let believed = if known {
            pace.abs_diff(self.pace) < self.pace >> 10
        } else {
            passed_ns <= MOST_NS
        };
        let pace = if believed && pace < 1 << 32 {
            pace
        } else {
            Self::UNKNOWN
        };
        Self { ticks, ns, pace }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn ticks() -> u64 {
    #[expect(unsafe_code, reason = "no safe function reads the counter")]
    // SAFETY: RDTSC reads a register and touches no memory; every x86_64 has it, and a kernel
    // that forbids it to programs (CR4.TSD) does so by a signal, in each process that asked.
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn ticks() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::clock;

    /// 2.5 GHz.
    fn ticks_of(ns: u64) -> u64 {
        ns * 5 / 2
    }

    fn paced() -> Compared {
        let first = Compared {
            ticks: 1_000,
            ns: 7,
            pace: 0,
        };
        first.next(1_000 + ticks_of(LEAST_NS), 7 + LEAST_NS)
    }

    #[test]
    fn the_pace_is_known_after_the_shortest_span_that_tells_it() {
        let first = Compared {
            ticks: 1_000,
            ns: 7,
            pace: 0,
        };
        assert_eq!(first.at(1_500), None);
        assert_eq!(first.next(1_500, 207), first, "too soon to tell");
        let ns = paced().at(1_000 + ticks_of(30_000_000)).unwrap();
        assert!(ns.abs_diff(30_000_007) <= 1, "{ns}");
    }

    #[test]
    fn nothing_is_made_of_what_both_were_before_the_first_comparison() {
        let never = Compared {
            ticks: 0,
            ns: Compared::NEVER,
            pace: 0,
        };
        let first = never.next(ticks_of(3_600_000_000_000), MOST_NS / 2);
        assert_eq!((first.ns, first.pace), (MOST_NS / 2, Compared::UNKNOWN));
    }

    #[test]
    fn the_clock_is_asked_again_in_time() {
        let paced = paced();
        assert!(paced.at(paced.ticks + DUE - 1).is_some());
        assert_eq!(paced.at(paced.ticks + DUE), None);
        assert_eq!(paced.at(paced.ticks - 1), None, "a counter that was reset");
    }

    #[test]
    fn a_counter_that_went_on_while_the_machine_slept_shows_its_pace_anew() {
        let paced = paced();
        let slept = paced.next(paced.ticks + ticks_of(9_000_000_000), paced.ns + 5_000_000);
        assert_eq!(slept.pace, Compared::UNKNOWN);
        let again = slept.next(slept.ticks + ticks_of(LEAST_NS), slept.ns + LEAST_NS);
        assert_eq!(again.pace, paced.pace);
        // And so does one of which nothing was known before a long span.
        let first = Compared {
            ticks: 0,
            ns: 0,
            pace: 0,
        };
        let next = first.next(ticks_of(2 * MOST_NS), 2 * MOST_NS);
        assert_eq!(next.pace, Compared::UNKNOWN);
    }

    #[test]
    fn a_pace_that_drifts_a_little_is_followed() {
        let paced = paced();
        let ns = paced.ns + 1_000_000_000;
        let next = paced.next(paced.ticks + ticks_of(1_000_100_000), ns);
        assert_ne!(next.pace, Compared::UNKNOWN);
        assert!(next.pace < paced.pace && next.ns == ns);
    }

    #[test]
    fn counters_slower_than_a_gigahertz_are_not_used() {
        let first = Compared {
            ticks: 0,
            ns: 0,
            pace: 0,
        };
        assert_eq!(first.next(LEAST_NS / 2, LEAST_NS).pace, Compared::UNKNOWN);
    }

    /// Whatever the machine does between two readings.
    #[test]
    fn it_tells_what_the_clock_tells() {
        const OFF: u64 = 20_000;
        let clock = clock();
        let watch = Stopwatch::new(&*clock);
        let began = clock.monotonic().as_ns();
        loop {
            let before = clock.monotonic().as_ns();
            let told = watch.now(&*clock).as_ns();
            let after = clock.monotonic().as_ns();
            assert!(before.saturating_sub(OFF) <= told && told <= after + OFF);
            if after - began > 3 * LEAST_NS {
                break;
            }
        }
        let counts = cfg!(target_arch = "x86_64") && clock.is_the_processors();
        assert_eq!(watch.compared().pace != Compared::UNKNOWN, counts);
    }
}
