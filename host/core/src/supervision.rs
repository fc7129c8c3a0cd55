//! What becomes of a plugin that fails: a fresh instance after a pause that grows, and a
//! suspension after too many failures in a short time. Calm is believed slowly.

use std::{collections::VecDeque, fmt, time::Duration};

use crate::time::Monotonic;

/// The numbers of supervision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Pause after a first failure; it doubles with each further one.
    pub first_pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
    /// Failures within `window` that suspend the plugin.
    pub strikes: u32,
    /// How long a failure counts.
    pub window: Duration,
    /// First suspension; it doubles with each further one.
    pub first_suspension: Duration,
    /// Longest suspension.
    pub longest_suspension: Duration,
    /// Successful calls in a row that halve the next pause, or the next suspension once
    /// no failure is remembered.
    pub calm: u32,
}

impl Default for Rules {
    /// 1 s to 5 min; 5 strikes in 10 min; 10 min to 24 h; 5 successes.
    fn default() -> Self {
        Self {
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(300),
            strikes: 5,
            window: Duration::from_secs(600),
            first_suspension: Duration::from_secs(600),
            longest_suspension: Duration::from_secs(86_400),
            calm: 5,
        }
    }
}

/// The supervision of one plugin. A new generation begins with a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supervision {
    rules: Rules,
    state: State,
    /// When it failed, oldest first; never more than `rules.strikes`.
    failures: VecDeque<Monotonic>,
    /// Failures that the next pause answers.
    level: u32,
    suspensions: u32,
    calm: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Pausing(Monotonic),
    Suspended(Monotonic),
}

/// A change worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// It failed; a fresh instance follows.
    Pausing {
        /// Failures within the window, this one included.
        strikes: u32,
        /// How long until then.
        pause: Duration,
    },
    /// It failed too often.
    Suspended {
        /// Failures within the window.
        strikes: u32,
        /// How long.
        suspension: Duration,
    },
    /// Make a fresh instance now.
    Fresh {
        /// It was suspended, not only pausing.
        suspended: bool,
    },
    /// Nothing of its failures is remembered any more.
    Recovered,
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pausing { strikes, pause } => write!(
                f,
                "failure {strikes} within the window: a fresh instance in {} ms",
                pause.as_millis()
            ),
            Self::Suspended {
                strikes,
                suspension,
            } => write!(
                f,
                "suspended for {} s after {strikes} failures within the window",
                suspension.as_secs()
            ),
            Self::Fresh { suspended: true } => f.write_str("a fresh instance after suspension"),
            Self::Fresh { suspended: false } => f.write_str("a fresh instance"),
            Self::Recovered => f.write_str("recovered"),
        }
    }
}

impl Supervision {
    /// A plugin that has not failed yet.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            state: State::Running,
            failures: VecDeque::new(),
            level: 0,
            suspensions: 0,
            calm: 0,
        }
    }

    /// A plugin that was suspended before and is until `until`, for the `suspensions`th time.
    pub fn suspended(rules: Rules, until: Monotonic, suspensions: u32) -> Self {
        Self {
            state: State::Suspended(until),
            suspensions,
            ..Self::new(rules)
        }
    }

    /// Suspensions that the next one is longer for.
    pub const fn suspensions(&self) -> u32 {
        self.suspensions
    }

    /// Whether calls may begin.
    pub fn may_call(&self) -> bool {
        self.state == State::Running
    }

    /// Whether it failed too often and waits long.
    pub fn is_suspended(&self) -> bool {
        matches!(self.state, State::Suspended(_))
    }

    /// When [`Self::poll`] has something to say; `None` while it runs.
    pub fn wake_at(&self) -> Option<Monotonic> {
        match self.state {
            State::Running => None,
            State::Pausing(until) | State::Suspended(until) => Some(until),
        }
    }

    /// A call failed, or its instance died.
    pub fn failed(&mut self, now: Monotonic) -> Transition {
        self.calm = 0;
        self.forget(now);
        self.failures.push_back(now);
        let strikes = u32::try_from(self.failures.len()).unwrap_or(u32::MAX);
        if strikes >= self.rules.strikes {
            let suspension = doubled(
                self.rules.first_suspension,
                self.suspensions,
                self.rules.longest_suspension,
            );
            self.suspensions += 1;
            self.failures.clear();
            self.state = State::Suspended(now.after(suspension));
            return Transition::Suspended {
                strikes,
                suspension,
            };
        }
        let pause = doubled(self.rules.first_pause, self.level, self.rules.longest_pause);
        self.level += 1;
        self.state = State::Pausing(now.after(pause));
        Transition::Pausing { strikes, pause }
    }

    /// A call succeeded.
    pub fn succeeded(&mut self, now: Monotonic) -> Option<Transition> {
        if self.level == 0 && self.suspensions == 0 {
            return None;
        }
        self.calm += 1;
        if self.calm < self.rules.calm {
            return None;
        }
        self.calm = 0;
        self.forget(now);
        if self.level > 0 {
            self.level -= 1;
        } else {
            self.suspensions -= 1;
        }
        (self.level == 0 && self.suspensions == 0).then_some(Transition::Recovered)
    }

    /// Ends a pause or a suspension whose time has come.
    pub fn poll(&mut self, now: Monotonic) -> Option<Transition> {
        let (until, suspended) = match self.state {
            State::Running => return None,
            State::Pausing(until) => (until, false),
            State::Suspended(until) => (until, true),
        };
        if now < until {
            return None;
        }
        self.state = State::Running;
        Some(Transition::Fresh { suspended })
    }

    fn forget(&mut self, now: Monotonic) {
        let window = self.rules.window;
        self.failures.retain(|failure| now.since(*failure) < window);
    }
}

