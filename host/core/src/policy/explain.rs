//! Why a call would be allowed or refused: the matchers' answer, and what each grant of the
//! capability has to do with it.

use std::fmt;

use super::{
    Call, Capability, ControlVerb, ControlledOf, Controls, Denial, Effect, Fields, FileRoot, Grant,
    GrantSource, Messages, PathPattern, Permit, Policy, PowerVerb, Powers, Presence, Recipient,
    Refusal, Requests, Risk, Scope, Seen, Sensitive, Wakes, Whose, shown::last_day,
};
use crate::time::Timestamp;

/// Why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// What is asked.
    pub call: &'a Call,
    /// The answer that a plugin would get.
    pub answer: Result<Permit, Refusal>,
    /// Each grant of the capability, in the order of the file.
    pub bearings: Vec<(&'a Grant, Bearing)>,
}

/// What a grant has to do with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bearing {
    /// It covers the call and is in force.
    Allows,
    /// It covers the call and has expired.
    Expired(Timestamp),
    /// It allows something else, and what is wrong if it is nearly this.
    DoesNotCover(Option<String>),
    /// It denies the call, whatever allows it.
    Denies,
    /// It denies something else.
    DeniesSomethingElse,
}

impl<'a> Explanation<'a> {
    /// The grants that allow the call, if it is allowed.
    pub fn allowing(&self) -> impl Iterator<Item = &'a Grant> {
        let allowing = |(_, bearing): &&(&'a Grant, Bearing)| *bearing == Bearing::Allows;
        self.bearings
            .iter()
            .filter(allowing)
            .map(|(grant, _)| *grant)
    }
}

impl Policy {
    /// Why `call` would be allowed or refused at `now`.
    pub fn explain<'a>(&'a self, call: &'a Call, now: Timestamp) -> Explanation<'a> {
        Explanation {
            call,
            answer: self.matcher().permits(call, now),
            bearings: self
                .grants_of(call.capability())
                .map(|grant| (grant, self.bearing(grant, call, now)))
                .collect(),
        }
    }

    /// Asks the matchers as if the grant stood alone.
    fn bearing(&self, grant: &Grant, call: &Call, now: Timestamp) -> Bearing {
        let mut alone = self.clone();
        match grant.effect {
            Effect::Allow => {
                alone.grants = vec![grant.clone()];
                // Before anything expires.
                match (
                    alone.matcher().permits(call, Timestamp::EPOCH),
                    grant.expires,
                ) {
                    (Ok(_), Some(at)) if at <= now => Bearing::Expired(at),
                    (Ok(_), _) => Bearing::Allows,
                    (Err(Refusal::Denied(Denial::NotGranted)), _) => Bearing::DoesNotCover(None),
                    (Err(refusal), _) => Bearing::DoesNotCover(Some(refusal.to_string())),
                }
            }
            Effect::Deny => {
                alone.grants = vec![everything(call), grant.clone()];
                match alone.matcher().permits(call, now) {
                    Err(Refusal::Denied(Denial::Denied { .. })) => Bearing::Denies,
                    _ => Bearing::DeniesSomethingElse,
                }
            }
        }
    }
}

/// A grant of all that can be named, against which a denial shows. No policy can say it.
fn everything(call: &Call) -> Grant {
    let capability = call.capability();
    let fields = Sensitive::ALL.into_iter().fold(Fields::NONE, Fields::with);
    let scope = match capability {
        Capability::Files | Capability::Watch => Scope::Files(vec![FileRoot {
            root: "/".to_owned(),
            patterns: vec![PathPattern(vec!["**".to_owned()])],
        }]),
        Capability::Processes | Capability::Sessions => Scope::Seen(Seen {
            whose: Whose::All,
            fields,
        }),
        // A denial of a program is looked at before what is allowed.
        Capability::Exec => Scope::Programs(Vec::new()),
        Capability::Wake => Scope::Wakes(Wakes {
            macs: vec![Vec::new()],
            links: Vec::new(),
            per_minute: 1,
        }),
        Capability::ProcessControl => Scope::Controls(Controls {
            verbs: ControlVerb::ALL.to_vec(),
            executables: "/**".parse().into_iter().collect(),
            whose: ControlledOf::AnyUserAndRoot,
            per_minute: 1,
        }),
        // So is one of requests.
        Capability::Http => Scope::Requests(Requests {
            origins: Vec::new(),
            methods: Vec::new(),
            paths: Vec::new(),
            networks: Vec::new(),
            per_minute: 1,
        }),
        Capability::Message => Scope::Messages(Messages {
            users: match call {
                Call::Message { user } => vec![Recipient::Named(user.clone())],
                _ => vec![Recipient::AnyButRoot],
            },
            from: String::new(),
            per_minute: 1,
        }),
        Capability::Power => Scope::Powers(Powers {
            verbs: PowerVerb::ALL.to_vec(),
            when_users: Presence::Present,
            warn_for: std::time::Duration::ZERO,
            pause: std::time::Duration::ZERO,
        }),
        Capability::Log
        | Capability::Clock
        | Capability::State
        | Capability::Config
        | Capability::System
        | Capability::Network => Scope::Whole,
    };
    Grant {
        capability,
        effect: Effect::Allow,
        scope,
        reason: String::new(),
        approved_by: String::new(),
        expires: None,
        risk: Risk::Low,
        source: GrantSource::Policy { line: 0 },
    }
}

