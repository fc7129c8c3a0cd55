//! The hosts: ours, and the one that lacks a defence.

use std::sync::Arc;

use bailiwick_core::policy::Policy;

use super::{
    attack::{Attack, Defence},
    outside::Outside,
};
use crate::{
    engine::{self, Engine},
    limits::{Enforced, Enforcer},
};

/// A host with its outside.
pub(super) struct Host {
    pub(super) engine: Engine,
    pub(super) enforced: Enforced,
    pub(super) policy: Policy,
    pub(super) without: Option<Defence>,
    pub(super) outside: Arc<Outside>,
}

impl Host {
    /// With all that we have.
    pub(super) fn ours(attack: &Attack) -> Self {
        Self::new(
            attack,
            attack.policy.clone(),
            None,
            engine::engine().unwrap(),
        )
    }

    /// With all but `defence`.
    pub(super) fn without(defence: Defence, attack: &Attack) -> Self {
        let policy = attack.granting.as_ref().unwrap_or(&attack.policy).clone();
        let engine = match defence {
            Defence::Stack => engine::with_stack(16 * 1024 * 1024),
            _ => engine::engine(),
        };
        Self::new(attack, policy, Some(defence), engine.unwrap())
    }

    fn new(attack: &Attack, policy: Policy, without: Option<Defence>, engine: Engine) -> Self {
        Self {
            engine,
            enforced: without
                .and_then(enforcer)
                .map_or_else(Enforced::default, Enforced::all_but),
            outside: Outside::new(attack, without),
            policy,
            without,
        }
    }
}

/// What of the sandbox is switched off; none where the defence lies elsewhere.
const fn enforcer(defence: Defence) -> Option<Enforcer> {
    match defence {
        Defence::Memory => Some(Enforcer::Memory),
        Defence::Deadline => Some(Enforcer::Deadline),
        Defence::Cpu => Some(Enforcer::Cpu),
        Defence::Output => Some(Enforcer::Output),
        Defence::HostCalls => Some(Enforcer::HostCalls),
        Defence::LogLines => Some(Enforcer::LogLines),
        Defence::State => Some(Enforcer::State),
        Defence::LineShape => Some(Enforcer::LineShape),
        Defence::StateKeys => Some(Enforcer::StateKeys),
        Defence::ClockResolution => Some(Enforcer::ClockResolution),
        Defence::GivingWay => Some(Enforcer::GivingWay),
        Defence::Paths => Some(Enforcer::Paths),
        Defence::Headers => Some(Enforcer::Headers),
        Defence::MagicPackets => Some(Enforcer::MagicPackets),
        Defence::CallingOff => Some(Enforcer::CallingOff),
        Defence::Words => Some(Enforcer::Words),
        Defence::WasiHandles => Some(Enforcer::WasiHandles),
        Defence::WasiRandom => Some(Enforcer::WasiRandom),
        Defence::Worlds => Some(Enforcer::Worlds),
        Defence::OwnSession => Some(Enforcer::OwnSession),
        Defence::Grants
        | Defence::Charging
        | Defence::Stack
        | Defence::OneShare
        | Defence::Supervision
        | Defence::Rates
        | Defence::Pauses
        | Defence::Ledger
        | Defence::Redaction
        | Defence::ObservedCalls => None,
    }
}
