//! Policies and calls for properties: few names, so that grants and calls meet often.

use std::{collections::BTreeMap, num::NonZeroU16, time::Duration};

use proptest::prelude::*;

use super::{
    super::{
        super::{
            Call, Control, ControlVerb, ControlledOf, Controls, Fields, FileRoot, Form, Found,
            Grant, Item, Link, Linked, Look, Messages, Of, PowerVerb, Powers, Presence, Program,
            Recipient, Redaction, Requests, Risk, Run, RunAs, Scope, Seen, Sensitive, Shape, Wakes,
            Whose,
        },
        Capability, Effect, GrantSource, Policy, Timestamp,
    },
    ByteCount,
};
use crate::http::{Method, Network};

pub(super) fn base() -> Policy {
    let text = include_str!("../../../../fixtures/policy.toml");
    Policy::parse("p.toml", text).unwrap()
}

pub(super) fn with(grants: Vec<Grant>) -> Policy {
    Policy { grants, ..base() }
}

/// Few names, so that grants and calls meet often.
fn path() -> impl Strategy<Value = String> {
    "(/[ab]{1,2}){1,6}"
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

fn fields(of: Capability) -> impl Strategy<Value = Fields> {
    // No capability has more of them.
    prop::array::uniform3(redaction()).prop_map(move |redactions| {
        let given = Sensitive::of(of).iter().zip(redactions);
        given.fold(Fields::NONE, |all, (field, redaction)| {
            all.given(*field, redaction)
        })
    })
}

fn redaction() -> impl Strategy<Value = Redaction> {
    let cut = (1..3_u16).prop_map(|most| NonZeroU16::new(most).map(Redaction::Truncated));
    prop_oneof![
        3 => Just(Redaction::Dropped),
        1 => Just(Redaction::Hashed),
        2 => cut.prop_map(Option::unwrap_or_default),
        3 => Just(Redaction::Whole),
    ]
}

fn seen(of: Capability) -> impl Strategy<Value = Scope> {
    let whose = prop_oneof![Just(Whose::OwnSession), Just(Whose::All)];
    (whose, fields(of)).prop_map(|(whose, fields)| Scope::Seen(Seen { whose, fields }))
}

/// An argument, as a grant or a call names it.
pub(super) fn word() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("ab")].prop_map(str::to_owned)
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        3 => word().prop_map(Form::Literal),
        2 => prop::collection::vec(word(), 1..3).prop_map(Form::OneOf),
        2 => prop_oneof![
            Just("[ab]{1,2}"), Just("a[ab]"), Just("[a-b]{1,3}"), Just("a{0,2}"), Just("[a]")
        ]
        .prop_map(|text| Form::Matches(text.parse().unwrap())),
    ]
}

pub(super) fn shape() -> impl Strategy<Value = Shape> {
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

/// Of an address; that with an odd one first is a group's.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(2_u8), 4 => Just(4), 1 => Just(3)]
}

fn wakes() -> impl Strategy<Value = Scope> {
    let begin = prop_oneof![
        3 => prop::collection::vec(byte(), 0..3),
        1 => prop::collection::vec(byte(), 6),
    ];
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

fn controls() -> impl Strategy<Value = Scope> {
    let executable = "(/[ab*]){0,2}/([ab]{1,2}|[ab]\\*|\\*|\\*\\*)"
        .prop_filter_map("no pattern", |text| text.parse().ok());
    let verbs = prop::sample::subsequence(ControlVerb::ALL.to_vec(), 1..3);
    let whose = prop::sample::select(ControlledOf::ALL.to_vec());
    (
        verbs,
        prop::collection::vec(executable, 1..3),
        whose,
        1_u16..4,
    )
        .prop_map(|(verbs, executables, whose, per_minute)| {
            Scope::Controls(Controls {
                verbs,
                executables,
                whose,
                per_minute,
            })
        })
}

fn origin() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("https://a"), Just("http://a"), Just("https://b")]
}

fn network() -> impl Strategy<Value = Network> {
    prop_oneof![
        Just("10.0.0.0/8"),
        Just("10.1.0.0/16"),
        Just("169.254.0.0/16"),
        Just("169.254.169.254/32"),
    ]
    .prop_map(|text| text.parse().unwrap())
}

fn requests() -> impl Strategy<Value = Scope> {
    let origins = prop::collection::vec(origin().prop_map(|text| text.parse().unwrap()), 1..3);
    let methods = prop::sample::subsequence(vec![Method::Get, Method::Post], 1..3);
    let prefix = prop_oneof![Just("/"), Just("/a"), Just("/a/"), Just("/A"), Just("/a/b")]
        .prop_map(|text| text.parse().unwrap());
    let prefixes = prop::collection::vec(prefix, 1..3);
    let networks = prop::collection::vec(network(), 0..3);
    (origins, methods, prefixes, networks, 1_u16..4).prop_map(
        |(origins, methods, paths, networks, per_minute)| {
            Scope::Requests(Requests {
                origins,
                methods,
                paths,
                networks,
                per_minute,
            })
        },
    )
}

