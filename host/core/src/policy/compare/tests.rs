//! The comparison against the matchers, for policies and calls of every capability.

mod generated;

use std::collections::BTreeMap;

use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};

use super::{super::Call, *};
use crate::bytes::ByteCount;

use generated::{base, capability, grant, policies_and_calls, shape, with, word};

/// At each of these something that is generated has just expired, or nothing has.
const MOMENTS: [u64; 6] = [0, 5, 10, 15, 20, u64::MAX];

/// A call that `new` permits, and `old` does not or with less.
fn escapes(old: &Policy, new: &Policy, calls: &[Call]) -> Option<String> {
    let (old, new) = (old.matcher(), new.matcher());
    for call in calls {
        for now in MOMENTS.map(Timestamp::from_ms) {
            let Ok(given) = new.permits(call, now) else {
                continue;
            };
            match old.permits(call, now) {
                Ok(before) if given.is_within(&before) => {}
                answer => return Some(format!("{call} at {now:?}: {given:?}, before {answer:?}")),
            }
        }
    }
    None
}

proptest! {
    #[test]
    fn what_is_not_wider_allows_no_call_that_was_refused(
        ((old, new), calls) in policies_and_calls(),
    ) {
        if !compare(&old, &new).is_wider() {
            prop_assert_eq!(escapes(&old, &new, &calls), None);
        }
    }

    /// A shape, and one that is nearly or quite as wide.
    #[test]
    fn what_fits_a_shape_fits_each_that_it_is_within(
        shape in shape(),
        other in shape(),
        more in -1_i8..2,
        is_other in any::<bool>(),
        lists in prop::collection::vec(prop::collection::vec(word(), 0..5), 40),
    ) {
        let mut twisted = shape.clone();
        for item in &mut twisted.0 {
            item.at_most = item.at_most.saturating_add_signed(more).max(1);
        }
        let other = if is_other { other } else { twisted };
        prop_assert!(shape.is_within(std::slice::from_ref(&shape)));
        if shape.is_within(std::slice::from_ref(&other)) {
            for list in lists.iter().filter(|list| shape.fits(list)) {
                prop_assert!(other.fits(list), "{:?}", list);
            }
        }
    }

    #[test]
    fn what_is_not_narrower_refuses_no_call_that_was_allowed(
        ((old, new), calls) in policies_and_calls(),
    ) {
        let relation = compare(&old, &new).relation();
        if matches!(relation, Relation::Same | Relation::Wider) {
            prop_assert_eq!(escapes(&new, &old, &calls), None);
        }
    }

    #[test]
    fn a_policy_is_the_same_as_itself_and_wider_than_one_without_grants(
        ((policy, _), _) in policies_and_calls(),
    ) {
        prop_assert_eq!(compare(&policy, &policy).relation(), Relation::Same);
        let none = with(Vec::new());
        prop_assert!(!compare(&policy, &none).is_wider());
    }

    #[test]
    fn taking_a_grant_away_is_never_wider_and_a_denial_never_is(
        ((policy, _), _) in policies_and_calls(),
        denial in capability().prop_flat_map(grant),
        at in 0_usize..5,
    ) {
        let mut less = policy.clone();
        if let Some(grant) = less.grants.get(at)
            && grant.effect == Effect::Allow
            // What is left of it can lead further, or be another program's turn.
            && !matches!(grant.capability, Capability::Files | Capability::Exec)
        {
            less.grants.remove(at);
        }
        if denial.effect == Effect::Deny {
            less.grants.push(denial);
        }
        let comparison = compare(&policy, &less);
        prop_assert!(!comparison.is_wider(), "{:?}", comparison);
    }
}

fn from_text(grants: &str) -> Policy {
    let text = include_str!("../../../fixtures/policy.toml");
    let (head, _) = text.split_once("[[grant]]").unwrap();
    let mut all = head.to_owned();
    for grant in grants.split(';') {
        all.push_str(
            "\n[[grant]]\nreason = \"A test.\"\napproved-by = \"tests\"\nrisk = \"low\"\n",
        );
        all.push_str(grant);
    }
    Policy::parse("p.toml", &all).unwrap_or_else(|error| panic!("{error}"))
}

