//! Compiled artifacts on disk.
//!
//! Loading an artifact is running native code, so it is loaded only if this device wrote
//! it: each file carries a MAC under a key of the device, over the digest of the component
//! it came from, the engine it fits and every byte of code. What is verified is what is
//! loaded: one read into memory that nothing else can change, never the path twice.
//!
//! What this does *not* prove: that the component is benign (audit and policy tell), or
//! that nobody with the rights of the host's own user interfered: such a person has the key.

mod authenticated;
mod compatibility;
mod folder;
mod format;
mod key;

pub use authenticated::{Artifact, LoadError};
pub use folder::FolderError;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bailiwick_core::{
    digest::Sha256,
    ports::{Compile, CompileError},
};

use self::{folder::Folder, format::Rejection, key::Key};
use crate::engine::Engine;

/// The artifacts that this device compiled. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Artifacts {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: Folder,
    key: Key,
    compatibility: [u8; 32],
    outdated: AtomicU64,
    tampered: AtomicU64,
    not_stored: AtomicU64,
}

/// What went wrong with stored artifacts since the start. Each time the component was
/// compiled again, and nothing else happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discarded {
    /// Written by another version or other settings of the host.
    pub outdated: u64,
    /// Damaged, cut, of another component or of another device.
    pub tampered: u64,
    /// Could not be written, so that the next start compiles again.
    pub not_stored: u64,
}

impl Artifacts {
    /// Opens the folder, or makes it, with a new key if it has none. Blocks.
    ///
    /// # Errors
    ///
    /// If the folder can't be made or is open to other users.
    pub fn open(directory: &Path, engine: &Engine) -> Result<Self, FolderError> {
        let folder = Folder::open(directory)?;
        let key = Key::of(&folder)?;
        Ok(Self {
            inner: Arc::new(Inner {
                folder,
                key,
                compatibility: compatibility::of(engine),
                outdated: AtomicU64::new(0),
                tampered: AtomicU64::new(0),
                not_stored: AtomicU64::new(0),
            }),
        })
    }

    /// The artifact of the component with this digest, if there is one that this device
    /// wrote for this engine. One that fails is removed and counted. Blocks.
    pub fn load(&self, component: &Sha256) -> Option<Artifact> {
        let inner = &*self.inner;
        let name = file_name(component);
        let file = match inner.folder.read(&name) {
            Ok(file) => file?,
            // Too long, of another kind, unreadable: not what `store` leaves behind.
            Err(_) => {
                inner.tampered.fetch_add(1, Ordering::Relaxed);
                inner.folder.remove(&name);
                return None;
            }
        };
        match format::open(file, &inner.key, &inner.compatibility, component) {
            Ok(artifact) => Some(artifact),
            Err(rejection) => {
                let counter = match rejection {
                    Rejection::Outdated => &inner.outdated,
                    Rejection::Tampered => &inner.tampered,
                };
                counter.fetch_add(1, Ordering::Relaxed);
                inner.folder.remove(&name);
                None
            }
        }
    }

    /// Keeps what the compiler made of the component with this digest. Blocks until it is
    /// on disk.
    ///
    /// # Errors
    ///
    /// If the file can't be written; what was there before is still there.
    pub fn store(&self, component: &Sha256, compiled: &[u8]) -> Result<(), FolderError> {
        let inner = &*self.inner;
        let header = format::header(&inner.key, &inner.compatibility, component, compiled);
        inner
            .folder
            .write(&file_name(component), &[&header, compiled])
    }

    /// The artifact of `component`: the stored one, or else a fresh one from `compiler`,
    /// which is then stored. That it could not be stored is counted and no error.
    ///
    /// # Errors
    ///
    /// The compiler's.
    pub async fn load_or_compile(
        &self,
        component: &[u8],
        compiler: &dyn Compile,
    ) -> Result<Artifact, CompileError> {
        let digest = Sha256::of(component);
        let stored = blocking({
            let this = self.clone();
            move || this.load(&digest)
        });
        if let Some(artifact) = stored.await? {
            return Ok(artifact);
        }
        let compiled = Artifact::from_compiler(compiler.compile(component).await?);
        let (compiled, written) = blocking({
            let this = self.clone();
            move || {
                let written = this.store(&digest, compiled.bytes());
                (compiled, written)
            }
        })
        .await?;
        if written.is_err() {
            self.inner.not_stored.fetch_add(1, Ordering::Relaxed);
        }
        Ok(compiled)
    }

    /// Removes the artifacts of all components but these. Blocks.
    ///
    /// # Errors
    ///
    /// If the folder can't be listed.
    pub fn retain(&self, components: &[Sha256]) -> Result<(), FolderError> {
        let keep: Vec<_> = components.iter().map(file_name).collect();
        self.inner
            .folder
            .remove_all(|name| name.ends_with(SUFFIX) && !keep.iter().any(|kept| kept == name))
    }

    /// What was discarded since the start.
    pub fn discarded(&self) -> Discarded {
        Discarded {
            outdated: self.inner.outdated.load(Ordering::Relaxed),
            tampered: self.inner.tampered.load(Ordering::Relaxed),
            not_stored: self.inner.not_stored.load(Ordering::Relaxed),
        }
    }
}

const SUFFIX: &str = ".artifact";

fn file_name(component: &Sha256) -> String {
    format!("{component}{SUFFIX}")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CompileError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| CompileError::Stopped(format!("the host is ending: {error}")))
}

#[cfg(test)]
mod tests;
