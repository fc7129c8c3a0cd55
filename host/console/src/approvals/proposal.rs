//! A policy that someone is about to sign, held against the one in force.

use bailiwick_audit::Difference;
use bailiwick_core::{
    assignment::{self, Assignment},
    policy::{Case, Grant, GrantSource, Policy},
    time::Timestamp,
};
use bailiwick_repository::Verified;

use super::published::{POLICIES, PublishedError};

/// A policy that is to be signed.
#[derive(Debug)]
pub(crate) struct Proposal {
    policy: Policy,
    /// The policy that it takes the place of, with its target; none if there is none.
    in_force: Option<(String, Policy)>,
}

/// What stands against signing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Objection {
    #[error("{place}: `{key}` is no key of `policies`, whose keys are {}; {}", .keys.join(", "), "name one of them in `approved-by`")]
    NoKey {
        place: String,
        key: String,
        keys: Vec<String>,
    },
    #[error(
        "{place}: this grant is new or changed, and `{named}` is said to have approved it: whoever \
         signs approves, so write `approved-by = \"{own}\"`, or let `{named}` sign"
    )]
    OfAnother {
        place: String,
        named: String,
        own: String,
    },
    #[error("{place}: the case `{call}` does not hold: look with `bailiwick-audit policy test`")]
    Case { place: String, call: String },
}

impl Proposal {
    /// `policy`, to be published as `policies/<file>`. In force is the one of that name, or
    /// else the one under which devices are told to run the plugin.
    ///
    /// # Errors
    /// What is published is not what was signed, or can't be read.
    pub(crate) fn new(
        verified: &mut Verified,
        file: &str,
        policy: Policy,
    ) -> Result<Self, PublishedError> {
        let mut target = format!("{POLICIES}/{file}");
        let mut text = verified.text(POLICIES, &target)?;
        if text.is_none()
            && let Some(other) = assigned(verified, &policy)?
        {
            target = format!("{POLICIES}/{other}");
            text = verified.text(POLICIES, &target)?;
        }
        let in_force = match text {
            Some(text) => {
                let policy = Policy::parse(&target, &text)?;
                Some((target, policy))
            }
            None => None,
        };
        Ok(Self { policy, in_force })
    }

    /// The target of the policy in force, if there is one.
    pub(crate) fn in_force(&self) -> Option<&str> {
        self.in_force.as_ref().map(|(target, _)| target.as_str())
    }

    /// What it changes. Where nothing is in force, all that it grants is new.
    pub(crate) fn difference(&self, file: &str) -> Difference {
        let new = (file, &self.policy);
        match &self.in_force {
            Some((target, policy)) => Difference::of_policies((target, policy), new),
            None => {
                let nothing = Policy {
                    grants: Vec::new(),
                    ..self.policy.clone()
                };
                Difference::of_policies(("nothing", &nothing), new)
            }
        }
    }

    /// Whether whoever signs has to say that they mean it: a first policy allows what nothing
    /// allowed before.
    pub(crate) fn widens(&self, difference: &Difference) -> bool {
        self.in_force.is_none() || difference.is_wider()
    }

    /// What stands against signing it with the key `own`, one of `keys`, at `now`.
    pub(crate) fn objections(
        &self,
        file: &str,
        own: &str,
        keys: &[String],
        now: Timestamp,
    ) -> Vec<Objection> {
        let grants = self.policy.grants.iter();
        let of_grants = grants.filter_map(|grant| self.objection(file, grant, own, keys));
        let failing = self.policy.failing_cases(now);
        let of_cases = failing.iter().map(|case: &&Case| Objection::Case {
            place: format!("{file}:{}", case.line),
            call: case.call.to_string(),
        });
        of_grants.chain(of_cases).collect()
    }

    fn objection(
        &self,
        file: &str,
        grant: &Grant,
        own: &str,
        keys: &[String],
    ) -> Option<Objection> {
        let (GrantSource::Policy { line } | GrantSource::Ceiling { line }) = grant.source;
        let (place, named) = (format!("{file}:{line}"), grant.approved_by.clone());
        if !keys.contains(&named) {
            let (key, keys) = (named, keys.to_vec());
            return Some(Objection::NoKey { place, key, keys });
        }
        if named != own && !self.stood_before(grant) {
            let own = own.to_owned();
            return Some(Objection::OfAnother { place, named, own });
        }
        None
    }

    /// Whether the policy in force has the grant as it is, wherever in its file.
    fn stood_before(&self, grant: &Grant) -> bool {
        let in_force = self.in_force.as_ref();
        in_force.is_some_and(|(_, policy)| {
            policy.plugin == self.policy.plugin
                && policy.grants.iter().any(|old| {
                    let source = old.source;
                    *old == Grant {
                        source,
                        ..grant.clone()
                    }
                })
        })
    }
}

/// The policy under which devices are told to run the plugin: that of the last entry, which is
/// for every device that no other is for.
fn assigned(verified: &mut Verified, policy: &Policy) -> Result<Option<String>, PublishedError> {
    let Some(text) = verified.text(POLICIES, assignment::TARGET)? else {
        return Ok(None);
    };
    let assignment = Assignment::parse(assignment::TARGET, &text)?;
    let mut entries = assignment.plugins.into_iter().rev();
    Ok(entries
        .find(|entry| (&entry.name, &entry.vendor) == (&policy.plugin, &policy.vendor))
        .map(|entry| entry.policy))
}