fn told(old: &str, new: &str) -> Vec<String> {
    let comparison = compare(&from_text(old), &from_text(new));
    comparison.changes.iter().map(Change::to_string).collect()
}

#[test]
fn differences_are_told_in_plain_language() {
    let files = |paths: &str| {
        format!(
            "capability = 'files'\neffect = 'allow'\nroots = [{{ root = '/etc', paths = [{paths}] }}]\n"
        )
    };
    let no_shadow = ";capability = 'files'\neffect = 'deny'\n\
                     roots = [{ root = '/etc', paths = ['shadow'] }]\n";
    let passwd = files("'passwd'");
    assert_eq!(
        told(&passwd, &files("'passwd', 'shadow'")),
        ["files: may now also read /etc/shadow"]
    );
    assert_eq!(
        told(&passwd, &files("'*'"))[0],
        "files: may now also read /etc/*"
    );
    assert_eq!(
        told(&files("'*'"), &passwd),
        ["files: may no longer read /etc/*"]
    );
    assert_eq!(
        told(
            &format!("{passwd}expires = 2026-12-31"),
            &format!("{passwd}expires = 2027-12-31")
        ),
        ["files: may read /etc/passwd for longer: until 2027-12-31"]
    );
    assert_eq!(
        told(&format!("{passwd}{no_shadow}"), &passwd),
        ["files: may no longer be kept by a denial to read /etc/shadow"]
    );
    let exec = |rest: &str| {
        format!(
            "capability = 'exec'\neffect = 'allow'\nprograms = [{{ path = '/usr/bin/df', {rest} }}]\n"
        )
    };
    assert_eq!(
        told(
            &exec("arguments = [[]]"),
            &exec("arguments = [[]], run-as = 'root'")
        )[0],
        "exec: may now run /usr/bin/df without arguments as root, before as nobody"
    );
    let pattern = exec("arguments = [[{ matches = '[a-z]{1,4}' }]]");
    let other = exec("arguments = [[{ matches = '[a-z]{1,2}[a-z]{0,1}' }]]");
    assert!(
        told(&pattern, &other)[0].contains("counts as wider"),
        "{:?}",
        told(&pattern, &other)
    );
    let wake = |rate| {
        format!("capability = 'wake'\neffect = 'allow'\nmacs = ['52:54:00']\nper-minute = {rate}\n")
    };
    assert_eq!(
        told(&wake(6), &wake(12)),
        [
            "wake: may now wake each neighbour whose address begins with 52:54:00 on every link \
          that is no virtual one 12 times a minute, before 6 times"
        ]
    );
    let seen = |rest: &str| format!("capability = 'processes'\neffect = 'allow'\n{rest}\n");
    assert_eq!(
        told(
            &seen("of = 'own-session'"),
            &seen("of = 'own-session'\nfields = ['user']")
        ),
        ["processes: may now also see `user` of processes of its own session"]
    );
    let hashed = seen("of = 'own-session'\nredact = { user = 'hash' }");
    let cut = seen("of = 'own-session'\nredact = { user = { truncate = 3 } }");
    let whole = seen("of = 'own-session'\nfields = ['user']");
    let of = "of processes of its own session";
    assert_eq!(
        told(&seen("of = 'own-session'"), &hashed),
        [format!("processes: may now also see `user` {of}, hashed")]
    );
    assert_eq!(
        told(&hashed, &cut),
        [format!(
            "processes: may now also see `user` {of}, cut to 3 characters"
        )]
    );
    assert_eq!(
        told(&hashed, &whole),
        [format!("processes: may now also see `user` {of}")]
    );
    assert_eq!(
        told(&whole, &hashed),
        [format!("processes: may no longer see `user` {of}")]
    );
    assert_eq!(told(&hashed, &hashed), [""; 0]);
    let network = |rest: &str| format!("capability = 'network'\neffect = 'allow'\n{rest}\n");
    let (whole, cut) = (network(""), network("redact.mac = { truncate = 8 }"));
    assert_eq!(
        told(&whole, &cut),
        ["network: may no longer see `mac` of the network"]
    );
    assert_eq!(
        told(&cut, &whole),
        ["network: may now also see `mac` of the network"]
    );
    let denied = format!("{whole};capability = 'network'\neffect = 'deny'\nfields = ['mac']\n");
    assert_eq!(
        told(&cut, &denied),
        ["network: may no longer see `mac` of the network, cut to 8 characters"]
    );
}

