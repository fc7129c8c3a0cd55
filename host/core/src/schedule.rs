//! When a plugin is called: at a fixed interval, shifted by a share of its jitter that is
//! the device's own, so that a fleet does not call in step.
//!
//! Due times form a grid that neither slow calls nor late ones move. A call begun after
//! its due time and before the next is late; a due time that passed whole without a call
//! is missed. Missed ones are counted and not made up for.

use std::time::Duration;

use crate::{
    budget::Stretch,
    digest::Sha256,
    ids::{DeviceId, PluginName},
    policy::Interval,
    time::Monotonic,
};

/// The schedule of one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// As the policy says.
    every: Duration,
    /// How much longer it is now.
    stretch: Stretch,
    due: Monotonic,
    calling: bool,
    /// Somebody asked for a call out of turn.
    asked: bool,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing before this moment, unless somebody asks.
    Wait(Monotonic),
    /// A call is in flight: nothing before [`Schedule::finished`].
    InFlight,
    /// Call it.
    Call(Tick),
}

/// Why a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Asked for out of turn: nothing was due.
    pub asked: bool,
    /// How long ago it was due.
    pub late: Duration,
    /// Due times before this one that passed without a call.
    pub missed: u64,
}

impl Schedule {
    /// A schedule whose first call is due after the plugin's share of the jitter.
    pub fn new(interval: Interval, device: &DeviceId, plugin: &PluginName, now: Monotonic) -> Self {
        Self {
            every: every(interval),
            stretch: Stretch::NONE,
            due: now.after(delay(interval.jitter.get(), device, plugin)),
            calling: false,
            asked: false,
        }
    }

    /// The next moment at which a call is due.
    pub fn due(&self) -> Monotonic {
        self.due
    }

    /// Asks for one call as soon as none is in flight. It moves no due time. Asking twice
    /// before it begins is asking once.
    pub fn run_once(&mut self) {
        self.asked = true;
    }

    /// What to do at `now`. [`Decision::Call`] is given once: the call counts as begun.
    pub fn poll(&mut self, now: Monotonic) -> Decision {
        if self.calling {
            return Decision::InFlight;
        }
        if now >= self.due {
            return Decision::Call(self.begin(now));
        }
        if self.asked {
            (self.calling, self.asked) = (true, false);
            return Decision::Call(Tick {
                asked: true,
                late: Duration::ZERO,
                missed: 0,
            });
        }
        Decision::Wait(self.due)
    }

    /// The call that was begun has ended, well or not.
    pub fn finished(&mut self) {
        self.calling = false;
    }

    /// Another interval from now on, because a new policy says so. The next call is due
    /// when it was, or one new interval from `now` if that is sooner.
    pub fn change(&mut self, interval: Interval, now: Monotonic) {
        self.every = every(interval);
        self.due = self.due.min(now.after(self.stretched()));
    }

    /// Calls come less often from now on, or as often as before: the next one, too.
    pub fn stretch(&mut self, stretch: Stretch, now: Monotonic) {
        let before = self.stretched();
        self.stretch = stretch;
        let after = self.stretched();
        self.due = match after.checked_sub(before) {
            Some(longer) => self.due.after(longer),
            None => self.due.min(now.after(after)),
        };
    }

    fn stretched(&self) -> Duration {
        self.stretch.of(self.every)
    }

    fn begin(&mut self, now: Monotonic) -> Tick {
        let passed = now.since(self.due).as_nanos();
        let stretched = self.stretched();
        let missed = u64::try_from(passed / stretched.as_nanos()).unwrap_or(u64::MAX);
        let every = u64::try_from(stretched.as_nanos()).unwrap_or(u64::MAX);
        let skipped = Duration::from_nanos(every.saturating_mul(missed));
        let due = self.due.after(skipped);
        self.due = due.after(stretched);
        // A call that was asked for is this one.
        (self.calling, self.asked) = (true, false);
        Tick {
            asked: false,
            late: now.since(due),
            missed,
        }
    }
}

/// Policies have at least a second; a schedule that is always due would starve others.
fn every(interval: Interval) -> Duration {
    interval.every.get().max(Duration::from_secs(1))
}

