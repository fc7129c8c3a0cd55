//! The comparison against the matchers, for policies and calls of every capability.

use std::{collections::BTreeMap, time::Duration};

use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};

use super::{
    super::{
        Call, Fields, FileRoot, Form, Grant, Item, Link, Linked, Look, Of, Program, Risk, Run,
        RunAs, Scope, Seen, Sensitive, Shape, Wakes, Whose,
    },
    *,
};
use crate::bytes::ByteCount;

fn base() -> Policy {
    let text = include_str!("../../../fixtures/policy.toml");
    Policy::parse("p.toml", text).unwrap()
}

fn with(grants: Vec<Grant>) -> Policy {
    Policy { grants, ..base() }
}

/// Few names, so that grants and calls meet often.
fn path() -> impl Strategy<Value = String> {
    "(/[ab]{1,2}){1,3}"
}

fn roots() -> impl Strategy<Value = Scope> {
    let pattern = "([ab*]{1,2}/){0,2}([ab]{1,2}|[ab]\\*|\\*[ab]|\\*|\\*\\*)"
        .prop_filter_map("no pattern", |text| text.parse().ok());
    let root = prop_oneof![
        Just("/".to_owned()),
        Just("/a".to_owned()),
        Just("/a/b".to_owned()),
        Just("/b".to_owned()),
    ];
    let root = (root, prop::collection::vec(pattern, 1..3))
        .prop_map(|(root, patterns)| FileRoot { root, patterns });
    prop::collection::vec(root, 1..3).prop_map(Scope::Files)
}

fn fields(of: [Sensitive; 2]) -> impl Strategy<Value = Fields> {
    (any::<bool>(), any::<bool>()).prop_map(move |has| {
        let add = |fields: Fields, (has, field)| match has {
            true => fields.with(field),
            false => fields,
        };
        [(has.0, of[0]), (has.1, of[1])]
            .into_iter()
            .fold(Fields::NONE, add)
    })
}

const OF_PROCESSES: [Sensitive; 2] = [Sensitive::User, Sensitive::CommandLine];
const OF_SESSIONS: [Sensitive; 2] = [Sensitive::User, Sensitive::Place];

fn seen(of: [Sensitive; 2]) -> impl Strategy<Value = Scope> {
    let whose = prop_oneof![Just(Whose::OwnSession), Just(Whose::All)];
    (whose, fields(of)).prop_map(|(whose, fields)| Scope::Seen(Seen { whose, fields }))
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        3 => "[ab]{1,2}".prop_map(Form::Literal),
        2 => prop::collection::vec("[ab]{1,2}", 1..3).prop_map(Form::OneOf),
        2 => prop_oneof![
            Just("[ab]{1,2}"), Just("a[ab]"), Just("[a-b]{1,3}"), Just("a{0,2}"), Just("[a]")
        ]
        .prop_map(|text| Form::Matches(text.parse().unwrap())),
    ]
}

fn shape() -> impl Strategy<Value = Shape> {
    let item = (form(), 1_u8..3).prop_map(|(is, at_most)| Item { is, at_most });
    prop::collection::vec(item, 0..3).prop_map(Shape)
}

fn program() -> impl Strategy<Value = Program> {
    let run_as = prop_oneof![
        4 => Just(RunAs::User("nobody".to_owned())),
        1 => Just(RunAs::User("web".to_owned())),
        1 => Just(RunAs::Session),
        1 => Just(RunAs::Root),
    ];
    (
        prop_oneof![Just("/x"), Just("/y")],
        prop::collection::vec(shape(), 1..3),
        run_as,
        prop_oneof![3 => Just(None), 1 => Just(Some("V"))],
        (1_u64..3, 1_u64..3),
    )
        .prop_map(
            |(path, arguments, run_as, variable, (time, output))| Program {
                path: path.to_owned(),
                sha256: None,
                arguments,
                run_as,
                environment: variable
                    .map(|name| (name.to_owned(), "1".to_owned()))
                    .into_iter()
                    .collect::<BTreeMap<_, _>>(),
                directory: "/".to_owned(),
                time_limit: Duration::from_secs(time),
                output_limit: ByteCount::kib(output),
            },
        )
}

fn wakes() -> impl Strategy<Value = Scope> {
    let begin = prop::collection::vec(prop_oneof![Just(2_u8), Just(3), Just(4)], 0..7);
    let links = prop_oneof![
        2 => Just(Vec::new()),
        1 => Just(vec!["l0".to_owned()]),
        1 => Just(vec!["l0".to_owned(), "l1".to_owned()]),
    ];
    (prop::collection::vec(begin, 1..3), links, 1_u16..4).prop_map(|(macs, links, per_minute)| {
        Scope::Wakes(Wakes {
            macs,
            links,
            per_minute,
        })
    })
}

fn scoped() -> impl Strategy<Value = (Capability, Scope)> {
    let of = |capability| move |scope| (capability, scope);
    let whole = prop::sample::select(Capability::ALL.to_vec())
        .prop_map(|capability| (capability, Scope::Whole));
    prop_oneof![
        4 => whole,
        3 => roots().prop_map(of(Capability::Files)),
        2 => seen(OF_PROCESSES).prop_map(of(Capability::Processes)),
        2 => seen(OF_SESSIONS).prop_map(of(Capability::Sessions)),
        3 => prop::collection::vec(program(), 1..3)
            .prop_map(Scope::Programs)
            .prop_map(of(Capability::Exec)),
        3 => wakes().prop_map(of(Capability::Wake)),
    ]
}

