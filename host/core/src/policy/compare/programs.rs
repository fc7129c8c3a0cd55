//! Programs: each list of arguments that a grant names is held against the other's grants of
//! the same program. Which lists are within which is decided where that can be proven, and
//! counts as wider elsewhere.

use super::{
    super::{Capability, Effect, Grant, Matcher, Program, Scope, Shape},
    excess::{Excess, Pair, What, denied_whole, lasts_as_long},
};

pub(super) fn beyond(pair: &Pair<'_>) -> Vec<Excess> {
    if denied_whole(pair.mine, Capability::Exec) {
        return Vec::new();
    }
    let mut excess = Vec::new();
    for (grant, program) in programs(pair.mine, Effect::Allow) {
        if denies(pair.mine, &program.path) || same_of(pair, &program.path) {
            continue;
        }
        for shape in &program.arguments {
            let found = not_held(pair.other, grant, program, shape);
            excess.extend(found.map(|what| Excess {
                what,
                source: grant.source,
            }));
        }
    }
    excess
}

fn programs<'a>(
    of: &'a Matcher<'_>,
    effect: Effect,
) -> impl Iterator<Item = (&'a Grant, &'a Program)> {
    let grants = of.policy.grants_of(Capability::Exec);
    grants
        .filter(move |grant| grant.effect == effect)
        .flat_map(|grant| {
            let programs: &[Program] = match &grant.scope {
                Scope::Programs(programs) => programs,
                Scope::Whole
                | Scope::Files(_)
                | Scope::Seen(_)
                | Scope::Wakes(_)
                | Scope::Controls(_)
                | Scope::Requests(_)
                | Scope::Messages(_)
                | Scope::Powers(_) => &[],
            };
            programs.iter().map(move |program| (grant, program))
        })
}

fn denies(of: &Matcher<'_>, path: &str) -> bool {
    programs(of, Effect::Deny).any(|(_, denied)| denied.path == path)
}

/// Whether both say the same of the program, in the same order.
fn same_of(pair: &Pair<'_>, path: &str) -> bool {
    let of = |matcher| {
        programs(matcher, Effect::Allow)
            .filter(|(_, program)| program.path == path)
            .map(|(grant, program)| (grant.expires, program))
            .collect::<Vec<_>>()
    };
    !denied_whole(pair.other, Capability::Exec)
        && !denies(pair.other, path)
        && of(pair.mine) == of(pair.other)
}

fn not_held(other: &Matcher<'_>, grant: &Grant, program: &Program, shape: &Shape) -> Option<What> {
    let what = format!("run {} {}", program.path, shape.in_words());
    let with_terms = || format!("{what} {}", program.run_as.in_words());
    if denied_whole(other, Capability::Exec) || denies(other, &program.path) {
        return Some(What::Given(with_terms()));
    }
    let mut nearest = None;
    // The first that fits is used, so none before the one that is found may give less.
    let mut less_before = Vec::new();
    for (theirs, candidate) in programs(other, Effect::Allow) {
        if candidate.path != program.path {
            continue;
        }
        let terms = program.terms_beyond(candidate);
        let within = shape.is_within(&candidate.arguments);
        let as_long = lasts_as_long(grant, theirs);
        if less_before.is_empty() {
            less_before = terms.clone();
        }
        match (within, as_long, less_before.first()) {
            (true, true, None) => return None,
            (true, true, Some((mine, other))) => {
                let (what, mine, other) = (what.clone(), mine.clone(), other.clone());
                nearest = Some(What::With { what, mine, other });
            }
            (true, false, _) if nearest.is_none() => {
                nearest = Some(What::Longer(with_terms(), grant.expires));
            }
            (true, false, _) | (false, _, _) => {}
        }
    }
    let decided = programs(other, Effect::Allow).all(|(_, theirs)| theirs.path != program.path)
        || shape.is_listed();
    Some(nearest.unwrap_or_else(|| match decided {
        true => What::Given(with_terms()),
        false => What::Undecided(with_terms()),
    }))
}
