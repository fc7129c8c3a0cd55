//! Storms, what is observed, and what the log has in the end.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bailiwick_core::{
    decision::{AT_ONCE, Answer, DISTINCT, EVERY},
    digest::Sha256,
    policy::{
        Call, Policy,
        learn::{Observed, Peaks, Verdict},
    },
    ports::{self, NoSessions},
};

use super::*;

/// Seconds since the start.
#[derive(Default)]
struct Stopped(AtomicU64);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Relaxed) * 1_000)
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_ns(self.0.load(Relaxed) * 1_000_000_000)
    }

    fn thread_cpu_ns(&self) -> u64 {
        0
    }
}

fn decision(call: &str, answer: Answer) -> Decision {
    let words: Vec<_> = call.split(' ').collect();
    Decision {
        call: Call::from_words(&words).unwrap(),
        answer,
        session: None,
        action: None,
    }
}

fn scene() -> (Arc<Stopped>, Arc<Decisions>, Arc<dyn ports::Decisions>) {
    observed_in(None)
}

fn observed_in(
    observing: Option<Observing>,
) -> (Arc<Stopped>, Arc<Decisions>, Arc<dyn ports::Decisions>) {
    let clock = Arc::new(Stopped::default());
    let decisions = Decisions::new(clock.clone(), Arc::new(NoSessions), observing);
    let text = include_str!("../../../core/fixtures/policy.toml");
    let policy = Arc::new(Policy::parse("p.toml", text).unwrap());
    let of = decisions.of(Author {
        plugin: policy.plugin.clone(),
        version: "0.1.0".to_owned(),
        digest: Sha256::of(text.as_bytes()),
        policy,
    });
    (clock, decisions, of)
}

fn entries(written: &[Written]) -> Vec<(String, u64)> {
    let entry = |written: &Written| match &written.what {
        What::Entry { entry, count } => (entry.call.to_string(), *count),
        What::Unlisted { unlisted, .. } => (String::new(), unlisted.denials),
    };
    written.iter().map(entry).collect()
}

#[test]
fn a_storm_of_denials_is_a_few_entries_and_every_one_is_counted() {
    let (clock, decisions, of) = scene();
    let refuse = |n: u64| of.note(decision(&format!("files /x{n}"), Answer::Refused));
    (0..100_000).for_each(|n| refuse(n % 100));
    let now = decisions.take(false);
    assert_eq!(now.len(), DISTINCT);
    let What::Entry { entry, .. } = &now[0].what else {
        panic!("no entry");
    };
    assert_eq!(&*entry.outcome, "no grant covers it");
    assert!(entry.allowed_by.is_empty());
    assert!(decisions.take(false).is_empty(), "once");
    clock.0.store(EVERY.as_secs(), Relaxed);
    let later = entries(&decisions.take(false));
    assert_eq!(later.len(), DISTINCT + 1);
    let all: u64 = later.iter().map(|(_, count)| count).sum();
    assert_eq!(all + DISTINCT as u64, 100_000);
    clock.0.store(2 * EVERY.as_secs(), Relaxed);
    assert!(decisions.take(false).is_empty());
    assert_eq!(decisions.next(), None, "nobody is woken any more");
    assert!(decisions.lock().ledgers.is_empty());
}

#[test]
fn what_is_observed_is_a_file_that_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Some(Observing::open(folder.path()).unwrap());
    assert!(!scene().2.observes());
    for _ in 0..2 {
        let (_clock, decisions, of) = observed_in(open());
        assert!(of.observes());
        of.read(decision("files /etc/passwd", Answer::Done).call);
        of.note(decision("files /x", Answer::Refused));
        of.used(Peaks {
            calls: 1,
            host_calls: 9,
            ..Peaks::default()
        });
        decisions.observing.as_ref().unwrap().write().unwrap();
    }
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
    let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
    let observed = Observed::parse(&text).unwrap();
    let calls: Vec<_> = observed
        .calls()
        .map(|(call, verdict, count)| (call.to_string(), verdict, count))
        .collect();
    assert_eq!(
        calls,
        [
            ("files /etc/passwd".to_owned(), Verdict::Allowed, 2),
            ("files /x".to_owned(), Verdict::Refused, 2),
        ]
    );
    assert_eq!((observed.peaks.calls, observed.peaks.host_calls), (2, 9));
}

#[test]
fn an_effect_names_the_grant_that_allows_it_and_nothing_is_lost_at_the_end() {
    let (_clock, decisions, of) = scene();
    for _ in 0..AT_ONCE + 3 {
        of.note(decision("files /etc/passwd", Answer::Done));
    }
    let now = decisions.take(false);
    let passwd = |count| ("files /etc/passwd".to_owned(), count);
    assert_eq!(entries(&now), [passwd(u64::from(AT_ONCE))], "a burst");
    let What::Entry { entry, .. } = &now[0].what else {
        panic!("no entry");
    };
    assert!(
        entry.allowed_by[0].contains(" of the policy, approved by "),
        "{entry:?}"
    );
    assert_eq!(entries(&decisions.take(true)), [passwd(3)]);
}

#[test]
fn what_happened_in_between_or_ended_otherwise_is_an_entry_of_its_own() {
    let (_clock, decisions, of) = scene();
    let done = |call| of.note(decision(call, Answer::Done));
    done("files /etc/passwd");
    done("files /etc/group");
    done("files /etc/passwd");
    let failed = Answer::Failed("it is gone".to_owned());
    of.note(decision("files /etc/passwd", failed));
    let each = entries(&decisions.take(false));
    assert_eq!(each.len(), 4);
    assert!(each.iter().all(|(_, count)| *count == 1), "{each:?}");
}
