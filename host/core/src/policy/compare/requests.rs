//! Requests over HTTP: one origin, method and beginning of a path each.

use super::{
    super::{
        Capability, Effect, Grant, Matcher, Requests, Scope,
        shown::{asked, reached},
    },
    excess::{Excess, Pair, What, add, denied_whole, lasts_as_long},
};
use crate::http::{Method, Network, Origin, PathPrefix};

/// One origin, method and path of one grant.
struct Piece<'a> {
    grant: &'a Grant,
    requests: &'a Requests,
    origin: &'a Origin,
    /// None is every one; only denials have that.
    method: Option<Method>,
    /// The same.
    path: Option<&'a PathPrefix>,
}

pub(super) fn beyond(pair: &Pair<'_>) -> Vec<Excess> {
    if denied_whole(pair.mine, Capability::Http) {
        return Vec::new();
    }
    let mut excess: Vec<Excess> = Vec::new();
    for piece in pieces(pair.mine, Effect::Allow) {
        if pieces(pair.mine, Effect::Deny).any(|denial| denial.denies(&piece)) {
            continue;
        }
        excess.extend(piece.not_held(pair.other).map(|what| Excess {
            what,
            source: piece.grant.source,
        }));
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

fn pieces<'a>(of: &'a Matcher<'_>, effect: Effect) -> impl Iterator<Item = Piece<'a>> {
    let grants = of.policy.grants_of(Capability::Http);
    grants
        .filter(move |grant| grant.effect == effect)
        .filter_map(|grant| match &grant.scope {
            Scope::Requests(requests) => Some((grant, requests)),
            Scope::Whole
            | Scope::Files(_)
            | Scope::Seen(_)
            | Scope::Programs(_)
            | Scope::Wakes(_)
            | Scope::Controls(_)
            | Scope::Messages(_)
            | Scope::Powers(_) => None,
        })
        .flat_map(|(grant, requests)| pieces_of(grant, requests))
}

fn pieces_of<'a>(grant: &'a Grant, requests: &'a Requests) -> Vec<Piece<'a>> {
    let methods: Vec<_> = match requests.methods.as_slice() {
        [] => vec![None],
        methods => methods.iter().copied().map(Some).collect(),
    };
    let paths: Vec<_> = match requests.paths.as_slice() {
        [] => vec![None],
        paths => paths.iter().map(Some).collect(),
    };
    let mut pieces = Vec::new();
    for origin in &requests.origins {
        for method in &methods {
            pieces.extend(paths.iter().map(|path| Piece {
                grant,
                requests,
                origin,
                method: *method,
                path: *path,
            }));
        }
    }
    pieces
}

impl Piece<'_> {
    /// Whether this denial takes all of `piece`.
    fn denies(&self, piece: &Piece<'_>) -> bool {
        let path = match (self.path, piece.path) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(path)) => mine.covers_in_any_case(path.as_str()),
        };
        self.origin == piece.origin
            && (self.method.is_none() || self.method == piece.method)
            && path
    }

    /// Whether this denial takes some of `piece`.
    fn meets(&self, piece: &Piece<'_>) -> bool {
        let path = match (self.path, piece.path) {
            (None, _) | (_, None) => true,
            (Some(mine), Some(path)) => {
                mine.covers_in_any_case(path.as_str()) || path.covers_in_any_case(mine.as_str())
            }
        };
        let method = self.method.is_none() || piece.method.is_none() || self.method == piece.method;
        self.origin == piece.origin && method && path
    }

    fn in_words(&self) -> String {
        asked(self.origin, self.method, self.path)
    }

    fn not_held(&self, other: &Matcher<'_>) -> Option<What> {
        let what = self.in_words();
        if denied_whole(other, Capability::Http) {
            return Some(What::Given(what));
        }
        let mut nearest = None;
        for theirs in pieces(other, Effect::Allow) {
            let covers = match (theirs.path, self.path) {
                (Some(theirs), Some(mine)) => theirs.covers(mine.as_str()),
                (None, _) | (_, None) => false,
            };
            if self.origin != theirs.origin || self.method != theirs.method || !covers {
                continue;
            }
            let as_long = lasts_as_long(self.grant, theirs.grant);
            match (as_long, self.with_more(&theirs)) {
                (true, None) => return None,
                (true, Some((mine, other))) => {
                    nearest = Some(What::With {
                        what: what.clone(),
                        mine,
                        other,
                    });
                }
                (false, _) if nearest.is_none() => {
                    nearest = Some(What::Longer(what.clone(), self.grant.expires));
                }
                (false, _) => {}
            }
        }
        Some(nearest.unwrap_or(What::Given(what)))
    }

    /// What it gives more than `theirs`, and what that gives.
    fn with_more(&self, theirs: &Piece<'_>) -> Option<(String, String)> {
        let (mine, theirs) = (self.requests, theirs.requests);
        let near = |requests: &Requests| match requests.networks.as_slice() {
            [] => "on the internet alone".to_owned(),
            networks => format!("at {}", reached(networks)),
        };
        let held = |network: &Network| {
            let mut others = theirs.networks.iter();
            others.any(|other| network.gives_no_more_than(other))
        };
        if !mine.networks.iter().all(held) {
            return Some((near(mine), near(theirs)));
        }
        let rate = |requests: &Requests| format!("{} times a minute", requests.per_minute);
        (mine.per_minute > theirs.per_minute).then(|| (rate(mine), rate(theirs)))
    }
}
