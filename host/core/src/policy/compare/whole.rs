//! Capabilities without parts.

use super::{
    super::{Call, Capability, Effect, shown::whole},
    excess::{Excess, Held, Pair, What},
};

pub(super) fn beyond(pair: &Pair<'_>, capability: Capability) -> Vec<Excess> {
    let call = Call::Whole(capability);
    let allowed = pair.mine.policy.grants_of(capability);
    let allowed = allowed.filter(|grant| grant.effect == Effect::Allow);
    let excess = allowed.filter_map(|grant| {
        let what = whole(capability).to_owned();
        let what = match pair.held(&call, grant.expires) {
            Held::Yes => return None,
            Held::No => What::Given(what),
            Held::NotAsLong => What::Longer(what, grant.expires),
            Held::WithLess(..) => What::Undecided(what),
        };
        let source = grant.source;
        Some(Excess { what, source })
    });
    // Several grants of the same give one thing.
    excess.take(1).collect()
}
