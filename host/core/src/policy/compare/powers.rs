//! What is done to the whole device: so few questions that all of them are asked.

use super::{
    super::{Call, Capability, Effect, Permit, PowerVerb, Presence, Scope},
    excess::{Excess, Pair, add},
};
use crate::time::Span;

pub(super) fn beyond(pair: &Pair<'_>) -> Vec<Excess> {
    let mut excess: Vec<Excess> = Vec::new();
    for grant in pair.mine.policy.grants_of(Capability::Power) {
        let (Scope::Powers(powers), Effect::Allow) = (&grant.scope, grant.effect) else {
            continue;
        };
        for verb in &powers.verbs {
            for users in Presence::ALL {
                let call = Call::Power { verb: *verb, users };
                let held = pair.held(&call, grant.expires);
                let what =
                    held.beyond(in_words(*verb, users), grant.expires, |mine, other| match (
                        mine, other,
                    ) {
                        (Permit::Power(mine), Permit::Power(other)) => Some((
                            terms(mine.warn_for, mine.pause),
                            terms(other.warn_for, other.pause),
                        )),
                        _ => None,
                    });
                if let Some(what) = what {
                    add(&mut excess, what, grant.source);
                }
            }
        }
    }
    excess
}

fn terms(warn_for: std::time::Duration, pause: std::time::Duration) -> String {
    let (warn_for, pause) = (Span::new(warn_for), Span::new(pause));
    format!("after a warning of {warn_for}, every {pause}")
}

fn in_words(verb: PowerVerb, users: Presence) -> String {
    let users = match users {
        Presence::Nobody => "while nobody has a session",
        Presence::Away => "while users are away",
        Presence::Present => "while users are there",
    };
    format!("{} the device {users}", verb.name())
}
