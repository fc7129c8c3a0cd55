use proptest::prelude::*;

use super::*;
use crate::session::{Idle, Seen, SessionKind, SessionState};

const NOW: Timestamp = Timestamp::from_ms(1_000);

fn logind(number: &str, audit: u32, uid: u32) -> Seen {
    Seen {
        logind: Some(number.to_owned()),
        audit: Some(audit),
        leader: Some(audit * 10),
        state: Some(SessionState::Active),
        since: Some(Timestamp::from_ms(u64::from(audit))),
        ..Seen::new(Source::Logind, uid)
    }
}

fn kernel(audit: u32, uid: u32) -> Seen {
    Seen {
        audit: Some(audit),
        leader: Some(audit * 10),
        state: Some(SessionState::Active),
        ..Seen::new(Source::Kernel, uid)
    }
}

fn utmp(leader: u32, uid: u32, terminal: &str) -> Seen {
    Seen {
        leader: Some(leader),
        terminal: Some(terminal.to_owned()),
        ..Seen::new(Source::Utmp, uid)
    }
    .used_from("192.0.2.7")
}

fn reading(consulted: &[Source], seen: Vec<Seen>) -> Reading {
    Reading {
        consulted: consulted.iter().copied().collect(),
        seen,
        ..Reading::default()
    }
}

fn from_logind(seen: Vec<Seen>) -> Reading {
    reading(&[Source::Logind], seen)
}

/// What answers where there is no logind.
fn without_logind(seen: Vec<Seen>, running: &[u32]) -> Reading {
    Reading {
        running: Some(running.to_vec()),
        ..reading(&[Source::Kernel, Source::Utmp], seen)
    }
}

/// Opened, closed and changed, each with its id.
fn moves(changes: &[Change]) -> Vec<String> {
    let one = |change: &Change| match change {
        Change::Opened(session) => Some(format!("+{}", session.id)),
        Change::Closed { session, why } => Some(format!("-{} {why:?}", session.id)),
        Change::Changed { session, aspects } => Some(format!("~{} {aspects:?}", session.id)),
        _ => None,
    };
    changes.iter().filter_map(one).collect()
}

#[test]
fn a_session_opens_changes_and_closes() {
    let mut tracker = Tracker::new(10);
    let changes = tracker.observe(&from_logind(vec![logind("3", 3, 1000)]), NOW);
    assert_eq!(moves(&changes), ["+3#1"]);
    let mut locked = logind("3", 3, 1000);
    locked.state = Some(SessionState::Locked);
    let changes = tracker.observe(&from_logind(vec![locked.clone()]), NOW);
    assert_eq!(moves(&changes), ["~3#1 [State]"]);
    assert_eq!(tracker.observe(&from_logind(vec![locked]), NOW), []);
    let changes = tracker.observe(&from_logind(vec![]), NOW);
    assert_eq!(moves(&changes), ["-3#1 Ended"]);
}

#[test]
fn a_number_that_is_used_again_is_another_session() {
    let mut tracker = Tracker::new(10);
    let mut first = logind("c1", 0, 1000);
    first.audit = None;
    tracker.observe(&from_logind(vec![first.clone()]), NOW);
    let mut second = first.clone();
    second.since = Some(Timestamp::from_ms(99));
    let changes = tracker.observe(&from_logind(vec![second.clone()]), NOW);
    assert_eq!(moves(&changes), ["-c1#1 Ended", "+c1#2"]);
    // The same number and moment of another user.
    second.uid = 1001;
    let changes = tracker.observe(&from_logind(vec![second]), NOW);
    assert_eq!(moves(&changes), ["-c1#2 Ended", "+c1#3"]);
}

#[test]
fn a_number_that_windows_gives_again_is_another_session() {
    let told = |began| Seen {
        logind: Some("5".to_owned()),
        audit: Some(5),
        since: Some(Timestamp::from_ms(began)),
        ..Seen::new(Source::Wts, 1000)
    };
    let from_wts = |seen| reading(&[Source::Wts], seen);
    let mut tracker = Tracker::new(10);
    tracker.observe(&from_wts(vec![told(1)]), NOW);
    assert_eq!(tracker.observe(&from_wts(vec![told(1)]), NOW), []);
    let changes = tracker.observe(&from_wts(vec![told(2)]), NOW);
    assert_eq!(moves(&changes), ["-5#1 Ended", "+5#2"]);
    let nobody_answers = reading(&[], vec![]);
    assert_eq!(moves(&tracker.observe(&nobody_answers, NOW)), [""; 0]);
    let changes = tracker.observe(&from_wts(vec![]), NOW);
    assert_eq!(moves(&changes), ["-5#2 Ended"]);
}

