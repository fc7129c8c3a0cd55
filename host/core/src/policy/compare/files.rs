//! Files. Paths stand for all that a pattern covers, see [`pattern::samples`]. So both matchers
//! decide, and nothing here reads patterns a second time.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        Call, Capability, Effect, FileRoot, Grant, Linked, Matcher, PathPattern, Permit, Scope,
        pattern, permit::encloses,
    },
    excess::{Excess, Held, Pair, What, denied_whole},
};
use crate::time::Timestamp;

/// One pattern of one grant.
struct Piece<'a> {
    grant: &'a Grant,
    root: &'a FileRoot,
    pattern: &'a PathPattern,
}

pub(super) fn beyond(pair: &Pair<'_>, of: Capability) -> Vec<Excess> {
    let mut excess = Vec::new();
    let mut gives = false;
    let (ours, theirs) = (Written::by(pair.mine, of), Written::by(pair.other, of));
    let dropped: Vec<_> = pieces(pair.other, of, Effect::Allow)
        .filter(|piece| !ours.has(piece))
        .collect();
    let denied = denied_whole(pair.other, of);
    let depths = depths(pair, of);
    for piece in pieces(pair.mine, of, Effect::Allow) {
        // What the other says in the same words it gives, unless it denies that: see below.
        let same = !denied && theirs.has(&piece);
        if (!same || !gives) && !piece.calls(&depths).iter().any(|call| pair.given(call)) {
            continue;
        }
        gives = true;
        let what = match same {
            true => None,
            false => piece.not_held(pair, &depths),
        };
        let what = what.or_else(|| piece.leads_further(&dropped));
        excess.extend(what.map(|what| Excess {
            what,
            source: piece.grant.source,
        }));
    }
    if gives {
        excess.extend(not_denied(pair, of, &depths));
    }
    excess
}

/// How many parts the patterns of either have.
fn depths(pair: &Pair<'_>, of: Capability) -> BTreeSet<usize> {
    [pair.mine, pair.other]
        .into_iter()
        .flat_map(|policy| [Effect::Allow, Effect::Deny].map(|effect| pieces(policy, of, effect)))
        .flatten()
        .map(|piece| pattern::depth(&piece.absolute()))
        .collect()
}

/// Everything that a policy allows, by its words, with the time until which it does: most
/// policies repeat most of what was there before, and that need not be looked at.
struct Written(BTreeMap<(String, String), Option<Timestamp>>);

impl Written {
    fn by(policy: &Matcher<'_>, of: Capability) -> Self {
        let mut all = BTreeMap::new();
        for piece in pieces(policy, of, Effect::Allow) {
            let expires = piece.grant.expires;
            all.entry(piece.words())
                .and_modify(|until: &mut Option<Timestamp>| {
                    *until = until.zip(expires).map(|(a, b)| a.max(b));
                })
                .or_insert(expires);
        }
        Self(all)
    }

    /// Whether the same is allowed, for no less time.
    fn has(&self, piece: &Piece<'_>) -> bool {
        let until = self.0.get(&piece.words());
        until.is_some_and(|until| match (until, piece.grant.expires) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(until), Some(expires)) => expires <= *until,
        })
    }
}

/// What the other denies and the first does not. A link can lead there from everywhere.
fn not_denied<'a>(
    pair: &'a Pair<'_>,
    of: Capability,
    depths: &'a BTreeSet<usize>,
) -> impl Iterator<Item = Excess> + 'a {
    let denies = move |path: &String| {
        let files = match of {
            Capability::Watch => &pair.mine.watch,
            _ => &pair.mine.files,
        };
        let answer = files.leads_to(path, Linked::ByItsOwner, Timestamp::EPOCH);
        answer.is_err()
    };
    pieces(pair.other, of, Effect::Deny)
        .filter(move |piece| !piece.paths(depths).iter().all(denies))
        .map(|piece| Excess {
            what: What::NotDenied(piece.in_words()),
            source: piece.grant.source,
        })
}

