//! Metadata in memory: what the library reads and writes during a refresh, so that the
//! disk is touched only afterwards, and only by us.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sigstore_tuf::MetadataStore;

/// Verified metadata by the library's names: `timestamp.json`, `snapshot.json`,
/// `<role>.json`, `root.json`, `root_history/<n>.root.json`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Staged(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Staged {
    pub(crate) fn new(files: BTreeMap<String, Vec<u8>>) -> Self {
        Self(Arc::new(Mutex::new(files)))
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        // Each write is one insertion: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.files().get(name).cloned()
    }

    pub(crate) fn all(&self) -> BTreeMap<String, Vec<u8>> {
        self.files().clone()
    }
}

impl MetadataStore for Staged {
    fn load(&self, name: &str) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        Ok(self.get(name))
    }

    fn store(&self, name: &str, bytes: &[u8]) -> sigstore_tuf::Result<()> {
        // Targets have a store of their own, and `3.snapshot.json` is a second name of
        // `snapshot.json`.
        let versioned = name
            .strip_suffix(".snapshot.json")
            .is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()));
        if !versioned && !name.starts_with("targets/") {
            self.files().insert(name.to_owned(), bytes.to_vec());
        }
        Ok(())
    }
}
