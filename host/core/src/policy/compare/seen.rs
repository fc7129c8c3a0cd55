//! Processes and sessions: so few questions that all of them are asked.

use super::{
    super::{Call, Capability, Effect, Fields, Look, Of, Redaction, Scope, Whose},
    excess::{Excess, Held, Pair, What},
};

pub(super) fn beyond(pair: &Pair<'_>, capability: Capability) -> Vec<Excess> {
    let mut excess: Vec<Excess> = Vec::new();
    for grant in pair.mine.policy.grants_of(capability) {
        let (whose, fields) = match (&grant.scope, grant.effect) {
            (Scope::Seen(seen), Effect::Allow) => (seen.whose, seen.fields),
            (Scope::Whole, Effect::Allow) => (Whose::All, Fields::all(capability)),
            _ => continue,
        };
        for look in looks(capability, whose, fields) {
            let what = in_words(capability, look);
            let call = match capability {
                Capability::Sessions => Call::Sessions(look),
                Capability::System | Capability::Network => Call::Facts {
                    of: capability,
                    fields: look.fields,
                },
                _ => Call::Processes(look),
            };
            let what = match pair.held(&call, grant.expires) {
                // Which fields are seen is asked field by field.
                Held::Yes | Held::WithLess(..) => continue,
                Held::No => What::Given(what),
                Held::NotAsLong => What::Longer(what, grant.expires),
            };
            if !excess.iter().any(|known| known.what == what) {
                let source = grant.source;
                excess.push(Excess { what, source });
            }
        }
    }
    excess
}

/// Everything that a grant of `fields` of `whose` lets see, each field by itself.
fn looks(capability: Capability, whose: Whose, fields: Fields) -> Vec<Look> {
    let at: &[Of] = match (whose, capability) {
        (Whose::OwnSession, _) => &[Of::OwnSession],
        (Whose::All, Capability::Sessions) => &[Of::OwnSession, Of::OtherSession],
        (Whose::All, Capability::System | Capability::Network) => &[Of::System],
        (Whose::All, _) => &[Of::OwnSession, Of::OtherSession, Of::System],
    };
    let named = fields.seen();
    let each: Vec<_> = std::iter::once(Fields::NONE)
        .chain(named.map(|(field, redaction)| Fields::NONE.given(field, redaction)))
        .collect();
    at.iter()
        .flat_map(|at| {
            each.iter().map(|fields| Look {
                at: *at,
                fields: *fields,
            })
        })
        .collect()
}

fn in_words(capability: Capability, look: Look) -> String {
    let whose = match (capability, look.at) {
        (Capability::Sessions, Of::OwnSession) => "its own session",
        (Capability::Sessions, _) => "other sessions",
        (Capability::System, _) => "the system",
        (Capability::Network, _) => "the network",
        (_, Of::OwnSession) => "processes of its own session",
        (_, Of::OtherSession) => "processes of other sessions",
        (_, Of::System) => "processes of no session",
    };
    match look.fields.seen().next() {
        Some((field, Redaction::Whole)) => format!("see `{}` of {whose}", field.name()),
        Some((field, redaction)) => format!("see `{}` of {whose}, {redaction}", field.name()),
        None => format!("see {whose}"),
    }
}