fn pieces<'a>(
    of: &'a Matcher<'_>,
    capability: Capability,
    effect: Effect,
) -> impl Iterator<Item = Piece<'a>> {
    let grants = of.policy.grants_of(capability);
    grants
        .filter(move |grant| grant.effect == effect)
        .flat_map(|grant| {
            let roots: &[FileRoot] = match &grant.scope {
                Scope::Files(roots) => roots,
                Scope::Whole
                | Scope::Seen(_)
                | Scope::Programs(_)
                | Scope::Wakes(_)
                | Scope::Controls(_)
                | Scope::Requests(_)
                | Scope::Messages(_)
                | Scope::Powers(_) => &[],
            };
            roots.iter().flat_map(move |root| {
                let piece = move |pattern| Piece {
                    grant,
                    root,
                    pattern,
                };
                root.patterns.iter().map(piece)
            })
        })
}

impl Piece<'_> {
    /// Paths that stand for all that it covers.
    fn paths(&self, depths: &BTreeSet<usize>) -> Vec<String> {
        pattern::samples(&self.absolute(), depths)
    }

    fn calls(&self, depths: &BTreeSet<usize>) -> Vec<Call> {
        let call = |path| match self.grant.capability {
            Capability::Watch => Call::Watch { path },
            _ => Call::File { path, link: None },
        };
        self.paths(depths).into_iter().map(call).collect()
    }

    fn in_words(&self) -> String {
        let path = self.absolute();
        match self.grant.capability {
            Capability::Watch => format!("be told of changes of {path}"),
            _ => format!("read {path}"),
        }
    }

    fn not_held(&self, pair: &Pair<'_>, depths: &BTreeSet<usize>) -> Option<What> {
        let what = || self.in_words();
        let answers = self
            .calls(depths)
            .into_iter()
            .map(|call| pair.held(&call, self.grant.expires));
        answers
            .map(|answer| match answer {
                Held::Yes => None,
                Held::No => Some(What::Given(what())),
                Held::NotAsLong => Some(What::Longer(what(), self.grant.expires)),
                Held::WithLess(Permit::File { root: mine }, Permit::File { root: other }) => {
                    Some(with_links(what(), &mine, &other))
                }
                Held::WithLess(..) => Some(What::Undecided(what())),
            })
            .find_map(|answer| answer)
    }

    /// Where the other has a grant with a root further down, links lead less far. Only a path
    /// that both cover is concerned, and only if the first has not that grant as well, which
    /// `dropped` leaves out.
    fn leads_further(&self, dropped: &[Piece<'_>]) -> Option<What> {
        // Who watches follows no link.
        if self.grant.capability == Capability::Watch {
            return None;
        }
        let further = dropped.iter().find(|their| {
            self.root.root != their.root.root
                && encloses(&self.root.root, &their.root.root)
                && may_meet(&self.absolute(), &their.absolute())
        })?;
        Some(with_links(
            self.in_words(),
            &self.root.root,
            &further.root.root,
        ))
    }

    fn words(&self) -> (String, String) {
        (self.root.root.clone(), self.pattern.to_string())
    }

    fn absolute(&self) -> String {
        self.root.absolute(&self.pattern.to_string())
    }
}

fn with_links(what: String, mine: &str, other: &str) -> What {
    What::With {
        what,
        mine: format!("and follow links beneath {mine}"),
        other: format!("only beneath {other}"),
    }
}

/// Whether some path may be covered by both absolute patterns. May err to that side.
fn may_meet(one: &str, other: &str) -> bool {
    let (mut ones, mut others) = (one.split('/'), other.split('/'));
    loop {
        match (ones.next(), others.next()) {
            (Some("**"), Some(_)) | (Some(_), Some("**")) | (None, None) => return true,
            (Some(one), Some(other)) if parts_may_meet(one, other) => {}
            _ => return false,
        }
    }
}

fn parts_may_meet(one: &str, other: &str) -> bool {
    if !one.contains('*') && !other.contains('*') {
        return one == other;
    }
    let begin = |part: &str| part.split('*').next().unwrap_or_default().to_owned();
    let end = |part: &str| part.rsplit('*').next().unwrap_or_default().to_owned();
    let (b1, b2, e1, e2) = (begin(one), begin(other), end(one), end(other));
    (b1.starts_with(&b2) || b2.starts_with(&b1)) && (e1.ends_with(&e2) || e2.ends_with(&e1))
}
