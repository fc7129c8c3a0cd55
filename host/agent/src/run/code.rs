//! The native code of a plugin: in memory while an instance runs it, else on disk alone.

use std::sync::{Mutex, PoisonError};

use bailiwick_core::{digest::Sha256, ports::CompileError};
use bailiwick_delivery::DiskError;
use bailiwick_sandbox::{
    Component, WeakComponent,
    artifact::{Artifact, LoadError},
};

use super::host::Host;

/// The component of a generation.
#[derive(Debug)]
pub(crate) struct Code {
    /// Digest of the component that was compiled.
    sha256: Sha256,
    mapped: Mutex<Mapped>,
}

#[derive(Debug)]
enum Mapped {
    /// Held for the first instance, which starts soon.
    Held(Component),
    /// As long as an instance holds it.
    Lent(WeakComponent),
}

/// A plugin's code can't be mapped again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodeError {
    #[error(
        "neither its compiled code nor its component is on the device any more: start the agent \
         again, and its next refresh fetches it"
    )]
    Lost,
    #[error("its component can't be read: {0}")]
    Disk(#[from] DiskError),
    #[error("it can't be compiled again: {0}")]
    Compile(#[from] CompileError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("reading it was interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl Code {
    /// `component`, which was compiled from one with this digest.
    pub(crate) fn new(sha256: Sha256, component: Component) -> Self {
        Self {
            sha256,
            mapped: Mutex::new(Mapped::Held(component)),
        }
    }

    /// The component; mapped again if no instance runs it now.
    ///
    /// # Errors
    /// It is not there any more, or can't be read.
    pub(crate) async fn component(&self, host: &Host) -> Result<Component, CodeError> {
        if let Some(component) = self.mapped() {
            return Ok(component);
        }
        let artifact = self.artifact(host).await?;
        // Whoever was faster is used by all.
        if let Some(component) = self.mapped() {
            return Ok(component);
        }
        let component = Component::from_artifact(&host.engine, &artifact)?;
        *self.lock() = Mapped::Lent(component.downgrade());
        Ok(component)
    }

    fn mapped(&self) -> Option<Component> {
        let mut mapped = self.lock();
        match &*mapped {
            Mapped::Held(component) => {
                let component = component.clone();
                *mapped = Mapped::Lent(component.downgrade());
                Some(component)
            }
            Mapped::Lent(component) => component.upgrade(),
        }
    }

    /// What this device compiled before; compiled again where that is gone.
    async fn artifact(&self, host: &Host) -> Result<Artifact, CodeError> {
        let (artifacts, targets) = (host.artifacts.clone(), host.targets.clone());
        let sha256 = self.sha256;
        let read = move || match artifacts.load(&sha256) {
            Some(artifact) => Ok(Found::Artifact(artifact)),
            None => match targets.get(&sha256)? {
                Some(component) => Ok(Found::Component(component)),
                None => Err(CodeError::Lost),
            },
        };
        match tokio::task::spawn_blocking(read).await?? {
            Found::Artifact(artifact) => Ok(artifact),
            Found::Component(component) => {
                let artifacts = &host.artifacts;
                Ok(artifacts
                    .load_or_compile(&component, &host.compiler)
                    .await?)
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Mapped> {
        self.mapped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Found {
    Artifact(Artifact),
    Component(Vec<u8>),
}
