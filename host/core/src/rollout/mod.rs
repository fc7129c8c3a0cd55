//! How one plugin goes from one version or policy to the next: beside the old, on
//! probation, then kept or taken back.
//!
//! [`Rollout`] is a state machine. The agent tells it what happened and executes the
//! effects that it answers, in their order. It is stored with serde whenever an event
//! changed it: what is in flight is left out and begins again after a restart.

mod event;
mod machine;
mod report;

pub use event::{Effect, Event, Step};
pub use report::Transition;

use std::time::Duration;

use semver::Version;

use crate::{
    digest::Sha256,
    ids::{GenerationId, PluginName, VendorName},
    revocation::Revocations,
    time::Monotonic,
};

/// What should run: a version under a policy.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Wanted {
    /// Of the plugin.
    pub version: Version,
    /// Digest of the release manifest, which names the component's.
    pub release: Sha256,
    /// Digest of the policy file.
    pub policy: Sha256,
}

/// What was activated, or is about to be.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Generation {
    /// Rises with every attempt.
    pub id: GenerationId,
    /// What it runs.
    pub wanted: Wanted,
}

/// How long a new generation is on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Successful calls after which it is kept.
    pub calls: u32,
    /// Time after which one successful call is enough.
    pub duration: Duration,
    /// Failed calls after which it is taken back.
    pub failures: u32,
    /// Starts of the agent during the trial after which it is taken back: it may be what
    /// stops the agent.
    pub starts: u32,
}

impl Default for Trial {
    /// 3 calls, 10 minutes, 2 failures, 3 starts.
    fn default() -> Self {
        Self {
            calls: 3,
            duration: Duration::from_secs(600),
            failures: 2,
            starts: 3,
        }
    }
}

/// The state of one plugin's rollout.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    plugin: PluginName,
    vendor: VendorName,
    #[serde(skip)]
    trial: Trial,
    /// The highest serial of an assignment that was followed.
    serial: u64,
    last_id: GenerationId,
    running: Option<Generation>,
    /// What to go back to while `running` is on probation.
    previous: Option<Generation>,
    probation: Option<Probation>,
    #[serde(skip)]
    candidate: Option<(Generation, Step)>,
    /// What failed last: not tried again while it is what is wanted.
    failed: Option<Wanted>,
    /// Whether that was forbidden by the list of then: the list may be another one by the time
    /// at which this is read again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    failed_is_forbidden: bool,
    #[serde(skip)]
    revocations: Revocations,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Probation {
    /// A monotonic time means nothing after a restart.
    #[serde(skip)]
    since: Option<Monotonic>,
    successes: u32,
    failures: u32,
    starts: u32,
}

impl Rollout {
    /// The rollout of a plugin that was never there.
    pub fn new(plugin: PluginName, vendor: VendorName, trial: Trial) -> Self {
        Self {
            plugin,
            vendor,
            trial,
            serial: 0,
            last_id: GenerationId(0),
            running: None,
            previous: None,
            probation: None,
            candidate: None,
            failed: None,
            failed_is_forbidden: false,
            revocations: Revocations::default(),
        }
    }

    /// A stored rollout with what is not stored with it.
    #[must_use]
    pub fn restored(self, trial: Trial, revocations: Revocations) -> Self {
        Self {
            trial,
            revocations,
            ..self
        }
    }

    /// Which plugin.
    pub fn plugin(&self) -> &PluginName {
        &self.plugin
    }

    /// Whose.
    pub fn vendor(&self) -> &VendorName {
        &self.vendor
    }

    /// What runs, or runs after the next start.
    pub fn running(&self) -> Option<&Generation> {
        self.running.as_ref()
    }

    /// What it would go back to.
    pub fn previous(&self) -> Option<&Generation> {
        self.previous.as_ref()
    }

    /// What is being prepared, and how far.
    pub fn candidate(&self) -> Option<(&Generation, Step)> {
        self.candidate
            .as_ref()
            .map(|(generation, step)| (generation, *step))
    }

    /// Whether what runs is on trial.
    pub fn on_probation(&self) -> bool {
        self.probation.is_some()
    }

    /// Whether what is wanted now was given up: it failed, asked for too much or is forbidden.
    pub fn has_given_up(&self) -> bool {
        self.failed.is_some()
    }

    /// The highest serial of an assignment that was followed.
    pub fn serial(&self) -> u64 {
        self.serial
    }
}

#[cfg(test)]
mod tests;