fn request() -> impl Strategy<Value = Call> {
    let method = prop_oneof![Just(Method::Get), Just(Method::Post), Just(Method::Put)];
    let path = prop_oneof![
        Just("/"),
        Just("/a"),
        Just("/a/"),
        Just("/A/b"),
        Just("/a/b;c"),
        Just("/a/%62/c"),
        Just("/ab"),
    ];
    let address = prop_oneof![
        Just(None),
        Just(Some("1.1.1.1")),
        Just(Some("10.1.2.3")),
        Just(Some("10.2.2.3")),
        Just(Some("169.254.169.254")),
        Just(Some("169.254.1.1")),
    ];
    (method, origin(), path, address).prop_map(|(method, origin, path, address)| Call::Request {
        method,
        target: format!("{origin}{path}").parse().unwrap(),
        address: address.map(|address| address.parse().unwrap()),
    })
}

fn scope(of: Capability) -> BoxedStrategy<Scope> {
    let parts = match of {
        Capability::Files | Capability::Watch => roots().boxed(),
        Capability::Processes => seen(Capability::Processes).boxed(),
        Capability::Sessions => seen(Capability::Sessions).boxed(),
        Capability::Exec => prop::collection::vec(program(), 1..3)
            .prop_map(Scope::Programs)
            .boxed(),
        Capability::Wake => wakes().boxed(),
        Capability::ProcessControl => controls().boxed(),
        Capability::Message => messages().boxed(),
        Capability::Power => powers().boxed(),
        Capability::Http => requests().boxed(),
        Capability::Log | Capability::Clock | Capability::State | Capability::Config => {
            Just(Scope::Whole).boxed()
        }
        Capability::System | Capability::Network => {
            let whole = Just(Scope::Whole);
            let parts = fields(of).prop_map(|fields| {
                let whose = Whose::All;
                Scope::Seen(Seen { whose, fields })
            });
            prop_oneof![1 => whole, 3 => parts].boxed()
        }
    };
    prop_oneof![12 => parts, 1 => Just(Scope::Whole)].boxed()
}

pub(super) fn grant(capability: Capability) -> impl Strategy<Value = Grant> {
    let effect = prop_oneof![3 => Just(Effect::Allow), 1 => Just(Effect::Deny)];
    let expires = prop_oneof![2 => Just(None), 1 => Just(Some(10)), 1 => Just(Some(20))];
    (scope(capability), effect, expires).prop_filter_map(
        "nothing that a policy can say",
        move |(scope, effect, expires)| {
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
    Twisted,
}

/// As near to `scope` as something wider can be.
fn twist(scope: &mut Scope) {
    match scope {
        Scope::Whole => {}
        Scope::Files(roots) => {
            for pattern in roots.iter_mut().flat_map(|root| &mut root.patterns) {
                let text = pattern.to_string();
                if !text.ends_with("**") && text.ends_with('*') {
                    let above = text.rfind('/').map_or("", |slash| &text[..=slash]);
                    *pattern = format!("{above}**").parse().unwrap();
                }
            }
        }
        Scope::Seen(seen) => seen.whose = Whose::All,
        Scope::Programs(programs) => {
            let shapes = programs
                .iter_mut()
                .flat_map(|program| &mut program.arguments);
            shapes
                .flat_map(|shape| &mut shape.0)
                .for_each(|item| item.at_most += 1);
        }
        Scope::Wakes(wakes) => wakes.macs.iter_mut().for_each(|begin| {
            begin.pop();
        }),
        Scope::Controls(controls) => controls.whose = ControlledOf::AnyUserAndRoot,
        Scope::Messages(messages) => messages.users.push(Recipient::AnyButRoot),
        Scope::Powers(powers) => powers.when_users = Presence::Present,
        Scope::Requests(requests) => requests.networks = vec!["10.0.0.0/8".parse().unwrap()],
    }
}

/// Two policies that have much in common.
fn policies(of: Capability) -> impl Strategy<Value = (Policy, Policy)> {
    let fate = prop_oneof![
        4 => Just(Fate::Stays),
        2 => Just(Fate::Goes),
        2 => Just(Fate::OnlyNew),
        1 => prop_oneof![Just(5_u64), Just(15)].prop_map(Fate::ExpiresAt),
        2 => Just(Fate::Twisted),
    ];
    prop::collection::vec((grant(of), fate), 1..5).prop_map(|grants| {
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
                Fate::Twisted => twist(&mut after.scope),
            }
            old.push(grant);
            new.push(after);
        }
        (with(old), with(new))
    })
}

