//! The matcher of `power` grants: one for enforcement, `explain`, `diff` and tests; and who is at
//! the device.

use std::time::Duration;

use super::{Capability, Denial, Effect, Grant, Policy, Scope};
use crate::{
    session::{Idle, Session, SessionKind, SessionState},
    time::{Monotonic, Timestamp},
};

/// Who did nothing for so long is not there.
pub const AWAY_AFTER: Duration = Duration::from_secs(10 * 60);

/// For so long nothing else is begun after what ends everything was accepted: by then it has
/// happened, or something is broken that a second order would not mend.
const LONGEST_END: Duration = Duration::from_secs(10 * 60);

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the verb of that name in the contract")]
pub enum PowerVerb {
    Lock,
    Suspend,
    Hibernate,
    Reboot,
    PowerOff,
}

impl PowerVerb {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Lock,
        Self::Suspend,
        Self::Hibernate,
        Self::Reboot,
        Self::PowerOff,
    ];

    /// Its name in policies and in the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Suspend => "suspend",
            Self::Hibernate => "hibernate",
            Self::Reboot => "reboot",
            Self::PowerOff => "power-off",
        }
    }

    /// Whether it takes anything from users: a lock does not.
    pub const fn interrupts(self) -> bool {
        !matches!(self, Self::Lock)
    }

    /// Whether nothing runs on after it.
    pub const fn ends_all(self) -> bool {
        matches!(self, Self::Reboot | Self::PowerOff)
    }

    /// Goes on after "This device".
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Lock => "locks its screens",
            Self::Suspend => "is suspended",
            Self::Hibernate => "hibernates",
            Self::Reboot => "starts anew",
            Self::PowerOff => "switches off",
        }
    }
}

/// Whether users are at the device. Each word of a grant allows what the one before it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presence {
    /// No user has a session.
    Nobody,
    /// Each session is locked, disconnected, or unused for [`AWAY_AFTER`].
    Away,
    /// Somebody is there, or that nobody is can't be told.
    Present,
}

impl Presence {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Nobody, Self::Away, Self::Present];

    /// Its name in policies' cases.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Away => "away",
            Self::Present => "present",
        }
    }

    /// Of the sessions that are open at `now`.
    pub fn of(sessions: &[Session], now: Timestamp) -> Self {
        let of_session = |session: &Session| {
            let facts = &session.facts;
            let state = facts.state.as_ref().map(|told| told.value);
            match facts.kind.as_ref().map(|told| told.value) {
                Some(SessionKind::Service | SessionKind::Background) => return Self::Nobody,
                Some(SessionKind::Graphical | SessionKind::Console | SessionKind::Remote(_))
                | None => {}
            }
            match (state, facts.idle.as_ref().map(|told| told.value)) {
                (Some(SessionState::Closing), _) => Self::Nobody,
                (Some(SessionState::Locked | SessionState::Disconnected), _) => Self::Away,
                (_, Some(Idle::Since(at))) if at.after(AWAY_AFTER) <= now => Self::Away,
                (Some(SessionState::Active) | None, _) => Self::Present,
            }
        };
        let mut all = sessions.iter().map(of_session);
        all.by_ref().max().unwrap_or(Self::Nobody)
    }
}

/// What part of `power` a grant means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Powers {
    /// What may be done.
    pub verbs: Vec<PowerVerb>,
    /// While users are there no more than this; of a denial always.
    pub when_users: Presence,
    /// For how long users are warned before. What does not interrupt them comes at once.
    pub warn_for: Duration,
    /// Least time from the device's start, and from the last one, to the next.
    pub pause: Duration,
}

/// Under what it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerAllowed {
    /// See [`Powers`].
    pub warn_for: Duration,
    /// See [`Powers`].
    pub pause: Duration,
}

/// Why it is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PowerRefusal {
    /// No grant covers it, whoever is there.
    #[error("it is not granted: {0}")]
    Denied(Denial),
    /// A grant would cover it, were fewer users there.
    #[error("it is granted only while no users are at the device")]
    InUse,
}

