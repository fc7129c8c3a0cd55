//! Proves, before a plugin starts, that each of its limits is live on this host.
//!
//! A hostile component of ours (`probe/limits.wat`) attacks one limit at a time, in the
//! same kind of instance and under the same limit values as the plugin will have. Two
//! things differ. Its clock runs faster where a limit is a time: the enforcer compares the
//! policy's own value with a clock that gets there in milliseconds. And its ports keep and
//! read nothing, so that the proof leaves no trace.
//!
//! What this does not prove: that a limit is wise.

mod attack;
mod clock;
mod policy;
mod ports;

use std::sync::Arc;

use bailiwick_core::{limits::Limits, ports::Clock};

use self::attack::Attack;
#[cfg(test)]
pub(crate) use self::{policy::policy, ports::ports};
use crate::{artifact::LoadError, component::Component, error::StartError, limits::Enforced};

/// That every limit of these was live a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    limits: Limits,
}

impl Proof {
    /// Of which limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// Why nothing was proven. The plugin must not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The probe does not load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The probe does not start.
    #[error("the probe of `{limit}` can't be started: {reason}")]
    Start {
        /// As in the policy.
        limit: &'static str,
        /// Why.
        reason: StartError,
    },
    /// The limit did not stop what passed it.
    #[error("the limit `{limit}` is not live on this host: {saw}")]
    NotLive {
        /// As in the policy.
        limit: &'static str,
        /// What happened instead.
        saw: String,
    },
}

/// Attacks each limit with `probe`, the artifact of `bailiwick-compile --probe limits`.
/// Takes a few ticks of 10 ms, most of them waiting.
///
/// # Errors
///
/// The first limit that is not live.
pub async fn prove(
    probe: &Component,
    limits: &Limits,
    clock: &Arc<dyn Clock>,
) -> Result<Proof, ProbeError> {
    prove_enforced(probe, limits, clock, Enforced::default()).await
}

async fn prove_enforced(
    probe: &Component,
    limits: &Limits,
    clock: &Arc<dyn Clock>,
    enforced: Enforced,
) -> Result<Proof, ProbeError> {
    let run = |attack: Attack| attack.run(probe, limits, clock, enforced);
    run(Attack::Memory).await?;
    run(Attack::Output).await?;
    run(Attack::State).await?;
    run(Attack::LogLines).await?;
    run(Attack::HostCalls).await?;
    // These last until a tick, so they share it.
    tokio::try_join!(run(Attack::Spin), run(Attack::Wait), run(Attack::Cpu))?;
    Ok(Proof { limits: *limits })
}

#[cfg(test)]
mod tests;
