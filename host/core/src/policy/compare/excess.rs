//! What one policy gives beyond another, and how both directions of it are told.

use super::super::{
    Access, Call, Capability, Denial, Grant, GrantSource, Matcher, Permit, shown::last_day,
};
use super::Place;
use crate::time::Timestamp;

/// Something that is given, and is not proven to be given by the other policy as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excess {
    pub(super) what: What,
    /// The grant that gives it; of a missing denial, the denial of the other policy.
    pub(super) source: GrantSource,
}

/// Texts go on after "may".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The other does not give it.
    Given(String),
    /// The other gives it, but not until then.
    Longer(String, Option<Timestamp>),
    /// The other gives it with less.
    With {
        what: String,
        mine: String,
        other: String,
    },
    /// Whether the other gives it can't be decided.
    Undecided(String),
    /// The other denies it.
    NotDenied(String),
}

impl Excess {
    /// Where it is written, if `mine` makes a place of the first policy and `other` of the
    /// other.
    pub(super) fn place(
        &self,
        mine: fn(GrantSource) -> Place,
        other: fn(GrantSource) -> Place,
    ) -> Place {
        match self.what {
            What::NotDenied(_) => other(self.source),
            What::Given(_) | What::Longer(..) | What::With { .. } | What::Undecided(_) => {
                mine(self.source)
            }
        }
    }

    /// As something that only the new policy gives.
    pub(super) fn as_wider(&self) -> String {
        match &self.what {
            What::Given(what) => format!("may now also {what}"),
            What::Longer(what, until) => format!("may {what} for longer: {}", end(*until)),
            What::With { what, mine, other } => format!("may now {what} {mine}, before {other}"),
            What::Undecided(what) => format!(
                "may now {what}: that can't be compared with what was granted, so it counts as \
                 wider"
            ),
            What::NotDenied(what) => format!("may no longer be kept by a denial to {what}"),
        }
    }

    /// As something that only the old policy gave.
    pub(super) fn as_narrower(&self) -> String {
        match &self.what {
            What::Given(what) => format!("may no longer {what}"),
            What::Longer(what, until) => {
                format!(
                    "may {what} for less long than before: that was {}",
                    end(*until)
                )
            }
            What::With { what, mine, other } => format!("may now {what} {other}, before {mine}"),
            What::Undecided(what) => format!(
                "may perhaps no longer {what}: that can't be compared with what is granted now"
            ),
            What::NotDenied(what) => format!("is now denied to {what}"),
        }
    }
}

fn end(until: Option<Timestamp>) -> String {
    match until {
        Some(at) => format!("until {}", last_day(at)),
        None => "without an end".to_owned(),
    }
}

/// Notes something, once.
pub(super) fn add(excess: &mut Vec<Excess>, what: What, source: GrantSource) {
    if !excess.iter().any(|known| known.what == what) {
        excess.push(Excess { what, source });
    }
}

/// Whether a policy denies all of a capability. Before anything expires only a denial of all
/// answers so.
pub(super) fn denied_whole(of: &Matcher<'_>, capability: Capability) -> bool {
    let access = of.policy.access(capability, Timestamp::EPOCH);
    matches!(access, Access::Denied(Denial::Denied { .. }))
}

/// Whether `theirs` holds for as long as `mine`.
pub(super) fn lasts_as_long(mine: &Grant, theirs: &Grant) -> bool {
    match (mine.expires, theirs.expires) {
        (Some(mine), Some(theirs)) => mine <= theirs,
        (None, Some(_)) => false,
        (_, None) => true,
    }
}

/// A rate, and one that is lower, in words.
pub(super) fn rates(mine: u16, other: u16) -> (String, String) {
    (format!("{mine} times a minute"), format!("{other} times"))
}

/// Two policies of which one is held against the other.
pub(super) struct Pair<'a> {
    pub(super) mine: &'a Matcher<'a>,
    pub(super) other: &'a Matcher<'a>,
    /// The beginning, and each moment at which a grant of either expires: between two of
    /// them nothing changes.
    pub(super) moments: &'a [Timestamp],
}

/// How one call is answered by the other, whenever the first permits it.
pub(super) enum Held {
    /// As much is given, or the first gives nothing.
    Yes,
    /// It is not given.
    No,
    /// Not as long.
    NotAsLong,
    /// With less.
    WithLess(Permit, Permit),
}

impl Held {
    /// What the first gives beyond the other, if `what` is that which it gives until `expires`.
    /// `terms` has both sides of what is less; none if that can't be told.
    pub(super) fn beyond(
        self,
        what: String,
        expires: Option<Timestamp>,
        terms: impl FnOnce(Permit, Permit) -> Option<(String, String)>,
    ) -> Option<What> {
        Some(match self {
            Self::Yes => return None,
            Self::No => What::Given(what),
            Self::NotAsLong => What::Longer(what, expires),
            Self::WithLess(mine, other) => match terms(mine, other) {
                Some((mine, other)) => What::With { what, mine, other },
                None => What::Undecided(what),
            },
        })
    }
}

impl Pair<'_> {
    /// Asks both matchers at every moment before `expires`.
    pub(super) fn held(&self, call: &Call, expires: Option<Timestamp>) -> Held {
        let mut was_held = false;
        for now in self.moments {
            if expires.is_some_and(|at| at <= *now) {
                break;
            }
            let Ok(mine) = self.mine.permits(call, *now) else {
                continue;
            };
            match self.other.permits(call, *now) {
                Ok(other) if mine.is_within(&other) => was_held = true,
                Ok(other) => return Held::WithLess(mine, other),
                Err(_) if was_held => return Held::NotAsLong,
                Err(_) => return Held::No,
            }
        }
        Held::Yes
    }

    /// Whether the first ever permits it.
    pub(super) fn given(&self, call: &Call) -> bool {
        let permits = |now: &Timestamp| self.mine.permits(call, *now).is_ok();
        self.moments.iter().any(permits)
    }
}