/// `first`, doubled `times` times, at most `longest`.
fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    2_u32
        .checked_pow(times)
        .and_then(|factor| first.checked_mul(factor))
        .map_or(longest, |duration| duration.min(longest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_ns(seconds * 1_000_000_000)
    }

    fn pause(transition: Transition) -> u64 {
        match transition {
            Transition::Pausing { pause, .. } => pause.as_secs(),
            other => panic!("{other:?}"),
        }
    }

    /// Fails `times` times, each as soon as it may be called.
    fn fail(supervision: &mut Supervision, from: u64, times: u32) -> Vec<Transition> {
        let mut now = at(from);
        (0..times)
            .map(|_| {
                let transition = supervision.failed(now);
                now = supervision.wake_at().unwrap();
                assert!(matches!(
                    supervision.poll(now),
                    Some(Transition::Fresh { .. })
                ));
                transition
            })
            .collect()
    }

    #[test]
    fn a_suspension_that_is_taken_up_again_ends_when_it_would_have() {
        let mut supervision = Supervision::suspended(Rules::default(), at(300), 1);
        assert!(supervision.is_suspended() && !supervision.may_call());
        assert_eq!(supervision.poll(at(299)), None);
        let fresh = Transition::Fresh { suspended: true };
        assert_eq!(supervision.poll(at(300)), Some(fresh));
        let again = fail(&mut supervision, 10_000, 5);
        let suspension = Duration::from_secs(1_200);
        let strikes = 5;
        let twice = Transition::Suspended {
            strikes,
            suspension,
        };
        assert_eq!(again[4], twice, "it is the second one");
        assert_eq!(supervision.suspensions(), 2);
    }

    #[test]
    fn pauses_double_and_then_it_is_suspended() {
        let mut supervision = Supervision::new(Rules::default());
        let transitions = fail(&mut supervision, 0, 5);
        let pauses: Vec<_> = transitions[..4].iter().copied().map(pause).collect();
        assert_eq!(pauses, [1, 2, 4, 8]);
        let suspended = |seconds| Transition::Suspended {
            strikes: 5,
            suspension: Duration::from_secs(seconds),
        };
        assert_eq!(transitions[4], suspended(600));
        let again = fail(&mut supervision, 10_000, 5);
        assert_eq!(again[4], suspended(1_200));
    }

    #[test]
    fn nothing_is_called_before_the_pause_ends() {
        let mut supervision = Supervision::new(Rules::default());
        assert!(supervision.may_call());
        supervision.failed(at(0));
        assert!(!supervision.may_call());
        assert_eq!(supervision.poll(Monotonic::from_ns(999_999_999)), None);
        assert!(!supervision.may_call());
        assert_eq!(
            supervision.poll(at(1)),
            Some(Transition::Fresh { suspended: false })
        );
        assert!(supervision.may_call());
        assert_eq!(supervision.poll(at(2)), None);
    }

    #[test]
    fn failures_far_apart_never_suspend() {
        let mut supervision = Supervision::new(Rules::default());
        for n in 0..100 {
            let transition = supervision.failed(at(n * 600));
            assert!(matches!(transition, Transition::Pausing { strikes: 1, .. }));
            supervision.poll(at(n * 600 + 300)).unwrap();
        }
        assert_eq!(pause(supervision.failed(at(100 * 600))), 300);
    }

    #[test]
    fn calm_is_believed_slowly() {
        let mut supervision = Supervision::new(Rules::default());
        fail(&mut supervision, 0, 3);
        let mut succeed = |times| -> Vec<_> {
            (0..times)
                .filter_map(|_| supervision.succeeded(at(20)))
                .collect()
        };
        assert_eq!(succeed(14), []);
        assert_eq!(succeed(1), [Transition::Recovered]);
        assert_eq!(succeed(100), []);
        assert_eq!(pause(supervision.failed(at(10_000))), 1);
    }

    proptest! {
        #[test]
        fn pauses_are_bounded_and_memory_is_too(
            events in prop::collection::vec((0_u64..2_000, 0_u8..3), 0..200)
        ) {
            let rules = Rules::default();
            let mut supervision = Supervision::new(rules);
            let mut now = 0;
            for (step, kind) in events {
                now += step;
                match kind {
                    0 if supervision.may_call() => match supervision.failed(at(now)) {
                        Transition::Pausing { pause, strikes } => {
                            prop_assert!(rules.first_pause <= pause && pause <= rules.longest_pause);
                            prop_assert!(strikes < rules.strikes);
                        }
                        Transition::Suspended { suspension, .. } => {
                            prop_assert!(suspension <= rules.longest_suspension);
                        }
                        other => prop_assert!(false, "{other:?}"),
                    },
                    1 if supervision.may_call() => { supervision.succeeded(at(now)); }
                    _ => { supervision.poll(at(now)); }
                }
                prop_assert_eq!(supervision.may_call(), supervision.wake_at().is_none());
                prop_assert!(supervision.failures.len() < rules.strikes as usize);
            }
        }
    }
}