/// Patterns of one and two parts are not all that `**` covers, nor is what a denial of two
/// parts leaves of it.
#[test]
fn what_lies_deeper_than_any_pattern_is_compared_too() {
    let files = |paths: &str| {
        format!(
            "capability = 'files'\neffect = 'allow'\n\
             roots = [{{ root = '/etc', paths = [{paths}] }}]\n"
        )
    };
    assert_eq!(
        told(&files("'*', '*/*'"), &files("'**'"))[0],
        "files: may now also read /etc/**"
    );
    let control = |effect: &str, program: &str| {
        let rest = match effect {
            "allow" => "verbs = ['end']\nwhose = 'any-user'\nper-minute = 6\n",
            _ => "",
        };
        format!(
            "capability = 'process-control'\neffect = '{effect}'\n{rest}\
             executables = ['{program}']\n"
        )
    };
    let two = control("deny", "/opt/*/*");
    let one = format!("{};{two}", control("allow", "/opt/*"));
    let all = format!("{};{two}", control("allow", "/opt/**"));
    assert!(
        told(&one, &all)
            .iter()
            .any(|told| told.starts_with("process-control: may now also end /opt/** ")),
        "{:?}",
        told(&one, &all)
    );
}

#[test]
fn limits_and_whom_the_policy_is_for_are_compared() {
    let old = base();
    let mut new = old.clone();
    new.limits.memory = ByteCount::mib(32);
    new.limits.cpu.per_mille = 50;
    new.versions = "^0.2".parse().unwrap();
    let comparison = compare(&old, &new);
    let told: Vec<_> = comparison
        .changes
        .iter()
        .map(|change| &change.text)
        .collect();
    assert_eq!(
        told,
        [
            "from ^0.1 to ^0.2",
            "from ^0.1 to ^0.2",
            "from 16 MiB to 32 MiB",
            "from 10.0 % of a core over 1 min to 5.0 % of a core over 1 min"
        ]
    );
    assert_eq!(comparison.relation_of(Subject::Versions), Relation::Both);
    assert_eq!(comparison.relation_of(Subject::Memory), Relation::Wider);
    assert_eq!(comparison.relation_of(Subject::Cpu), Relation::Narrower);
    assert_eq!(comparison.relation_of(Subject::State), Relation::Same);
    assert_eq!(comparison.relation(), Relation::Both);
}

/// Without this the properties could hold because everything counts as wider, or because no
/// call is ever allowed.
#[test]
fn the_properties_are_of_policies_that_are_not_wider_and_of_calls_that_are_allowed() {
    let mut runner = TestRunner::deterministic();
    let mut generate = || {
        policies_and_calls()
            .new_tree(&mut runner)
            .unwrap()
            .current()
    };
    let (mut not_wider, mut escaping, mut needlessly) = (0, 0, 0);
    let mut allowed = BTreeMap::new();
    for _ in 0..600 {
        let ((old, new), calls) = generate();
        let escapes = escapes(&old, &new, &calls).is_some();
        match (compare(&old, &new).is_wider(), escapes) {
            (false, _) => {
                not_wider += 1;
                let matcher = new.matcher();
                for call in &calls {
                    let permitted = matcher.permits(call, Timestamp::EPOCH).is_ok();
                    *allowed.entry(call.capability()).or_insert(0) += u32::from(permitted);
                }
            }
            (true, true) => escaping += 1,
            (true, false) => needlessly += 1,
        }
    }
    println!("{not_wider} not wider, {escaping} wider with a call, {needlessly} without one");
    println!("allowed calls in those that are not wider: {allowed:?}");
    assert!(not_wider > 150 && escaping > 50, "{not_wider} {escaping}");
    for capability in Capability::ALL {
        assert!(
            allowed.get(&capability).is_some_and(|n| *n > 5),
            "{capability}: {allowed:?}"
        );
    }
}