impl fmt::Display for Bearing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allows => f.write_str("allows it"),
            Self::Expired(at) => write!(f, "covers it, and held only until {}", last_day(*at)),
            Self::DoesNotCover(None) => f.write_str("does not cover it"),
            Self::DoesNotCover(Some(reason)) => write!(f, "does not cover it: {reason}"),
            Self::Denies => f.write_str("denies it, whatever allows it"),
            Self::DeniesSomethingElse => f.write_str("denies something else"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANTS: &str = r#"
[[grant]]
capability = "wake"
effect = "allow"
macs = ["52:54:00"]
per-minute = 6
reason = "A test."
approved-by = "tests"
expires = 2026-12-31
risk = "low"
[[grant]]
capability = "wake"
effect = "deny"
macs = ["52:54:00:01"]
reason = "A test."
approved-by = "tests"
risk = "low"
"#;

    fn explained(call: &str, now: u64) -> (String, Vec<(u32, String)>) {
        let text = format!("{}{GRANTS}", include_str!("../../fixtures/policy.toml"));
        let policy = Policy::parse("p.toml", &text).unwrap();
        let words: Vec<_> = call.split(' ').collect();
        let call = Call::from_words(&words).unwrap();
        let explanation = policy.explain(&call, Timestamp::from_ms(now));
        let answer = match &explanation.answer {
            Ok(_) => "allowed".to_owned(),
            Err(refusal) => refusal.to_string(),
        };
        let line = |grant: &Grant| match grant.source {
            GrantSource::Policy { line } | GrantSource::Ceiling { line } => line,
        };
        let bearings = explanation.bearings.iter();
        let bearings = bearings.map(|(grant, bearing)| (line(grant), bearing.to_string()));
        (answer, bearings.collect())
    }

    /// What matters of each grant, without those that have nothing to do with the call.
    fn bearing(call: &str, now: u64) -> (String, Vec<String>) {
        let (answer, bearings) = explained(call, now);
        let matters =
            |(_, text): &(u32, String)| !text.starts_with("does not") && !text.ends_with("else");
        let bearings = bearings.into_iter().filter(matters);
        (answer, bearings.map(|(_, text)| text).collect())
    }

    #[test]
    fn each_reason_names_its_grant() {
        const LATE: u64 = 4_000_000_000_000;
        let (allowed, bearings) = explained("files /etc/passwd", 0);
        assert_eq!(allowed, "allowed");
        let text = include_str!("../../fixtures/policy.toml");
        let at = |line: u32| text.lines().nth(line as usize - 1).unwrap();
        let (line, _) = bearings
            .iter()
            .find(|(_, text)| text == "allows it")
            .unwrap();
        assert_eq!(at(*line), "[[grant]]");
        assert!(at(*line + 3).contains("\"passwd\""), "{line}");

        let never = bearing("state", 0);
        assert!(
            never.0.contains("never granted") && never.1.is_empty(),
            "{never:?}"
        );
        let not_covered = bearing("files /home/a", 0);
        assert_eq!(not_covered, ("no grant covers it".to_owned(), vec![]));

        let denied = bearing("wake 52:54:00:01:02:03 eth0", 0);
        assert!(denied.0.contains("denies it"), "{denied:?}");
        assert_eq!(denied.1, ["allows it", "denies it, whatever allows it"]);

        let expired = bearing("wake 52:54:00:02:02:03 eth0", LATE);
        assert!(expired.0.contains("has expired"), "{expired:?}");
        assert_eq!(expired.1, ["covers it, and held only until 2026-12-31"]);

        // Denied although no grant covers it: nobody shall think that one would be enough.
        let both = bearing("files /etc/shadow", 0);
        assert_eq!(both.1, ["denies it, whatever allows it"]);
    }
}
