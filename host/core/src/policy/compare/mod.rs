//! What a policy allows more, and what less, than the one before it.
//!
//! The matchers that enforce decide, wherever a question can be put to them; the rest is
//! decided so that an error is on the safe side: what is not proven to be no more than before
//! counts as wider. So a policy that is not wider allows no call that the other refuses, at
//! any time, and gives none more than the other does. Reasons, approvers and judgements of
//! risk are not compared; settings and cases give nothing.

mod controls;
mod excess;
mod files;
mod limits;
mod messages;
mod powers;
mod programs;
mod requests;
mod seen;
mod versions;
mod wakes;
mod whole;

use std::fmt;

use super::{Capability, Effect, GrantSource, Policy};
use crate::time::Timestamp;

use excess::{Excess, Pair};

/// How two policies differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// In the order of [`Subject::all`].
    pub changes: Vec<Change>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Of what.
    pub about: Subject,
    /// Whether the new policy is wider in this.
    pub direction: Direction,
    /// Goes on after the subject: `may now also read /etc/shadow`, `from 4 MiB to 8 MiB`.
    pub text: String,
    /// Where it is written, if it is a grant or a denial.
    pub grant: Option<Place>,
}

/// Where a grant is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the old policy.
    Old(GrantSource),
    /// In the new one.
    New(GrantSource),
}

/// In which direction something changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// More is allowed, or it can't be proven that no more is.
    Wider,
    /// Less is allowed.
    Narrower,
    /// It gives and takes nothing.
    Neither,
}

/// All changes of one subject, or of a policy, together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Nothing is wider and nothing narrower.
    Same,
    /// Something is wider.
    Wider,
    /// Something is narrower.
    Narrower,
    /// Some of each.
    Both,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the key of that name in policies")]
pub enum Subject {
    Plugin,
    Vendor,
    Versions,
    Memory,
    Deadline,
    Cpu,
    Output,
    HostCalls,
    LogLines,
    State,
    Schedule,
    Sessions,
    Files,
    Config,
    Capability(Capability),
}

impl Subject {
    /// Every one, in the order in which they are told.
    pub fn all() -> impl Iterator<Item = Self> {
        [
            Self::Plugin,
            Self::Vendor,
            Self::Versions,
            Self::Memory,
            Self::Deadline,
            Self::Cpu,
            Self::Output,
            Self::HostCalls,
            Self::LogLines,
            Self::State,
            Self::Schedule,
            Self::Sessions,
            Self::Files,
            Self::Config,
        ]
        .into_iter()
        .chain(Capability::ALL.map(Self::Capability))
    }
}

/// Limits of what capabilities are called, too, are told apart from them.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plugin => "plugin",
            Self::Vendor => "vendor",
            Self::Versions => "versions",
            Self::Memory => "limit memory",
            Self::Deadline => "limit deadline",
            Self::Cpu => "limit cpu",
            Self::Output => "limit output",
            Self::HostCalls => "limit host-calls",
            Self::LogLines => "limit log-lines",
            Self::State => "limit state",
            Self::Schedule => "schedule",
            Self::Sessions => "sampled sessions",
            Self::Files => "files of samples",
            Self::Config => "config of the policy",
            Self::Capability(capability) => capability.name(),
        })
    }
}

/// `files: may now also read /etc/shadow`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.text)
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Same => "same",
            Self::Wider => "wider",
            Self::Narrower => "narrower",
            Self::Both => "both",
        })
    }
}

impl Relation {
    /// Of changes in these directions.
    pub fn of(directions: impl Iterator<Item = Direction>) -> Self {
        let (mut wider, mut narrower) = (false, false);
        for direction in directions {
            match direction {
                Direction::Wider => wider = true,
                Direction::Narrower => narrower = true,
                Direction::Neither => {}
            }
        }
        match (wider, narrower) {
            (false, false) => Self::Same,
            (true, false) => Self::Wider,
            (false, true) => Self::Narrower,
            (true, true) => Self::Both,
        }
    }
}

impl Change {
    fn new(about: Subject, direction: Direction, text: String) -> Self {
        Self {
            about,
            direction,
            text,
            grant: None,
        }
    }
}

impl Comparison {
    /// Of all of it.
    pub fn relation(&self) -> Relation {
        Relation::of(self.changes.iter().map(|change| change.direction))
    }

    /// Of one subject.
    pub fn relation_of(&self, about: Subject) -> Relation {
        let changes = self.changes.iter().filter(|change| change.about == about);
        Relation::of(changes.map(|change| change.direction))
    }