#[test]
fn what_several_sources_tell_of_is_one_session_and_says_who_told_what() {
    let mut tracker = Tracker::new(10);
    let changes = tracker.observe(
        &without_logind(vec![utmp(50, 1000, "pts/1"), kernel(5, 1000)], &[50]),
        NOW,
    );
    assert_eq!(moves(&changes), ["+5#1"]);
    let facts = &tracker.sessions().next().unwrap().facts;
    assert_eq!(facts.source, Source::Kernel);
    assert_eq!(facts.state.as_ref().unwrap().by, Source::Kernel);
    let client = facts.client_address.as_ref().unwrap();
    assert_eq!(client.value.to_string(), "192.0.2.7");
    assert_eq!(client.by, Source::Utmp);
}

#[test]
fn two_sessions_of_one_user_stay_two() {
    let mut tracker = Tracker::new(10);
    let both = vec![kernel(5, 1000), kernel(6, 1000), utmp(60, 1000, "pts/1")];
    let changes = tracker.observe(&without_logind(both, &[50, 60]), NOW);
    assert_eq!(moves(&changes), ["+5#1", "+6#2"]);
    let hosts: Vec<bool> = tracker
        .sessions()
        .map(|session| session.facts.client_address.is_some())
        .collect();
    assert_eq!(hosts, [false, true]);
}

#[test]
fn a_session_survives_the_loss_and_the_return_of_a_source() {
    let mut tracker = Tracker::new(10);
    let mut locked = logind("5", 5, 1000);
    locked.state = Some(SessionState::Locked);
    // One that the kernel has no number for, and one that ends while logind is away.
    let mut plain = logind("c2", 7, 1001);
    plain.audit = None;
    let all = vec![locked.clone(), plain.clone(), logind("9", 9, 1002)];
    tracker.observe(&from_logind(all), NOW);
    let fallen = without_logind(vec![kernel(5, 1000)], &[50, 70]);
    let changes = tracker.observe(&fallen, NOW);
    assert!(matches!(
        changes[0],
        Change::Source {
            from: Source::Logind,
            to: Source::Kernel,
            ..
        }
    ));
    assert_eq!(moves(&changes), ["-9#3 Ended"]);
    let first = tracker.sessions().next().unwrap();
    let state = first.facts.state.as_ref().unwrap();
    assert_eq!(
        (state.value, state.by),
        (SessionState::Locked, Source::Logind)
    );
    assert_eq!(first.facts.source, Source::Kernel);
    let changes = tracker.observe(&from_logind(vec![locked, plain]), NOW);
    assert_eq!(moves(&changes), [""; 0]);
    // Nobody at all answers: nothing is known to have ended.
    let changes = tracker.observe(&Reading::default(), NOW);
    assert_eq!(moves(&changes), [""; 0]);
    assert_eq!(tracker.sessions().count(), 2);
}

#[test]
fn a_session_without_a_kernels_number_ends_with_its_first_process() {
    let mut tracker = Tracker::new(10);
    let mut plain = logind("c2", 7, 1001);
    plain.audit = None;
    tracker.observe(&from_logind(vec![plain]), NOW);
    assert_eq!(
        moves(&tracker.observe(&without_logind(vec![], &[70]), NOW)),
        [""; 0]
    );
    let changes = tracker.observe(&without_logind(vec![], &[7, 71]), NOW);
    assert_eq!(moves(&changes), ["-c2#1 Ended"]);
}

#[test]
fn logind_has_the_last_word_on_what_a_session_is() {
    let mut tracker = Tracker::new(10);
    tracker.observe(&without_logind(vec![kernel(5, 0)], &[50]), NOW);
    let changes = tracker.observe(&from_logind(vec![]), NOW);
    assert_eq!(moves(&changes), ["-5#1 NotCounted"]);
}

