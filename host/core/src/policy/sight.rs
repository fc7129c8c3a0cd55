//! Whose processes or sessions a plugin sees, and how much of which fields of them: what the
//! matchers of `processes` and `sessions` share. The fields of `system` and `network` are
//! nobody's in particular.

use super::{Capability, Denial, Effect, Grant, GrantSource, Policy, Redaction, Scope};
use crate::time::Timestamp;

/// Whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// Of the session for which the instance runs. An instance that runs for none sees none.
    OwnSession,
    /// Of every session, and of the system.
    All,
}

/// A field that tells of a person, or by which a device is known again. Those of `processes` and
/// `sessions` are seen only where a grant names them, those of `system` and `network` unless
/// one says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sensitive {
    /// Names of users, and of their home folders within paths.
    User,
    /// Command lines, with what users typed into them.
    CommandLine,
    /// Seats, terminals and displays of sessions.
    Place,
    /// Names and addresses of the machines from which sessions are used.
    Client,
    /// The machine's name, which its user may have chosen.
    HostName,
    /// Where file systems are mounted, and what: a user's own has the user's name in it.
    MountPoint,
    /// Ethernet addresses of links.
    Mac,
    /// Addresses of links and routes.
    Address,
}

impl Sensitive {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::User,
        Self::CommandLine,
        Self::Place,
        Self::Client,
        Self::HostName,
        Self::MountPoint,
        Self::Mac,
        Self::Address,
    ];

    /// Those of a capability.
    pub const fn of(capability: Capability) -> &'static [Self] {
        match capability {
            Capability::Processes => &[Self::User, Self::CommandLine],
            Capability::Sessions => &[Self::User, Self::Place, Self::Client],
            Capability::System => &[Self::HostName, Self::MountPoint],
            Capability::Network => &[Self::Mac, Self::Address],
            Capability::Log
            | Capability::Clock
            | Capability::State
            | Capability::Config
            | Capability::Files
            | Capability::Exec
            | Capability::Wake
            | Capability::ProcessControl
            | Capability::Http
            | Capability::Message
            | Capability::Power
            | Capability::Watch => &[],
        }
    }

    /// Its name in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::CommandLine => "command-line",
            Self::Place => "place",
            Self::Client => "client",
            Self::HostName => "host-name",
            Self::MountPoint => "mount-point",
            Self::Mac => "mac",
            Self::Address => "address",
        }
    }
}

/// How much of each [`Sensitive`] field is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields([Redaction; Sensitive::ALL.len()]);

impl Fields {
    /// None of them.
    pub const NONE: Self = Self([Redaction::Dropped; Sensitive::ALL.len()]);

    /// All of a capability, as they are.
    pub fn all(capability: Capability) -> Self {
        let fields = Sensitive::of(capability).iter();
        fields.fold(Self::NONE, |all, field| all.with(*field))
    }

    /// With `field` as well, as it is.
    pub const fn with(self, field: Sensitive) -> Self {
        self.given(field, Redaction::Whole)
    }

    /// With so much of `field`, whatever was seen of it before.
    pub const fn given(mut self, field: Sensitive, redaction: Redaction) -> Self {
        self.0[field as usize] = redaction;
        self
    }

    /// How much is seen of `field`.
    pub const fn of(self, field: Sensitive) -> Redaction {
        self.0[field as usize]
    }

    /// Whether anything is seen of `field`.
    pub const fn has(self, field: Sensitive) -> bool {
        !matches!(self.of(field), Redaction::Dropped)
    }

    /// Those of which anything is seen, and how much.
    pub fn seen(self) -> impl Iterator<Item = (Sensitive, Redaction)> {
        let all = Sensitive::ALL.into_iter();
        all.map(move |field| (field, self.of(field)))
            .filter(|(_, redaction)| *redaction != Redaction::Dropped)
    }

    /// Of each as much as the one that shows more of it.
    pub fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].max(other.0[at])))
    }

    /// Nothing of those of which `other` has anything.
    pub fn without(self, other: Self) -> Self {
        other.seen().fold(self, |left, (field, _)| {
            left.given(field, Redaction::Dropped)
        })
    }

    /// Whether no more is seen of any than `other` shows.
    pub fn is_within(self, other: Self) -> bool {
        self.0
            .iter()
            .zip(&other.0)
            .all(|(mine, other)| mine <= other)
    }
}

/// What part of `processes` or `sessions` a grant means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whose are seen. Of a denial always all, and of what is nobody's.
    pub whose: Whose,
    /// How much of which fields; of a denial, of which nothing.
    pub fields: Fields,
}

/// The grants of one such capability, prepared for quick answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Sight {
    allowed: Vec<(Seen, Option<Timestamp>, GrantSource)>,
    denied: Fields,
    all_denied: Option<GrantSource>,
}

/// What is seen at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    own: Option<Fields>,
    all: Option<Fields>,
}

impl Sight {
    pub(super) fn of(policy: &Policy, capability: Capability) -> Self {
        let mut sight = Self::default();
        for grant in policy.grants_of(capability) {
            sight.add(grant);
        }
        sight
    }

    fn add(&mut self, grant: &Grant) {
        match (&grant.scope, grant.effect) {
            (Scope::Whole, Effect::Deny) => self.all_denied = Some(grant.source),
            (Scope::Seen(seen), Effect::Allow) => {
                self.allowed.push((*seen, grant.expires, grant.source));
            }
            (Scope::Seen(seen), Effect::Deny) => self.denied = self.denied.or(seen.fields),
            (Scope::Whole, Effect::Allow) if grant.capability.gives_facts() => {
                let fields = Fields::all(grant.capability);
                let whose = Whose::All;
                let seen = Seen { whose, fields };
                self.allowed.push((seen, grant.expires, grant.source));
            }
            // No part is named, or one of another capability: nothing is given.
            (_, Effect::Allow | Effect::Deny) => {}
        }
    }

    /// What is seen at `now`: of each field as much as the grant in force that shows most of
    /// it, less the denied.
    pub(super) fn view(&self, now: Timestamp) -> Result<View, Denial> {
        if let Some(by) = self.all_denied {
            return Err(Denial::Denied { by });
        }
        let mut view = View::default();
        let mut expired: Option<(GrantSource, Timestamp)> = None;
        for (seen, expires, source) in &self.allowed {
            match expires {
                Some(at) if *at <= now => {
                    if expired.is_none_or(|(_, latest)| latest < *at) {
                        expired = Some((*source, *at));
                    }
                    continue;
                }
                Some(_) | None => {}
            }
            let part = match seen.whose {
                Whose::OwnSession => &mut view.own,
                Whose::All => &mut view.all,
            };
            let fields = seen.fields.without(self.denied);
            *part = Some(part.unwrap_or_default().or(fields));
        }
        match (view == View::default(), expired) {
            (false, _) => Ok(view),
            (true, Some((grant, at))) => Err(Denial::Expired { grant, at }),
            (true, None) => Err(Denial::NotGranted),
        }
    }
}

impl View {
    /// The fields that are seen of what is, or is not, of the instance's own session; none if
    /// it is not seen at all.
    pub(super) fn fields(&self, is_own: bool) -> Option<Fields> {
        match (self.own.filter(|_| is_own), self.all) {
            (Some(own), Some(all)) => Some(own.or(all)),
            (own, all) => own.or(all),
        }
    }
}
