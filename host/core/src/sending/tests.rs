use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A device with one queue, and a receiver that fails as a test says.
struct Model<F> {
    suspects: Suspects<u32>,
    waiting: BTreeSet<u32>,
    arrived: Vec<u32>,
    quarantined: Vec<u32>,
    seconds: u64,
    /// How the receiver fails at one thing at one time, in seconds; none if it takes it.
    fails: F,
}

impl<F: Fn(u32, u64) -> Option<Blame>> Model<F> {
    fn new(waiting: impl IntoIterator<Item = u32>, fails: F) -> Self {
        Self {
            suspects: Suspects::new(Patience::DEFAULT),
            waiting: waiting.into_iter().collect(),
            arrived: Vec::new(),
            quarantined: Vec::new(),
            seconds: 0,
            fails,
        }
    }

    fn now(&self) -> Monotonic {
        Monotonic::from_ns(self.seconds * 1_000_000_000)
    }

    /// Sends all that may be tried, or until it has to wait. Returns what was tried.
    fn round(&mut self) -> Vec<u32> {
        let mut tried = Vec::new();
        let mut last = None;
        loop {
            let now = self.now();
            let next = self.waiting.iter().copied().find(|one| {
                last.is_none_or(|last| *one > last) && !self.suspects.passes_over(*one, now)
            });
            let Some(one) = next else {
                if tried.is_empty() && self.suspects.begin_again() {
                    // As a round of the agent that finds nothing behind what failed before.
                    last = None;
                    continue;
                }
                return tried;
            };
            last = Some(one);
            tried.push(one);
            // An attempt takes its time.
            self.seconds += 1;
            let now = self.now();
            let Some(blame) = (self.fails)(one, self.seconds) else {
                self.waiting.remove(&one);
                self.arrived.push(one);
                if self.suspects.got_through(one, now) {
                    last = None;
                }
                continue;
            };
            match self.suspects.failed(one, blame, now) {
                Then::Wait { .. } => return tried,
                Then::GoOn | Then::TryNext => {}
                Then::Quarantine => {
                    self.waiting.remove(&one);
                    self.quarantined.push(one);
                }
            }
        }
    }

    /// Rounds every `pause` seconds for `hours`; each brings something new if `fresh` says so.
    fn run(&mut self, hours: u64, pause: u64, mut fresh: impl FnMut(u64) -> Option<u32>) {
        let end = self.seconds + hours * 3_600;
        while self.seconds < end {
            self.round();
            self.seconds += pause;
            self.waiting.extend(fresh(self.seconds));
        }
    }
}

const OWN: Option<Blame> = Some(Blame::PerhapsThis);

#[test]
fn one_that_fails_for_ever_holds_up_nothing_for_long_and_is_given_up_in_the_end() {
    let mut model = Model::new(0..10, |one, _| OWN.filter(|_| one == 3));
    while model.arrived.len() < 9 {
        model.round();
        model.seconds += 10;
    }
    assert!(model.seconds < 90, "{} s", model.seconds);
    assert_eq!(model.arrived, [0, 1, 2, 4, 5, 6, 7, 8, 9]);
    // With others that get through each minute.
    let mut number = 100;
    model.run(2, 60, |_| {
        number += 1;
        Some(number)
    });
    assert_eq!(model.quarantined, [0; 0], "somebody may mend it yet");
    model.run(2, 60, |_| {
        number += 1;
        Some(number)
    });
    model.round();
    assert_eq!(model.quarantined, [3]);
    assert_eq!(
        model.arrived.len(),
        usize::try_from(number - 100 + 9).unwrap()
    );
}

#[test]
fn a_receiver_that_fails_at_everything_loses_nothing_however_long_it_does() {
    let mut model = Model::new(0..50, |_, at| OWN.filter(|_| at < 40 * 86_400));
    model.run(39 * 24, 300, |_| None);
    assert_eq!((model.arrived.len(), model.waiting.len()), (0, 50));
    model.run(48, 300, |_| None);
    assert_eq!(model.quarantined, [0; 0]);
    // The one that was being tried is ahead of its turn; the rest keep theirs.
    let ahead = model.arrived.remove(0);
    let rest: Vec<_> = (0..50).filter(|one| *one != ahead).collect();
    assert_eq!(model.arrived, rest);
}