#[test]
fn more_sessions_than_the_bound_are_told_once_and_the_known_ones_stay() {
    let mut tracker = Tracker::new(2);
    let some = |range: std::ops::Range<u32>| {
        from_logind(range.map(|n| logind(&n.to_string(), n, n)).collect())
    };
    tracker.observe(&some(3..5), NOW);
    let changes = tracker.observe(&some(1..6), NOW);
    assert_eq!(changes, [Change::Untracked(3)]);
    assert_eq!(tracker.observe(&some(2..6), NOW), []);
    let changes = tracker.observe(&some(2..4), NOW);
    assert_eq!(moves(&changes), ["-4#2 Ended", "+2#3"]);
    assert_eq!(changes.last(), Some(&Change::Untracked(0)));
    let cut = Reading {
        cut: 1,
        ..some(2..4)
    };
    assert_eq!(tracker.observe(&cut, NOW), [Change::Untracked(1)]);
}

#[test]
fn idle_is_a_change_when_it_begins_and_ends() {
    let mut tracker = Tracker::new(2);
    let mut expect = |idle, moved: &[&str]| {
        let seen = Seen {
            idle: Some(idle),
            ..logind("1", 1, 1)
        };
        assert_eq!(
            moves(&tracker.observe(&from_logind(vec![seen]), NOW)),
            moved
        );
    };
    expect(Idle::InUse, &["+1#1"]);
    expect(Idle::Since(NOW), &["~1#1 [Idle]"]);
    expect(Idle::Since(Timestamp::from_ms(2)), &[]);
    expect(Idle::InUse, &["~1#1 [Idle]"]);
}

#[test]
fn a_user_who_toggles_a_session_does_not_fill_the_record() {
    let mut tracker = Tracker::new(2);
    let mut told = 0;
    let look = |tracker: &mut Tracker, idle, now| {
        let seen = Seen {
            idle: Some(idle),
            ..logind("1", 1, 1)
        };
        tracker.observe(&from_logind(vec![seen]), now).len()
    };
    for _ in 0..500 {
        told += look(&mut tracker, Idle::Since(NOW), NOW);
        told += look(&mut tracker, Idle::InUse, NOW);
    }
    assert_eq!(told, 12, "its source, that it opened, and ten changes");
    assert!(tracker.holds_back());
    assert_eq!(
        look(
            &mut tracker,
            Idle::InUse,
            NOW.after(std::time::Duration::from_secs(60))
        ),
        1
    );
    assert!(!tracker.holds_back());
}

#[test]
fn what_a_remote_user_chose_is_cut_and_cleaned() {
    let mut tracker = Tracker::new(2);
    let mut seen = logind("1", 1, 1);
    seen.kind = Some(SessionKind::Console);
    seen.client_name = Some(format!("a\u{1b}[2J\n{}", "b".repeat(1_000)));
    seen.seat = Some("\u{7}".to_owned());
    tracker.observe(&from_logind(vec![seen]), NOW);
    let facts = &tracker.sessions().next().unwrap().facts;
    let host = &facts.client_name.as_ref().unwrap().value;
    assert!(host.starts_with("a[2Jb") && host.len() == 255, "{host}");
    assert_eq!(facts.seat, None);
}

#[test]
fn a_restart_of_the_program_keeps_sessions_and_one_of_the_machine_closes_them() {
    let mut tracker = Tracker::new(10);
    tracker.observe(&from_logind(vec![logind("3", 3, 1000)]), NOW);
    let saved = tracker.save("boot-1");
    let (mut same, changes) = Tracker::restore(10, saved.clone(), "boot-1");
    assert_eq!(changes, []);
    let changes = same.observe(&from_logind(vec![logind("3", 3, 1000)]), NOW);
    assert_eq!(moves(&changes), [""; 0]);
    for boot in ["boot-2", ""] {
        let (mut other, changes) = Tracker::restore(10, saved.clone(), boot);
        assert_eq!(moves(&changes), ["-3#1 Restarted"]);
        let changes = other.observe(&from_logind(vec![logind("3", 3, 1000)]), NOW);
        assert_eq!(moves(&changes), ["+3#2"]);
    }
    let (_, changes) = Tracker::restore(10, tracker.save(""), "");
    assert_eq!(moves(&changes), ["-3#1 Restarted"]);
}