fn call(of: Capability) -> BoxedStrategy<Call> {
    let linked = prop_oneof![Just(Linked::ByItsOwner), Just(Linked::ByOthers)];
    let link = prop::option::of((path(), linked).prop_map(|(to, made)| Link { to, made }));
    let session = prop_oneof![Just(Of::OwnSession), Just(Of::OtherSession)];
    match of {
        Capability::Watch => path().prop_map(|path| Call::Watch { path }).boxed(),
        Capability::Files => (path(), link)
            .prop_map(|(path, link)| Call::File { path, link })
            .boxed(),
        Capability::Processes => (
            prop_oneof![2 => session, 1 => Just(Of::System)],
            fields(Capability::Processes),
        )
            .prop_map(|(at, fields)| Call::Processes(Look { at, fields }))
            .boxed(),
        Capability::Sessions => (session, fields(Capability::Sessions))
            .prop_map(|(at, fields)| Call::Sessions(Look { at, fields }))
            .boxed(),
        Capability::Exec => run().boxed(),
        Capability::ProcessControl => control().boxed(),
        Capability::Message => user().prop_map(|user| Call::Message { user }).boxed(),
        Capability::Power => power().boxed(),
        Capability::Http => request().boxed(),
        Capability::Wake => (
            prop::array::uniform6(byte()),
            prop_oneof![Just("l0"), Just("l1"), Just("l2")],
            any::<bool>(),
        )
            .prop_map(|(mac, link, is_virtual)| Call::Wake {
                mac,
                link: link.to_owned(),
                is_virtual,
            })
            .boxed(),
        Capability::Log | Capability::Clock | Capability::State | Capability::Config => {
            Just(Call::Whole(of)).boxed()
        }
        Capability::System | Capability::Network => prop_oneof![
            Just(Call::Whole(of)),
            fields(of).prop_map(move |fields| Call::Facts { of, fields }),
        ]
        .boxed(),
    }
}

fn user() -> impl Strategy<Value = String> {
    prop_oneof![Just("ann"), Just("bob"), Just("root"), Just("eve")].prop_map(str::to_owned)
}

fn messages() -> impl Strategy<Value = Scope> {
    let recipient = prop_oneof![
        1 => Just(Recipient::AnyButRoot),
        2 => user().prop_map(Recipient::Named),
    ];
    let from = prop_oneof![4 => Just("IT"), 1 => Just("Desk")];
    (prop::collection::vec(recipient, 1..3), from, 1_u16..4).prop_map(
        |(users, from, per_minute)| {
            Scope::Messages(Messages {
                users,
                from: from.to_owned(),
                per_minute,
            })
        },
    )
}

fn powers() -> impl Strategy<Value = Scope> {
    let verbs = prop::sample::subsequence(PowerVerb::ALL.to_vec(), 1..4);
    let users = prop::sample::select(Presence::ALL.to_vec());
    (verbs, users, 1_u64..3, 1_u64..3).prop_map(|(verbs, when_users, warn, pause)| {
        Scope::Powers(Powers {
            verbs,
            when_users,
            warn_for: Duration::from_secs(warn),
            pause: Duration::from_secs(pause),
        })
    })
}

fn power() -> impl Strategy<Value = Call> {
    let verb = prop::sample::select(PowerVerb::ALL.to_vec());
    let users = prop::sample::select(Presence::ALL.to_vec());
    (verb, users).prop_map(|(verb, users)| Call::Power { verb, users })
}

fn control() -> impl Strategy<Value = Call> {
    let verb = prop::sample::select(ControlVerb::ALL.to_vec());
    let found = prop::sample::select(Found::ALL.to_vec());
    (verb, path(), found).prop_map(|(verb, executable, found)| {
        Call::Control(Control {
            verb,
            executable,
            found,
        })
    })
}

fn run() -> impl Strategy<Value = Call> {
    let arguments = prop_oneof![
        prop::collection::vec(word(), 0..4),
        (word(), 1_usize..5).prop_map(|(word, count)| vec![word; count]),
    ];
    (
        prop_oneof![Just("/x"), Just("/y")],
        arguments,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(program, arguments, session, variable)| {
            Call::Run(Run {
                program: program.to_owned(),
                arguments,
                environment: variable.then(|| "V".to_owned()).into_iter().collect(),
                input: ByteCount::new(0),
                session,
            })
        })
}

/// Two policies and calls, all of one capability: they decide about nothing else.
pub(super) fn policies_and_calls() -> impl Strategy<Value = ((Policy, Policy), Vec<Call>)> {
    capability().prop_flat_map(|of| (policies(of), prop::collection::vec(call(of), 40)))
}

/// Those with parts more often.
pub(super) fn capability() -> impl Strategy<Value = Capability> {
    let with_parts = Capability::ALL.into_iter().filter(|it| it.has_parts());
    prop_oneof![
        4 => prop::sample::select(with_parts.collect::<Vec<_>>()),
        1 => prop::sample::select(Capability::ALL.to_vec()),
    ]
}
