//! A version of a plugin that has passed every check and can be started, again and again.

use std::{sync::Arc, time::Duration};

use bailiwick_core::{
    policy::{Effect, Grant, Interval, Policy},
    release::{Release, World},
    rollout::Generation,
    time::Span,
};
use bailiwick_report::schema::Schema;
use bailiwick_sandbox::{CallError, CpuBudget, Instance, Ports, StartError};

use super::{
    arguments,
    code::{Code, CodeError},
    host::Host,
    live::Live,
};
use crate::{decisions::Author, figures::Figures};

/// Of a policy without schedule. A session-collector's has one, or it does not start.
pub(crate) const NO_SCHEDULE: Interval = Interval {
    every: Span::new(Duration::from_secs(3_600)),
    jitter: Span::new(Duration::ZERO),
};

/// What is needed to start a generation of a plugin, without asking anybody.
pub(crate) struct Launch {
    pub(crate) generation: Generation,
    pub(crate) release: Release,
    pub(crate) policy: Arc<Policy>,
    pub(crate) code: Code,
    /// What its instances may use of the processor, all together.
    pub(crate) budget: CpuBudget,
}

/// What an instance tells once: what its rows look like, or what it takes.
#[derive(Clone)]
pub(crate) enum Told {
    Rows(Arc<Schema>),
    /// The JSON Schema of what it takes; none if it is too long to be sent.
    Arguments(Option<Arc<str>>),
}

/// Why a generation did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    #[error("what it says that it takes is no JSON object: {0}")]
    Arguments(#[from] serde_json::Error),
    #[error(transparent)]
    Code(#[from] CodeError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("its schema can't be had: {error}")]
    Schema {
        error: CallError,
        used: Box<Figures>,
    },
    #[error(transparent)]
    Call(#[from] CallError),
}

impl LaunchError {
    /// How long to wait, if the plugin has used up its share of the processor and did
    /// nothing wrong.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Start(StartError::Wait { wait, .. })
            | Self::Schema {
                error: CallError::Wait(wait),
                ..
            }
            | Self::Call(CallError::Wait(wait)) => Some(*wait),
            _ => None,
        }
    }

    /// What an instance used that could not be had in the end.
    pub(crate) fn used(&self) -> Figures {
        match self {
            Self::Start(StartError::Trapped { usage, .. }) => usage.as_ref().into(),
            Self::Schema { used, .. } => **used,
            _ => Figures::default(),
        }
    }
}

impl Launch {
    /// A fresh instance that has told what it takes or gives.
    pub(crate) async fn live(self: &Arc<Self>, host: &Host) -> Result<Live, LaunchError> {
        let (instance, told) = self.instance(host).await?;
        Ok(Live::new(Arc::clone(self), instance, told))
    }

    /// The same, without what belongs to the generation.
    pub(crate) async fn instance(&self, host: &Host) -> Result<(Instance, Told), LaunchError> {
        self.instance_with(host, host.ports.clone()).await
    }

    /// The same, with ports of its own.
    pub(crate) async fn instance_with(
        &self,
        host: &Host,
        ports: Ports,
    ) -> Result<(Instance, Told), LaunchError> {
        let component = self.code.component(host).await?;
        let author = Author {
            plugin: self.policy.plugin.clone(),
            version: self.release.version.to_string(),
            policy: Arc::clone(&self.policy),
            digest: self.generation.wanted.policy,
        };
        let ports = Ports {
            decisions: host.decisions.of(author),
            ..ports
        };
        let mut instance = Instance::start_within(
            &component,
            &self.policy,
            &self.policy.plugin,
            ports,
            host.clock.now(),
            &self.budget,
        )
        .await?;
        let told = match instance.world() {
            World::ActionHandler => match instance.arguments_schema().await {
                Ok(schema) => Ok(Told::Arguments(arguments::told(&schema)?)),
                Err(error) => Err(error),
            },
            _ => match instance.schema().await {
                Ok(schema) => Ok(Told::Rows(Arc::new(schema))),
                Err(error) => Err(error),
            },
        };
        let told = told.map_err(|error| LaunchError::Schema {
            error,
            used: Box::new(Figures::from(&instance.usage())),
        })?;
        Ok((instance, told))
    }

    /// What the policy grants, one line each: what, how much it sees of persons, and why.
    /// Denials say so.
    pub(crate) fn grants(&self) -> Vec<String> {
        let line = |grant: &Grant| match grant.effect {
            Effect::Allow => {
                let persons = grant.of_persons();
                let persons = persons.map_or_else(String::new, |of| format!(" with {of}"));
                format!("{}{persons}: {}", grant.capability, grant.reason)
            }
            Effect::Deny => format!("{}, denied: {}", grant.capability, grant.reason),
        };
        self.policy.grants.iter().map(line).collect()
    }

    /// Names of the keys whose holders approved it, each once.
    pub(crate) fn approvers(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .policy
            .grants
            .iter()
            .map(|grant| grant.approved_by.to_string())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