/// A login as it really is, and which sources can see it.
#[derive(Clone, Debug)]
struct Login {
    number: u32,
    uid: u32,
    has_audit: bool,
    in_utmp: bool,
}

impl Login {
    fn to_logind(&self) -> Seen {
        let mut seen = logind(&self.number.to_string(), self.number, self.uid);
        seen.audit = self.has_audit.then_some(self.number);
        seen
    }

    fn to_fallback(&self) -> Vec<Seen> {
        let kernel = self.has_audit.then(|| kernel(self.number, self.uid));
        let terminal = format!("pts/{}", self.number);
        let utmp = self
            .in_utmp
            .then(|| utmp(self.number * 10, self.uid, &terminal));
        utmp.into_iter().chain(kernel).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Login {
        uid: u32,
        has_audit: bool,
        in_utmp: bool,
    },
    Logout(prop::sample::Index),
    LogindAnswers(bool),
    NobodyAnswers,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1000u32..1003, any::<bool>(), any::<bool>())
            .prop_map(|(uid, has_audit, in_utmp)| Step::Login { uid, has_audit, in_utmp }),
        3 => any::<prop::sample::Index>().prop_map(Step::Logout),
        2 => any::<bool>().prop_map(Step::LogindAnswers),
        1 => Just(Step::NobodyAnswers),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 0..60)
}

fn look(logins: &[Login], logind_answers: bool) -> Reading {
    if logind_answers {
        return from_logind(logins.iter().map(Login::to_logind).collect());
    }
    let mut running: Vec<u32> = logins.iter().map(|login| login.number * 10).collect();
    running.sort_unstable();
    let seen = logins.iter().flat_map(Login::to_fallback).collect();
    without_logind(seen, &running)
}

/// What several sources tell of the same logins, in any order. Each tells another client.
fn told_in_any_order() -> impl Strategy<Value = (Vec<Login>, Vec<Seen>)> {
    let login = (1000u32..1003, any::<bool>(), any::<bool>());
    prop::collection::vec(login, 0..8).prop_flat_map(|logins| {
        let logins = (1_u32..).zip(logins);
        let login = |(number, (uid, has_audit, in_utmp))| Login {
            number,
            uid,
            has_audit,
            in_utmp,
        };
        let logins: Vec<Login> = logins.map(login).collect();
        let told = logins.iter().flat_map(|login| {
            let named = |seen: Seen| {
                let client = seen.source.to_string();
                seen.used_from(&client)
            };
            login
                .to_fallback()
                .into_iter()
                .chain([login.to_logind()])
                .map(named)
        });
        let told = Just(told.collect::<Vec<Seen>>()).prop_shuffle();
        (Just(logins), told)
    })
}