/// The same for a plugin on a device each time, and spread evenly over devices.
fn delay(jitter: Duration, device: &DeviceId, plugin: &PluginName) -> Duration {
    let mut bytes = device.as_bytes().to_vec();
    bytes.extend_from_slice(plugin.as_str().as_bytes());
    let [a, b, c, d, ..] = *Sha256::of(&bytes).as_bytes();
    let share = u128::from(u32::from_be_bytes([a, b, c, d]));
    let ns = (jitter.as_nanos() * share) >> 32;
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Span;

    fn interval(every: u64, jitter: u64) -> Interval {
        Interval {
            every: Span::new(Duration::from_secs(every)),
            jitter: Span::new(Duration::from_secs(jitter)),
        }
    }

    fn schedule(every: u64, jitter: u64, device: u8) -> Schedule {
        Schedule::new(
            interval(every, jitter),
            &DeviceId::from_bytes([device; 16]),
            &"inventory".parse().unwrap(),
            Monotonic::ZERO,
        )
    }

    fn at(ms: u64) -> Monotonic {
        Monotonic::from_ns(ms * 1_000_000)
    }

    fn call(asked: bool, late: u64, missed: u64) -> Decision {
        Decision::Call(Tick {
            asked,
            late: Duration::from_millis(late),
            missed,
        })
    }

    #[test]
    fn late_is_before_the_next_due_time_and_missed_is_after() {
        let mut schedule = schedule(10, 0, 1);
        assert_eq!(schedule.poll(at(0)), call(false, 0, 0));
        schedule.finished();
        assert_eq!(schedule.poll(at(9_999)), Decision::Wait(at(10_000)));
        assert_eq!(schedule.poll(at(19_999)), call(false, 9_999, 0));
        schedule.finished();
        assert_eq!(schedule.poll(at(20_000)), call(false, 0, 0));
        schedule.finished();
        assert_eq!(schedule.poll(at(55_000)), call(false, 5_000, 2));
        schedule.finished();
        assert_eq!(schedule.poll(at(56_000)), Decision::Wait(at(60_000)));
    }

    #[test]
    fn a_call_out_of_turn_moves_nothing_and_waits_for_the_one_in_flight() {
        let mut schedule = schedule(10, 0, 1);
        schedule.poll(at(0));
        schedule.run_once();
        schedule.run_once();
        assert_eq!(schedule.poll(at(1)), Decision::InFlight);
        schedule.finished();
        assert_eq!(schedule.poll(at(2)), call(true, 0, 0));
        schedule.finished();
        assert_eq!(schedule.poll(at(3)), Decision::Wait(at(10_000)));
        schedule.run_once();
        assert_eq!(schedule.poll(at(10_000)), call(false, 0, 0));
        schedule.finished();
        assert_eq!(schedule.poll(at(10_001)), Decision::Wait(at(20_000)));
    }

    #[test]
    fn a_stretch_puts_off_the_next_call_and_its_end_brings_it_forward() {
        let mut schedule = schedule(10, 0, 1);
        schedule.poll(at(0));
        schedule.finished();
        schedule.stretch(Stretch::MOST, at(1_000));
        schedule.stretch(Stretch::MOST, at(2_000));
        assert_eq!(schedule.poll(at(79_999)), Decision::Wait(at(80_000)));
        assert_eq!(schedule.poll(at(81_000)), call(false, 1_000, 0));
        schedule.finished();
        schedule.stretch(Stretch::NONE, at(82_000));
        assert_eq!(schedule.poll(at(82_000)), Decision::Wait(at(92_000)));
        schedule.run_once();
        schedule.stretch(Stretch::MOST, at(82_000));
        assert_eq!(
            schedule.poll(at(83_000)),
            call(true, 0, 0),
            "who asks gets it"
        );
    }

    #[test]
    fn a_new_interval_holds_from_now_on() {
        let mut schedule = schedule(3_600, 0, 1);
        schedule.poll(at(0));
        schedule.finished();
        schedule.change(interval(10, 0), at(1_000));
        assert_eq!(schedule.due(), at(11_000));
        schedule.change(interval(3_600, 0), at(2_000));
        assert_eq!(schedule.due(), at(11_000));
    }

    #[test]
    fn devices_are_spread_over_the_jitter_and_each_keeps_its_place() {
        let due: Vec<_> = (0..=255)
            .map(|device| schedule(60, 60, device).due())
            .collect();
        assert_eq!(due[7], schedule(60, 60, 7).due());
        for quarter in 0..4 {
            let range = at(quarter * 15_000)..at((quarter + 1) * 15_000);
            let count = due.iter().filter(|due| range.contains(due)).count();
            assert!((32..=96).contains(&count), "{count}");
        }
    }

    proptest! {
        /// Every due time that has passed is called for or counted as missed, once.
        #[test]
        fn no_due_time_is_lost(steps in prop::collection::vec((0_u64..40_000, any::<bool>()), 1..50)) {
            let mut schedule = schedule(10, 10, 3);
            let first = schedule.due();
            let (mut now, mut accounted) = (0, 0);
            for (step, ask) in steps {
                now += step;
                if ask {
                    schedule.run_once();
                }
                if let Decision::Call(tick) = schedule.poll(at(now)) {
                    prop_assert!(tick.late < Duration::from_secs(10));
                    accounted += tick.missed + u64::from(!tick.asked);
                    schedule.finished();
                }
            }
            let passed = if at(now) < first { 0 } else { at(now).since(first).as_secs() / 10 + 1 };
            prop_assert_eq!(accounted, passed);
        }
    }
}
