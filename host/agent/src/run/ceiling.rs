//! The owner's ceiling, as it was last read.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use anyhow::{Context as _, anyhow};
use bailiwick_core::{
    ceiling::{self, Ceiling},
    policy::Policy,
};

/// The ceiling of this device. A file that can't be read never takes the place of one that
/// could; without one from the start no plugin starts, since nobody knows what the owner
/// wants.
pub(crate) struct OwnersCeiling {
    last: RwLock<Arc<Result<Ceiling, String>>>,
}

impl OwnersCeiling {
    /// Reads `file`; `None` takes nothing from any plugin.
    pub(crate) fn open(file: Option<&Path>) -> Self {
        let read = read(file).map_err(|error| format!("{error:#}"));
        Self {
            last: RwLock::new(Arc::new(read)),
        }
    }

    /// Reads `file` anew. Gives the number of its entries if it says something else than
    /// before.
    ///
    /// # Errors
    /// It can't be read or is no ceiling: the last one stays.
    pub(crate) fn read_again(&self, file: Option<&Path>) -> anyhow::Result<Option<usize>> {
        let read = Ok(read(file)?);
        let mut last = self.last.write().unwrap_or_else(PoisonError::into_inner);
        if **last == read {
            return Ok(None);
        }
        let entries = read.as_ref().map_or(0, |ceiling| ceiling.entries.len());
        *last = Arc::new(read);
        Ok(Some(entries))
    }

    /// What is left of `policy`.
    ///
    /// # Errors
    /// The file could not be read since the start.
    pub(crate) fn narrow(&self, policy: &Policy) -> anyhow::Result<Policy> {
        let last = Arc::clone(&self.last.read().unwrap_or_else(PoisonError::into_inner));
        match &*last {
            Ok(ceiling) => Ok(ceiling::narrow(policy, ceiling)),
            Err(reason) => Err(anyhow!("{reason}; no plugin starts before it can be read")),
        }
    }
}

fn read(file: Option<&Path>) -> anyhow::Result<Ceiling> {
    let Some(file) = file else {
        return Ok(Ceiling::default());
    };
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("the ceiling file {name} can't be read"))?;
    Ok(Ceiling::parse(&name, &text)?)
}

/// The files to watch for one that was named: itself, and what it is a link to.
pub(crate) fn watched(file: &Path) -> Vec<PathBuf> {
    let mut files = vec![file.to_owned()];
    files.extend(file.canonicalize().ok().filter(|real| real != file));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = include_str!("../../../core/fixtures/policy.toml");
    const DENY: &str = "format = 1\n[[ceiling]]\ndeny = [\"network\"]\nreason = \"Mine.\"\n";

    #[test]
    fn what_can_not_be_read_takes_the_place_of_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ceiling.toml");
        let policy = Policy::parse("p", POLICY).unwrap();
        let ceiling = OwnersCeiling::open(Some(&file));
        let refused = ceiling.narrow(&policy).unwrap_err().to_string();
        assert!(refused.contains("no plugin starts before"), "{refused}");
        std::fs::write(&file, DENY).unwrap();
        assert_eq!(ceiling.read_again(Some(&file)).unwrap(), Some(1));
        assert_eq!(ceiling.read_again(Some(&file)).unwrap(), None);
        let narrowed = ceiling.narrow(&policy).unwrap();
        assert_ne!(narrowed, policy);
        std::fs::write(&file, "format = 1\n[[ceiling]]\n").unwrap();
        let refused = ceiling.read_again(Some(&file)).unwrap_err().to_string();
        assert!(refused.contains("ceiling.toml:2:1: "), "{refused}");
        assert_eq!(ceiling.narrow(&policy).unwrap(), narrowed);
        assert_eq!(ceiling.read_again(None).unwrap(), Some(0));
        assert_eq!(ceiling.narrow(&policy).unwrap(), policy);
    }
}
