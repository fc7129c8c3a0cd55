//! What a plugin gets when it imports a capability.

use std::time::Duration;

use super::{Capability, Effect, Grant, GrantSource, Policy, Scope};
use crate::time::Timestamp;

/// How an import is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is linked, and each call is checked against its scope.
    Linked,
    /// It was granted and is not any more, or is denied: a stub that answers `denied`.
    Denied(Denial),
    /// It was never granted: it is not there, and who imports it does not start.
    Absent,
}

/// A refusal with its reason. The plugin learns only that it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// No grant covers it.
    #[error("no grant covers it")]
    NotGranted,
    /// Denied, whatever allows it.
    #[error("{by} denies it")]
    Denied {
        /// The denial.
        by: GrantSource,
    },
    /// Every grant that covers it has expired.
    #[error("the grant on {grant} has expired")]
    Expired {
        /// The one that expired last.
        grant: GrantSource,
        /// When.
        at: Timestamp,
    },
    /// The path is not absolute, is longer than 4,096 bytes, holds a NUL, or has an
    /// empty, `.` or `..` part.
    #[error("the path is not absolute, is too long, or has an empty, `.` or `..` part")]
    InvalidPath,
}

impl Policy {
    /// How an import of `capability` is answered at `now`. Deny beats allow.
    pub fn access(&self, capability: Capability, now: Timestamp) -> Access {
        let mut expired: Option<(GrantSource, Timestamp)> = None;
        let mut allowed = false;
        for grant in self.grants_of(capability) {
            match (grant.effect, &grant.scope) {
                (Effect::Deny, Scope::Whole) => {
                    return Access::Denied(Denial::Denied { by: grant.source });
                }
                // A denial of parts is for the matcher of that scope.
                (Effect::Deny, _) => {}
                (Effect::Allow, _) => match grant.expires {
                    Some(at) if at <= now => {
                        if expired.is_none_or(|(_, latest)| latest < at) {
                            expired = Some((grant.source, at));
                        }
                    }
                    Some(_) | None => allowed = true,
                },
            }
        }
        match (allowed, expired) {
            (true, _) => Access::Linked,
            (false, Some((grant, at))) => Access::Denied(Denial::Expired { grant, at }),
            (false, None) => Access::Absent,
        }
    }

    /// The grants of one capability, denials included, in the order of the file.
    pub fn grants_of(&self, capability: Capability) -> impl Iterator<Item = &Grant> {
        self.grants
            .iter()
            .filter(move |grant| grant.capability == capability)
    }

    /// When `capability` stops being linked: `None` if it is linked for ever. For what is
    /// not allowed at all it is the epoch.
    pub fn linked_until(&self, capability: Capability) -> Option<Timestamp> {
        if self.access(capability, Timestamp::EPOCH) != Access::Linked {
            return Some(Timestamp::EPOCH);
        }
        self.grants_of(capability)
            .filter(|grant| grant.effect == Effect::Allow)
            .map(|grant| grant.expires)
            .reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b)))
            .flatten()
    }

    /// Grants that are in force at `now` and expire within `span` of it: what to report
    /// before devices lose them.
    pub fn expiring_within(&self, span: Duration, now: Timestamp) -> impl Iterator<Item = &Grant> {
        let end = now.after(span);
        self.grants
            .iter()
            .filter(move |grant| grant.expires.is_some_and(|at| now < at && at <= end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{FileRoot, Risk};

    fn grant(effect: Effect, scope: Scope, expires: Option<u64>, line: u32) -> Grant {
        Grant {
            capability: Capability::Files,
            effect,
            scope,
            reason: "A test.".to_owned(),
            approved_by: "tests".to_owned(),
            expires: expires.map(Timestamp::from_ms),
            risk: Risk::Low,
            source: GrantSource::Policy { line },
        }
    }

    fn etc() -> Scope {
        Scope::Files(vec![FileRoot {
            root: "/etc".to_owned(),
            patterns: vec!["passwd".parse().unwrap()],
        }])
    }

    fn access(grants: Vec<Grant>, now: u64) -> Access {
        policy(grants).access(Capability::Files, Timestamp::from_ms(now))
    }

    fn policy(grants: Vec<Grant>) -> Policy {
        let text = include_str!("../../fixtures/policy.toml");
        let mut policy = Policy::parse("p", text).unwrap();
        policy.grants = grants;
        policy
    }

    #[test]
    fn never_granted_is_absent_and_once_granted_is_denied() {
        assert_eq!(access(vec![], 0), Access::Absent);
        assert_eq!(
            access(vec![grant(Effect::Deny, etc(), None, 1)], 0),
            Access::Absent
        );
        let expiring = grant(Effect::Allow, etc(), Some(10), 4);
        assert_eq!(access(vec![expiring.clone()], 9), Access::Linked);
        assert_eq!(
            access(vec![expiring.clone()], 10),
            Access::Denied(Denial::Expired {
                grant: GrantSource::Policy { line: 4 },
                at: Timestamp::from_ms(10),
            })
        );
        let forever = grant(Effect::Allow, etc(), None, 5);
        assert_eq!(access(vec![expiring, forever], 10), Access::Linked);
    }

    #[test]
    fn deny_beats_allow_in_any_order() {
        let allow = grant(Effect::Allow, etc(), None, 1);
        let deny = grant(Effect::Deny, Scope::Whole, None, 2);
        let denied = Access::Denied(Denial::Denied {
            by: GrantSource::Policy { line: 2 },
        });
        assert_eq!(access(vec![allow.clone(), deny.clone()], 0), denied);
        assert_eq!(access(vec![deny, allow], 0), denied);
    }

    #[test]
    fn a_capability_is_linked_until_its_last_grant_expires() {
        let until = |grants| policy(grants).linked_until(Capability::Files);
        let at = |ms| Some(Timestamp::from_ms(ms));
        let allow = |expires| grant(Effect::Allow, etc(), expires, 1);
        assert_eq!(until(vec![]), at(0));
        assert_eq!(until(vec![allow(Some(10)), allow(Some(20))]), at(20));
        assert_eq!(until(vec![allow(Some(10)), allow(None)]), None);
    }

    #[test]
    fn what_expires_soon_is_reported_once_it_is_near_and_until_it_has() {
        const DAY: u64 = 86_400_000;
        let policy = policy(vec![grant(Effect::Allow, etc(), Some(40 * DAY), 1)]);
        let expiring = |day| {
            policy
                .expiring_within(
                    Duration::from_secs(30 * 86_400),
                    Timestamp::from_ms(day * DAY),
                )
                .count()
        };
        assert_eq!(
            [expiring(9), expiring(10), expiring(39), expiring(40)],
            [0, 1, 1, 0]
        );
    }
}