    /// Whether the new policy allows more, or is not proven to allow no more.
    pub fn is_wider(&self) -> bool {
        self.wider().next().is_some()
    }

    /// What it allows more.
    pub fn wider(&self) -> impl Iterator<Item = &Change> {
        self.towards(Direction::Wider)
    }

    /// What it allows less.
    pub fn narrower(&self) -> impl Iterator<Item = &Change> {
        self.towards(Direction::Narrower)
    }

    fn towards(&self, direction: Direction) -> impl Iterator<Item = &Change> {
        let changes = self.changes.iter();
        changes.filter(move |change| change.direction == direction)
    }
}

/// Compares `new` with `old`.
pub fn compare(old: &Policy, new: &Policy) -> Comparison {
    let mut changes = identity(old, new);
    changes.extend(limits::changes(old, new));
    if old.config != new.config {
        let text = "its settings are others".to_owned();
        changes.push(Change::new(Subject::Config, Direction::Neither, text));
    }
    let (old_matcher, new_matcher) = (old.matcher(), new.matcher());
    for capability in Capability::ALL {
        let moments = moments(old, new, capability);
        let pair = |mine, other| Pair {
            mine,
            other,
            moments: &moments,
        };
        let wider = beyond(&pair(&new_matcher, &old_matcher), capability);
        let narrower = beyond(&pair(&old_matcher, &new_matcher), capability);
        let about = Subject::Capability(capability);
        changes.extend(wider.into_iter().map(|excess| Change {
            about,
            direction: Direction::Wider,
            text: excess.as_wider(),
            grant: Some(excess.place(Place::New, Place::Old)),
        }));
        changes.extend(narrower.into_iter().map(|excess| Change {
            about,
            direction: Direction::Narrower,
            text: excess.as_narrower(),
            grant: Some(excess.place(Place::Old, Place::New)),
        }));
    }
    Comparison { changes }
}

/// For whom they are. Another plugin or vendor has nothing of what the old policy gave.
fn identity(old: &Policy, new: &Policy) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut add = |about, direction, old: String, new: String| {
        let text = format!("from {old} to {new}");
        changes.push(Change::new(about, direction, text));
    };
    if old.plugin != new.plugin {
        let (old, new) = (old.plugin.to_string(), new.plugin.to_string());
        add(Subject::Plugin, Direction::Wider, old, new);
    }
    if old.vendor != new.vendor {
        let (old, new) = (old.vendor.to_string(), new.vendor.to_string());
        add(Subject::Vendor, Direction::Wider, old, new);
    }
    for (is, direction) in [
        (
            versions::is_within(&new.versions, &old.versions),
            Direction::Wider,
        ),
        (
            versions::is_within(&old.versions, &new.versions),
            Direction::Narrower,
        ),
    ] {
        if !is {
            let (old, new) = (old.versions.to_string(), new.versions.to_string());
            add(Subject::Versions, direction, old, new);
        }
    }
    changes
}

/// The beginning, and each moment at which something changes by itself.
fn moments(old: &Policy, new: &Policy, capability: Capability) -> Vec<Timestamp> {
    let grants = old.grants_of(capability).chain(new.grants_of(capability));
    let allowed = grants.filter(|grant| grant.effect == Effect::Allow);
    let mut moments: Vec<_> = allowed.filter_map(|grant| grant.expires).collect();
    moments.push(Timestamp::EPOCH);
    moments.sort_unstable();
    moments.dedup();
    moments
}

fn beyond(pair: &Pair<'_>, capability: Capability) -> Vec<Excess> {
    match capability {
        Capability::Files | Capability::Watch => files::beyond(pair, capability),
        Capability::Processes | Capability::Sessions => seen::beyond(pair, capability),
        Capability::System | Capability::Network => {
            let excess = whole::beyond(pair, capability);
            // Who may read nothing of it sees no field of it.
            match excess.is_empty() {
                true => seen::beyond(pair, capability),
                false => excess,
            }
        }
        Capability::Exec => programs::beyond(pair),
        Capability::Wake => wakes::beyond(pair),
        Capability::ProcessControl => controls::beyond(pair),
        Capability::Message => messages::beyond(pair),
        Capability::Power => powers::beyond(pair),
        Capability::Http => requests::beyond(pair),
        Capability::Log | Capability::Clock | Capability::State | Capability::Config => {
            whole::beyond(pair, capability)
        }
    }
}

#[cfg(test)]
mod tests;
