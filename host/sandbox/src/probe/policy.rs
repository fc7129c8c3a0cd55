//! The policy under which the probe runs.

use std::collections::BTreeMap;

use bailiwick_core::{
    limits::Limits,
    policy::{Capability, Effect, Grant, GrantSource, Policy, Risk, Scope},
};

/// The capabilities that the probe attacks, under `limits`.
pub(crate) fn policy(limits: &Limits) -> Policy {
    Policy {
        plugin: "probe".parse().expect("a name"),
        vendor: "bailiwick".parse().expect("a name"),
        versions: semver::VersionReq::STAR,
        summary: "Attacks each limit.".to_owned(),
        limits: *limits,
        schedule: None,
        sampling: Default::default(),
        config: BTreeMap::new(),
        grants: [Capability::Log, Capability::Clock, Capability::State]
            .map(grant)
            .into(),
        cases: Vec::new(),
    }
}

fn grant(capability: Capability) -> Grant {
    Grant {
        capability,
        effect: Effect::Allow,
        scope: Scope::Whole,
        reason: "To prove the limit of it.".to_owned(),
        approved_by: "host".to_owned(),
        expires: None,
        risk: Risk::Low,
        source: GrantSource::Policy { line: 1 },
    }
}