fn grant() -> impl Strategy<Value = Grant> {
    let effect = prop_oneof![3 => Just(Effect::Allow), 1 => Just(Effect::Deny)];
    let expires = prop_oneof![2 => Just(None), 1 => Just(Some(10)), 1 => Just(Some(20))];
    (scoped(), effect, expires).prop_filter_map(
        "nothing that a policy can say",
        |((capability, scope), effect, expires)| {
            let whole = scope == Scope::Whole;
            if whole && effect == Effect::Allow && capability.has_parts() {
                return None;
            }
            let allowed = effect == Effect::Allow;
            Some(Grant {
                capability,
                effect,
                scope,
                reason: "A test.".to_owned(),
                approved_by: "tests".to_owned(),
                expires: expires.filter(|_| allowed).map(Timestamp::from_ms),
                risk: Risk::Low,
                source: GrantSource::Policy { line: 1 },
            })
        },
    )
}

/// How a grant of the old policy is in the new one.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Stays,
    Goes,
    OnlyNew,
    ExpiresAt(u64),
}

/// Two policies that have much in common.
fn policies() -> impl Strategy<Value = (Policy, Policy)> {
    let fate = prop_oneof![
        4 => Just(Fate::Stays),
        2 => Just(Fate::Goes),
        2 => Just(Fate::OnlyNew),
        1 => prop_oneof![Just(5_u64), Just(15)].prop_map(Fate::ExpiresAt),
    ];
    prop::collection::vec((grant(), fate), 1..6).prop_map(|grants| {
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for (grant, fate) in grants {
            let mut after = grant.clone();
            match fate {
                Fate::Stays => {}
                Fate::Goes => {
                    old.push(grant);
                    continue;
                }
                Fate::OnlyNew => {
                    new.push(after);
                    continue;
                }
                Fate::ExpiresAt(at) if after.effect == Effect::Allow => {
                    after.expires = Some(Timestamp::from_ms(at));
                }
                Fate::ExpiresAt(_) => {}
            }
            old.push(grant);
            new.push(after);
        }
        (with(old), with(new))
    })
}

fn call() -> impl Strategy<Value = Call> {
    let linked = prop_oneof![Just(Linked::ByItsOwner), Just(Linked::ByOthers)];
    let link = prop::option::of((path(), linked).prop_map(|(to, made)| Link { to, made }));
    let at = || prop_oneof![Just(Of::OwnSession), Just(Of::OtherSession)];
    let of = prop_oneof![2 => at(), 1 => Just(Of::System)];
    let arguments = prop::collection::vec("[ab]{0,3}", 0..4);
    let run = (
        prop_oneof![Just("/x"), Just("/y")],
        arguments,
        any::<bool>(),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(program, arguments, session, variable)| Run {
            program: program.to_owned(),
            arguments,
            environment: variable.then(|| "V".to_owned()).into_iter().collect(),
            input: ByteCount::new(0),
            session,
        });
    let mac = prop::array::uniform6(prop_oneof![Just(2_u8), Just(3), Just(4)]);
    let link_name = prop_oneof![Just("l0"), Just("l1"), Just("l2")];
    prop_oneof![
        3 => prop::sample::select(Capability::ALL.to_vec())
            .prop_filter("has parts", |capability| !capability.has_parts())
            .prop_map(Call::Whole),
        4 => (path(), link).prop_map(|(path, link)| Call::File { path, link }),
        1 => (of, fields(OF_PROCESSES))
            .prop_map(|(at, fields)| Call::Processes(Look { at, fields })),
        1 => (at(), fields(OF_SESSIONS))
            .prop_map(|(at, fields)| Call::Sessions(Look { at, fields })),
        3 => run.prop_map(Call::Run),
        3 => (mac, link_name, any::<bool>()).prop_map(|(mac, link, is_virtual)| Call::Wake {
            mac,
            link: link.to_owned(),
            is_virtual,
        }),
    ]
}

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
        (old, new) in policies(),
        calls in prop::collection::vec(call(), 40),
    ) {
        if !compare(&old, &new).is_wider() {
            prop_assert_eq!(escapes(&old, &new, &calls), None);
        }
    }

    #[test]
    fn what_is_not_narrower_refuses_no_call_that_was_allowed(
        (old, new) in policies(),
        calls in prop::collection::vec(call(), 40),
    ) {
        let relation = compare(&old, &new).relation();
        if matches!(relation, Relation::Same | Relation::Wider) {
            prop_assert_eq!(escapes(&new, &old, &calls), None);
        }
    }

    #[test]
    fn a_policy_is_the_same_as_itself_and_wider_than_one_without_grants(
        (policy, _) in policies(),
    ) {
        prop_assert_eq!(compare(&policy, &policy).relation(), Relation::Same);
        let none = with(Vec::new());
        prop_assert!(!compare(&policy, &none).is_wider());
    }

    #[test]
    fn taking_a_grant_away_is_never_wider_and_a_denial_never_is(
        (policy, _) in policies(),
        denial in grant(),
        at in 0_usize..6,
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
        let both = (policies(), prop::collection::vec(call(), 40));
        both.new_tree(&mut runner).unwrap().current()
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
