//! Processes that are ended, suspended or resumed: each verb on each program, of each kind of
//! owner. Programs are represented as files are: see `files`.

use std::collections::BTreeSet;

use super::{
    super::{
        AbsolutePattern, Call, Capability, Control, Controls, Effect, Found, Grant, Matcher,
        Permit, Scope,
    },
    excess::{Excess, Pair, What, add, rates},
};

pub(super) fn beyond(pair: &Pair<'_>) -> Vec<Excess> {
    let mut excess: Vec<Excess> = Vec::new();
    let depths = depths(pair);
    let mut gives = false;
    for (grant, controls) in controls(pair.mine, Effect::Allow) {
        for what in given(pair, grant, controls, &depths, &mut gives) {
            add(&mut excess, what, grant.source);
        }
    }
    if gives {
        excess.extend(not_denied(pair, &depths));
    }
    excess
}

/// How many parts the patterns of either have.
fn depths(pair: &Pair<'_>) -> BTreeSet<usize> {
    [pair.mine, pair.other]
        .into_iter()
        .flat_map(|policy| [Effect::Allow, Effect::Deny].map(|effect| controls(policy, effect)))
        .flatten()
        .flat_map(|(_, controls)| &controls.executables)
        .map(AbsolutePattern::depth)
        .collect()
}

fn controls<'a>(
    of: &'a Matcher<'_>,
    effect: Effect,
) -> impl Iterator<Item = (&'a Grant, &'a Controls)> {
    let grants = of.policy.grants_of(Capability::ProcessControl);
    grants
        .filter(move |grant| grant.effect == effect)
        .filter_map(|grant| match &grant.scope {
            Scope::Controls(controls) => Some((grant, controls)),
            Scope::Whole
            | Scope::Files(_)
            | Scope::Seen(_)
            | Scope::Programs(_)
            | Scope::Wakes(_)
            | Scope::Requests(_)
            | Scope::Messages(_)
            | Scope::Powers(_) => None,
        })
}

fn given(
    pair: &Pair<'_>,
    grant: &Grant,
    controls: &Controls,
    depths: &BTreeSet<usize>,
    gives: &mut bool,
) -> Vec<What> {
    let mut found = Vec::new();
    for pattern in &controls.executables {
        for verb in &controls.verbs {
            for of in Found::ALL {
                let call = |executable| {
                    Call::Control(Control {
                        verb: *verb,
                        executable,
                        found: of,
                    })
                };
                let in_words = || format!("{} {pattern} {}", verb.name(), in_words(of));
                for path in pattern.samples(depths) {
                    let call = call(path);
                    *gives |= pair.given(&call);
                    let held = pair.held(&call, grant.expires);
                    let what = held.beyond(in_words(), grant.expires, |mine, other| {
                        match (mine, other) {
                            (Permit::Control(mine), Permit::Control(other)) => {
                                Some(rates(mine.per_minute, other.per_minute))
                            }
                            _ => None,
                        }
                    });
                    found.extend(what);
                }
            }
        }
    }
    found
}

/// What the other denies and the first does not deny as well.
fn not_denied<'a>(
    pair: &'a Pair<'_>,
    depths: &'a BTreeSet<usize>,
) -> impl Iterator<Item = Excess> + 'a {
    let denies = |executable: &str| {
        controls(pair.mine, Effect::Deny)
            .flat_map(|(_, denied)| &denied.executables)
            .any(|pattern| pattern.matches(executable))
    };
    controls(pair.other, Effect::Deny).flat_map(move |(grant, denied)| {
        denied
            .executables
            .iter()
            .filter(move |pattern| !pattern.samples(depths).iter().all(|path| denies(path)))
            .map(|pattern| Excess {
                what: What::NotDenied(format!("control processes of {pattern}")),
                source: grant.source,
            })
    })
}

fn in_words(found: Found) -> &'static str {
    match found {
        Found::InNamedSession => "of the session that a call names",
        Found::InOtherSession => "of any session",
        Found::Service => "of services that are not root's",
        Found::OfRoot => "of root",
    }
}
