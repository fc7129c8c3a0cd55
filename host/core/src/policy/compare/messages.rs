//! Users who are told something: everybody whom either policy names, and one whom none does.

use std::collections::BTreeSet;

use super::{
    super::{Call, Capability, Effect, Grant, Matcher, Messages, Permit, Recipient, Scope},
    excess::{Excess, Pair, What, add, rates},
};

/// No account has this name, and no policy can name one so.
const SOMEBODY: &str = "\u{1}";

pub(super) fn beyond(pair: &Pair<'_>) -> Vec<Excess> {
    let named: BTreeSet<&str> = messages(pair.mine)
        .chain(messages(pair.other))
        .flat_map(|(_, messages)| &messages.users)
        .filter_map(|recipient| match recipient {
            Recipient::Named(name) => Some(name.as_str()),
            Recipient::AnyButRoot => None,
        })
        .collect();
    let mut excess: Vec<Excess> = Vec::new();
    let allowing = |(grant, _): &(&Grant, &Messages)| grant.effect == Effect::Allow;
    let names: BTreeSet<&str> = messages(pair.other)
        .filter(allowing)
        .map(|(_, messages)| messages.from.as_str())
        .collect();
    for (grant, messages) in messages(pair.mine).filter(allowing) {
        if !names.is_empty() && !names.contains(messages.from.as_str()) {
            let what = What::With {
                what: "show messages".to_owned(),
                mine: format!("as {}", messages.from),
                other: format!(
                    "as {}",
                    names.iter().copied().collect::<Vec<_>>().join(" or ")
                ),
            };
            let source = grant.source;
            excess.push(Excess { what, source });
        }
        for recipient in &messages.users {
            let users: Vec<&str> = match recipient {
                Recipient::Named(name) => vec![name],
                Recipient::AnyButRoot => named.iter().copied().chain([SOMEBODY]).collect(),
            };
            for user in users {
                if let Some(what) = not_held(pair, grant, user) {
                    add(&mut excess, what, grant.source);
                }
            }
        }
    }
    excess
}

fn messages<'a>(of: &'a Matcher<'_>) -> impl Iterator<Item = (&'a Grant, &'a Messages)> {
    let grants = of.policy.grants_of(Capability::Message);
    grants.filter_map(|grant| match &grant.scope {
        Scope::Messages(messages) => Some((grant, messages)),
        Scope::Whole
        | Scope::Files(_)
        | Scope::Seen(_)
        | Scope::Programs(_)
        | Scope::Wakes(_)
        | Scope::Controls(_)
        | Scope::Requests(_)
        | Scope::Powers(_) => None,
    })
}

fn not_held(pair: &Pair<'_>, grant: &Grant, user: &str) -> Option<What> {
    let call = Call::Message {
        user: user.to_owned(),
    };
    let what = match user {
        SOMEBODY => "show messages to any user but root".to_owned(),
        name => format!("show messages to {name}"),
    };
    let held = pair.held(&call, grant.expires);
    held.beyond(what, grant.expires, |mine, other| match (mine, other) {
        (Permit::Message(mine), Permit::Message(other)) => {
            Some(rates(mine.per_minute, other.per_minute))
        }
        _ => None,
    })
}
