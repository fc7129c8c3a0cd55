//! What is published, read as devices read it: nothing that its keys did not sign.

use bailiwick_core::digest::Sha256;
use sigstore_tuf::Updater;

use crate::{Repository, RepositoryError, gate};

/// A repository of which the metadata were verified, from the first root in its folder on.
///
/// Whether a signature has expired does not matter here: what was signed last is what people
/// look at and compare with, however long ago. Devices judge that for themselves.
pub struct Verified {
    repository: Repository,
    updater: Updater,
}

impl std::fmt::Debug for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verified")
            .field("repository", &self.repository)
            .finish_non_exhaustive()
    }
}

impl Repository {
    /// Verifies what is published.
    ///
    /// # Errors
    /// A device would not accept it, whenever.
    pub fn verified(&self) -> Result<Verified, RepositoryError> {
        let updater = gate::reader(self)?;
        let repository = self.clone();
        Ok(Verified {
            repository,
            updater,
        })
    }
}

impl Verified {
    /// The bytes of a target that `role` lists; `None` if no role lists it.
    ///
    /// # Errors
    /// They are not those that the role's keys signed.
    pub fn target(&mut self, role: &str, path: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
        let Some(bytes) = gate::fetch(&mut self.updater, path)? else {
            return Ok(None);
        };
        // Another role may list the path, and comes first in a search.
        let signed = self.repository.role(role)?.unwrap_or_default();
        let listed = signed["targets"][path]["hashes"]["sha256"].as_str();
        if listed != Some(Sha256::of(&bytes).to_string().as_str()) {
            let reason = format!("another role than `{role}` lists `{path}`");
            return Err(RepositoryError::Unverified(reason));
        }
        Ok(Some(bytes))
    }

    /// The same, as text.
    ///
    /// # Errors
    /// As above, or it is no text.
    pub fn text(&mut self, role: &str, path: &str) -> Result<Option<String>, RepositoryError> {
        let bytes = self.target(role, path)?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_| RepositoryError::Unverified(format!("`{path}` is not text")))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bailiwick_core::time::Timestamp;

    use super::*;
    use crate::Init;

    #[test]
    fn what_nobody_signed_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::from_ms(1_795_435_200_000);
        let init = Init {
            vendors: Vec::new(),
            server_names: Vec::new(),
            now,
        };
        Repository::init(folder.path(), &init).unwrap();
        let repository = Repository::open(folder.path()).unwrap();
        let text = include_str!("../../core/fixtures/policy.toml");
        let sha256 = repository.put_policy("inventory.toml", text, now).unwrap();
        let path = "policies/inventory.toml";
        let read = || repository.verified()?.text("policies", path);
        assert_eq!(read().unwrap().as_deref(), Some(text));
        let mut verified = repository.verified().unwrap();
        assert_eq!(verified.text("policies", "policies/x.toml").unwrap(), None);
        assert!(verified.text("targets", path).is_err());

        let file = repository
            .public()
            .join(format!("policies/{sha256}.inventory.toml"));
        fs::write(&file, text.replace("16 MiB", "64 MiB")).unwrap();
        let refused = read().unwrap_err().to_string();
        assert!(refused.contains("can't be verified"), "{refused}");
        fs::write(&file, text).unwrap();
        let metadata = repository.public().join("2.policies.json");
        let signed = fs::read_to_string(&metadata).unwrap();
        fs::write(&metadata, signed.replace("inventory", "inventorz")).unwrap();
        assert!(
            repository
                .verified()
                .and_then(|mut it| it.text("policies", path))
                .is_err()
        );
    }
}