/// Pauses between attempts double; the next thing is tried when its time has come.
#[test]
fn no_pause_is_longer_than_until_another_is_tried() {
    let at = |seconds: u64| Monotonic::from_ns(seconds * 1_000_000_000);
    let mut suspects = Suspects::new(Patience::DEFAULT);
    let wait = |at_most: Option<u64>| Then::Wait {
        at_most: at_most.map(Duration::from_secs),
    };
    for (seconds, then) in [
        (0, wait(None)),
        (1, wait(None)),
        (3, wait(None)),
        (7, wait(Some(53))),
        (15, wait(Some(45))),
        (31, wait(Some(29))),
        (60, Then::TryNext),
    ] {
        assert_eq!(suspects.failed(1, Blame::PerhapsThis, at(seconds)), then);
    }
    assert_eq!(suspects.failed(2, Blame::PerhapsThis, at(61)), wait(None));
    assert_eq!(suspects.behind(), Some(2));
}

#[test]
fn what_is_nobodys_own_fault_is_tried_in_turn_alone() {
    let mut model = Model::new(0..5, |_, at| {
        Some(Blame::Everything).filter(|_| at < 86_400)
    });
    for _ in 0..100 {
        assert_eq!(model.round(), [0]);
        model.seconds += 300;
    }
    model.run(48, 300, |_| None);
    assert_eq!(model.arrived, [0, 1, 2, 3, 4]);
}

#[test]
fn a_receiver_that_starts_again_for_less_than_a_minute_changes_no_order() {
    let mut model = Model::new(0..5, |_, at| OWN.filter(|_| at < 55));
    while model.arrived.len() < 5 {
        model.round();
        model.seconds += 2;
    }
    assert_eq!(model.arrived, [0, 1, 2, 3, 4]);
}

#[test]
fn what_is_mended_after_hours_arrives() {
    let mut model = Model::new([0, 1], |one, at| OWN.filter(|_| one == 0 && at < 5_000));
    let mut number = 1;
    model.run(2, 60, |_| {
        number += 1;
        Some(number)
    });
    assert!(model.arrived.contains(&0) && model.quarantined.is_empty());
}

#[test]
fn several_that_fail_hold_up_nothing_either() {
    let mut model = Model::new(0..30, |one, _| OWN.filter(|_| one < 20));
    while model.arrived.len() < 10 {
        model.round();
        model.seconds += 30;
    }
    assert!(model.seconds < 3_600, "{} s", model.seconds);
    assert_eq!(model.quarantined, [0; 0]);
}

proptest! {
    /// Whenever the receiver takes nothing, nothing is given up; and whatever it takes when
    /// it is asked arrives, once, however it fails at others.
    #[test]
    fn nothing_is_given_up_that_did_not_fail_while_others_got_through(
        outages in prop::collection::vec((0..20_000_u64, 1..9_000_u64), 0..6),
        poison in prop::collection::btree_set(0..40_u32, 0..5),
        pause in 1..300_u64,
    ) {
        let down = |at: u64| outages.iter().any(|(from, long)| (*from..from + long).contains(&at));
        let fails = |one: u32, at: u64| OWN.filter(|_| down(at) || poison.contains(&one));
        let mut model = Model::new(0..40, fails);
        let mut number = 100;
        model.run(16, pause, |_| {
            number += 1;
            Some(number)
        });
        prop_assert!(model.quarantined.iter().all(|one| poison.contains(one)));
        let mut arrived = model.arrived.clone();
        arrived.sort_unstable();
        arrived.dedup();
        prop_assert_eq!(arrived.len(), model.arrived.len(), "once");
        let late: Vec<_> = model.waiting.iter().filter(|one| !poison.contains(one)).collect();
        prop_assert!(late.len() <= 1, "{:?} wait", late);
    }
}
