//! New roots, and new keys for the roles that a root names.

use bailiwick_core::{digest::Sha256, time::Timestamp};
use serde_json::json;

use crate::{Repository, RepositoryError, disk, draft::Draft, roles::keep_used};

/// A role whose keys the root names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are TUF's")]
pub enum TopRole {
    Root,
    Targets,
    Snapshot,
    Timestamp,
}

impl TopRole {
    /// Its name in metadata.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        }
    }
}

impl Repository {
    /// Publishes the next root, in which each of `replaced` has new keys in place of its
    /// old ones, as many and under the same threshold; returns its version. With none, the root is signed anew for a year. The
    /// old key files stay in the keys folder and sign nothing any more.
    pub fn rotate_root(
        &self,
        replaced: &[TopRole],
        now: Timestamp,
    ) -> Result<u64, RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        let mut draft = Draft::new(self, now)?;
        for role in replaced {
            let name = role.name();
            // As many new ones as there were: a threshold is kept.
            let old = draft.role("root")?["roles"][name]["keyids"]
                .as_array()
                .map(Vec::len);
            let mut ids = Vec::new();
            for _ in 0..old.unwrap_or(1).max(1) {
                let (id, declaration) = draft.new_key(name)?;
                draft.role("root")?["keys"][&id] = declaration;
                ids.push(id);
            }
            draft.role("root")?["roles"][name]["keyids"] = json!(ids);
            if *role == TopRole::Targets {
                draft.role("targets")?;
            }
        }
        let root = draft.role("root")?;
        keep_used(root, |root| {
            root["roles"]
                .as_object()
                .map(|roles| roles.values().collect())
        });
        let versions = draft.commit()?;
        Ok(versions.get("root").copied().unwrap_or(0))
    }

    /// The digest of the first root, which devices are told.
    pub fn root_sha256(&self) -> Result<Sha256, RepositoryError> {
        let path = self.public().join("1.root.json");
        let bytes = std::fs::read(&path).map_err(RepositoryError::disk("read", &path))?;
        Ok(Sha256::of(&bytes))
    }
}
