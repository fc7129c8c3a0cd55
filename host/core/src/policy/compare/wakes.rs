//! Neighbours that are woken: addresses that begin so, on one link or on every physical one.

use super::{
    super::{Capability, Effect, Grant, Matcher, Scope, Wakes, shown::neighbours},
    excess::{Excess, Pair, What, add, denied_whole, lasts_as_long, rates},
};

/// One address of one grant on one link.
struct Piece<'a> {
    grant: &'a Grant,
    per_minute: u16,
    begin: &'a [u8],
    /// None is every link; of what is allowed, every one that is no virtual one.
    link: Option<&'a str>,
}

pub(super) fn beyond(pair: &Pair<'_>) -> Vec<Excess> {
    if denied_whole(pair.mine, Capability::Wake) {
        return Vec::new();
    }
    let mut excess: Vec<Excess> = Vec::new();
    let grants = pair.mine.policy.grants_of(Capability::Wake);
    let repeated: Vec<_> = grants
        .filter(|grant| same_grant(pair.other, grant))
        .collect();
    for piece in pieces(pair.mine, Effect::Allow) {
        let group = piece.begin.first().is_some_and(|byte| byte & 1 != 0);
        if group || pieces(pair.mine, Effect::Deny).any(|denial| denial.denies(&piece)) {
            continue;
        }
        if !repeated
            .iter()
            .any(|grant| std::ptr::eq(*grant, piece.grant))
        {
            excess.extend(piece.not_held(pair.other).map(|what| Excess {
                what,
                source: piece.grant.source,
            }));
        }
        for denial in pieces(pair.other, Effect::Deny) {
            let still = pieces(pair.mine, Effect::Deny).any(|mine| mine.denies(&denial));
            let what = What::NotDenied(denial.in_words());
            if denial.meets(&piece) && !still {
                add(&mut excess, what, denial.grant.source);
            }
        }
    }
    excess
}

/// Whether the other has this very grant, or for longer, and nothing is denied whole.
fn same_grant(other: &Matcher<'_>, grant: &Grant) -> bool {
    let mut theirs = other.policy.grants_of(Capability::Wake);
    !denied_whole(other, Capability::Wake)
        && theirs.any(|their| {
            let as_long = lasts_as_long(grant, their);
            as_long && their.effect == Effect::Allow && their.scope == grant.scope
        })
}

fn pieces<'a>(of: &'a Matcher<'_>, effect: Effect) -> impl Iterator<Item = Piece<'a>> {
    let grants = of.policy.grants_of(Capability::Wake);
    grants
        .filter(move |grant| grant.effect == effect)
        .filter_map(|grant| match &grant.scope {
            Scope::Wakes(wakes) => Some((grant, wakes)),
            Scope::Whole
            | Scope::Files(_)
            | Scope::Seen(_)
            | Scope::Programs(_)
            | Scope::Controls(_)
            | Scope::Requests(_)
            | Scope::Messages(_)
            | Scope::Powers(_) => None,
        })
        .flat_map(|(grant, wakes)| pieces_of(grant, wakes))
}

fn pieces_of<'a>(grant: &'a Grant, wakes: &'a Wakes) -> Vec<Piece<'a>> {
    let links: Vec<Option<&str>> = match wakes.links.as_slice() {
        [] => vec![None],
        links => links.iter().map(|link| Some(link.as_str())).collect(),
    };
    let of = |begin: &'a Vec<u8>, link| Piece {
        grant,
        per_minute: wakes.per_minute,
        begin,
        link,
    };
    let each = wakes.macs.iter();
    each.flat_map(|begin| links.iter().map(move |link| of(begin, *link)))
        .collect()
}

impl Piece<'_> {
    /// Whether this denial takes all of `piece`.
    fn denies(&self, piece: &Piece<'_>) -> bool {
        piece.begin.starts_with(self.begin) && (self.link.is_none() || self.link == piece.link)
    }

    /// Whether this denial takes some of `piece`.
    fn meets(&self, piece: &Piece<'_>) -> bool {
        let begin = piece.begin.starts_with(self.begin) || self.begin.starts_with(piece.begin);
        begin && (self.link.is_none() || piece.link.is_none() || self.link == piece.link)
    }

    fn in_words(&self) -> String {
        let link = match (self.link, self.grant.effect) {
            (Some(link), _) => link,
            (None, Effect::Allow) => "every link that is no virtual one",
            (None, Effect::Deny) => "every link",
        };
        format!("wake {} on {link}", neighbours(self.begin))
    }

    fn not_held(&self, other: &Matcher<'_>) -> Option<What> {
        let what = self.in_words();
        let mut nearest = None;
        if denied_whole(other, Capability::Wake) {
            return Some(What::Given(what));
        }
        for theirs in pieces(other, Effect::Allow) {
            if !self.begin.starts_with(theirs.begin) || self.link != theirs.link {
                continue;
            }
            let as_long = lasts_as_long(self.grant, theirs.grant);
            match (as_long, self.per_minute <= theirs.per_minute) {
                (true, true) => return None,
                (true, false) => {
                    let (mine, other) = rates(self.per_minute, theirs.per_minute);
                    let what = what.clone();
                    nearest = Some(What::With { what, mine, other });
                }
                (false, _) if nearest.is_none() => {
                    nearest = Some(What::Longer(what.clone(), self.grant.expires));
                }
                (false, _) => {}
            }
        }
        Some(nearest.unwrap_or(What::Given(what)))
    }
}