/// The power grants of a policy.
#[derive(Clone, Debug, Default)]
pub struct Power(Vec<Grant>);

impl Policy {
    /// The matcher of its power grants.
    pub fn power(&self) -> Power {
        Power(self.grants_of(Capability::Power).cloned().collect())
    }
}

impl Power {
    /// Under what `verb` may be done at `now`, with users as they are: with the shortest warning
    /// and pause of the grants that cover it. Deny beats allow.
    ///
    /// # Errors
    /// No grant covers it, or none while users are there so.
    pub fn allows(
        &self,
        verb: PowerVerb,
        users: Presence,
        now: Timestamp,
    ) -> Result<PowerAllowed, PowerRefusal> {
        let mut allowed: Option<PowerAllowed> = None;
        let mut refusal = PowerRefusal::Denied(Denial::NotGranted);
        for grant in &self.0 {
            let by = grant.source;
            let denied = Err(PowerRefusal::Denied(Denial::Denied { by }));
            let powers = match (&grant.scope, grant.effect) {
                (Scope::Whole, Effect::Deny) => return denied,
                (Scope::Powers(powers), _) => powers,
                // No part is named, or one of another capability: nothing is given.
                (_, Effect::Allow | Effect::Deny) => continue,
            };
            if !powers.verbs.contains(&verb) {
                continue;
            }
            match (grant.effect, grant.expires) {
                (Effect::Deny, _) => return denied,
                (Effect::Allow, Some(at)) if at <= now => {
                    if refusal != PowerRefusal::InUse {
                        refusal = PowerRefusal::Denied(Denial::Expired { grant: by, at });
                    }
                }
                (Effect::Allow, _) if verb.interrupts() && powers.when_users < users => {
                    refusal = PowerRefusal::InUse;
                }
                (Effect::Allow, _) => {
                    let warn_for = match verb.interrupts() {
                        true => powers.warn_for,
                        false => Duration::ZERO,
                    };
                    let allowed = allowed.get_or_insert(PowerAllowed {
                        warn_for,
                        pause: powers.pause,
                    });
                    allowed.warn_for = allowed.warn_for.min(warn_for);
                    allowed.pause = allowed.pause.min(powers.pause);
                }
            }
        }
        allowed.ok_or(refusal)
    }
}

/// What was done last on this device, by the time since it was started.
#[derive(Clone, Copy, Debug, Default)]
pub struct PowerPast {
    locked: Option<Monotonic>,
    interrupted: Option<(PowerVerb, Monotonic)>,
}

/// Why it is not yet time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotYet {
    /// What ends everything was accepted.
    UnderWay,
    /// So long.
    TooSoon(Duration),
}

impl PowerPast {
    /// Whether `verb` may be done at `now`, which counts from the device's start: so an order that
    /// is given again and again does not start it anew again and again.
    ///
    /// # Errors
    /// Why not yet.
    pub fn may(&self, verb: PowerVerb, pause: Duration, now: Monotonic) -> Result<(), NotYet> {
        if let Some((last, at)) = self.interrupted
            && last.ends_all()
            && now.since(at) < LONGEST_END
        {
            return Err(NotYet::UnderWay);
        }
        let last = match verb.interrupts() {
            true => Some(self.interrupted.map_or(Monotonic::ZERO, |(_, at)| at)),
            false => self.locked,
        };
        match last.map(|at| now.since(at)) {
            Some(since) if since < pause => Err(NotYet::TooSoon(pause - since)),
            Some(_) | None => Ok(()),
        }
    }

    /// Nothing came of `verb`: it is as it was `before`.
    pub const fn take_back(&mut self, verb: PowerVerb, before: &Self) {
        match verb.interrupts() {
            true => self.interrupted = before.interrupted,
            false => self.locked = before.locked,
        }
    }

    /// `verb` is begun at `now`.
    pub fn note(&mut self, verb: PowerVerb, now: Monotonic) {
        match verb.interrupts() {
            true => self.interrupted = Some((verb, now)),
            false => self.locked = Some(now),
        }
    }
}

#[cfg(test)]
#[path = "power_tests.rs"]
mod tests;