proptest! {
    /// A login is one session, however many sources tell of it and in whatever order; of each
    /// fact the best source's word counts, and the others' fill what it left open.
    #[test]
    fn what_is_merged_is_the_best_of_all_in_any_order((logins, told) in told_in_any_order()) {
        let all = [Source::Logind, Source::Kernel, Source::Utmp];
        let mut tracker = Tracker::new(100);
        tracker.observe(&reading(&all, told), NOW);
        prop_assert_eq!(tracker.sessions().count(), logins.len());
        for login in &logins {
            let number = login.number.to_string();
            let mut sessions = tracker.sessions();
            let session = sessions.find(|open| open.facts.logind.as_ref() == Some(&number));
            let facts = &session.unwrap().facts;
            prop_assert_eq!((facts.source, facts.uid), (Source::Logind, login.uid));
            prop_assert_eq!(facts.audit, login.has_audit.then_some(login.number));
            let client = facts.client_name.as_ref().unwrap();
            prop_assert_eq!((client.value.as_str(), client.by), ("logind", Source::Logind));
            let address = facts.client_address.as_ref().map(|told| told.by);
            prop_assert_eq!(address, login.in_utmp.then_some(Source::Utmp));
            let terminal = facts.terminal.as_ref().map(|told| told.by);
            prop_assert_eq!(terminal, login.in_utmp.then_some(Source::Utmp));
        }
    }

    /// Whatever the sources do, a login is opened once and closed once; none that some
    /// source has seen is lost while it lasts, and none stays that has ended.
    #[test]
    fn opened_and_closed_balance_and_no_session_is_lost(steps in steps()) {
        let mut tracker = Tracker::new(100);
        let mut logins: Vec<Login> = Vec::new();
        let mut known: BTreeSet<u32> = BTreeSet::new();
        let (mut next, mut logind_answers) = (1, true);
        let mut opened: BTreeMap<String, u32> = BTreeMap::new();
        let mut closed: BTreeSet<String> = BTreeSet::new();
        for step in steps {
            let mut reading = None;
            match step {
                Step::Login { uid, has_audit, in_utmp } => {
                    logins.push(Login { number: next, uid, has_audit, in_utmp });
                    next += 1;
                }
                Step::Logout(index) if !logins.is_empty() => {
                    logins.remove(index.index(logins.len()));
                }
                Step::Logout(_) => {}
                Step::LogindAnswers(answers) => logind_answers = answers,
                Step::NobodyAnswers => reading = Some(Reading::default()),
                Step::Restart => {
                    let saved = tracker.save("boot");
                    let (again, changes) = Tracker::restore(100, saved, "boot");
                    prop_assert_eq!(changes, vec![]);
                    tracker = again;
                }
            }
            let somebody_answers = reading.is_none();
            let reading = reading.unwrap_or_else(|| look(&logins, logind_answers));
            for change in tracker.observe(&reading, NOW) {
                match change {
                    Change::Opened(session) => {
                        let again = opened.insert(session.id.to_string(), session.facts.uid);
                        prop_assert_eq!(again, None, "{} opened twice", session.id);
                    }
                    Change::Closed { session, .. } => {
                        prop_assert!(opened.contains_key(&session.id.to_string()));
                        prop_assert!(closed.insert(session.id.to_string()), "closed twice");
                    }
                    _ => {}
                }
            }
            if somebody_answers {
                let seen = logins
                    .iter()
                    .filter(|login| logind_answers || login.has_audit || login.in_utmp);
                known.extend(seen.map(|login| login.number));
                let expected = logins.iter().filter(|login| known.contains(&login.number));
                prop_assert_eq!(tracker.sessions().count(), expected.count());
            }
            prop_assert_eq!(opened.len() - closed.len(), tracker.sessions().count());
        }
    }

    /// Readings that make no sense open and close nothing twice, and keep the bound.
    #[test]
    fn any_reading_keeps_the_books_balanced(
        readings in prop::collection::vec(arbitrary_reading(), 0..12),
    ) {
        let mut tracker = Tracker::new(5);
        let mut open = BTreeSet::new();
        for reading in readings {
            for change in tracker.observe(&reading, NOW) {
                match change {
                    Change::Opened(session) => prop_assert!(open.insert(session.id)),
                    Change::Closed { session, .. } => prop_assert!(open.remove(&session.id)),
                    Change::Changed { session, .. } => prop_assert!(open.contains(&session.id)),
                    _ => {}
                }
            }
            let listed: BTreeSet<_> = tracker.sessions().map(|one| one.id.clone()).collect();
            prop_assert_eq!(&listed, &open);
            prop_assert!(open.len() <= 5);
        }
    }
}

fn arbitrary_reading() -> impl Strategy<Value = Reading> {
    let source = prop_oneof![
        Just(Source::Logind),
        Just(Source::Wts),
        Just(Source::Kernel),
        Just(Source::Utmp)
    ];
    let seen = (
        source.clone(),
        prop::option::of("[a-c]?"),
        prop::option::of(0u32..4),
        prop::option::of(0u32..4),
        0u32..2,
        prop::option::of("[ab\u{1}]?"),
    )
        .prop_map(|(source, logind, audit, leader, uid, terminal)| Seen {
            logind,
            audit,
            leader,
            terminal,
            ..Seen::new(source, uid)
        });
    (
        prop::collection::btree_set(source, 0..3),
        prop::collection::vec(seen, 0..9),
        prop::option::of(prop::collection::vec(0u32..4, 0..4)),
    )
        .prop_map(|(consulted, seen, mut running)| {
            if let Some(running) = &mut running {
                running.sort_unstable();
            }
            Reading {
                consulted,
                seen,
                running,
                ..Reading::default()
            }
        })
}
