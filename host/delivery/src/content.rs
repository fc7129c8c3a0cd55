//! Verified targets by digest.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use bailiwick_core::{bytes::ByteCount, digest::Sha256, release::LONGEST_COMPONENT};

use crate::{DiskError, disk};

/// All targets together: several generations of a hundred plugins.
pub(crate) const LIMIT: ByteCount = ByteCount::mib(512);

/// A folder of files, each named by its digest. Nothing leaves it unless
/// [`Content::prune`] is told what must stay: clean-up never removes what runs.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    folder: PathBuf,
    limit: ByteCount,
}

/// The targets that are kept, for reading alone. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KeptTargets(pub(crate) Content);

impl KeptTargets {
    /// A target that was verified before, by its digest. `None` if it is not kept or was
    /// damaged. It proves that the bytes are the same, not that they are still wanted. Blocks.
    ///
    /// # Errors
    ///
    /// If the disk can't be read.
    pub fn get(&self, sha256: &Sha256) -> Result<Option<Vec<u8>>, DiskError> {
        self.0.get(sha256)
    }
}

impl Content {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            limit: LIMIT,
        }
    }

    fn path(&self, digest: &Sha256) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    /// The bytes, compared with their digest; what does not match is set aside.
    pub(crate) fn get(&self, digest: &Sha256) -> Result<Option<Vec<u8>>, DiskError> {
        let path = self.path(digest);
        let Some(bytes) = disk::read(&path, LONGEST_COMPONENT.get())? else {
            return Ok(None);
        };
        if Sha256::of(&bytes) != *digest {
            disk::quarantine(&path)?;
            return Ok(None);
        }
        Ok(Some(bytes))
    }

    /// Keeps `bytes`; false if they do not fit.
    pub(crate) fn put(&self, digest: &Sha256, bytes: &[u8]) -> Result<bool, DiskError> {
        let used: u64 = self.entries()?.iter().map(|(_, length)| length).sum();
        if used.saturating_add(bytes.len() as u64) > self.limit.get() {
            return Ok(false);
        }
        disk::write(&self.path(digest), bytes).map(|()| true)
    }

    /// Removes everything but `keep`.
    pub(crate) fn prune(&self, keep: &BTreeSet<Sha256>) -> Result<(), DiskError> {
        let keep: BTreeSet<String> = keep.iter().map(Sha256::to_string).collect();
        for (name, _) in self.entries()? {
            if !keep.contains(&name) {
                let path = self.folder.join(name);
                fs::remove_file(&path).map_err(DiskError::new("removed", &path))?;
            }
        }
        Ok(())
    }

    fn entries(&self) -> Result<Vec<(String, u64)>, DiskError> {
        let failed = || DiskError::new("read", &self.folder);
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed()(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed())?;
            let metadata = entry.metadata().map_err(failed())?;
            if metadata.is_file() {
                found.push((
                    entry.file_name().to_string_lossy().into_owned(),
                    metadata.len(),
                ));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_store_refuses_and_never_drops() {
        let folder = tempfile::tempdir().unwrap();
        let content = Content {
            limit: ByteCount::new(4),
            ..Content::new(folder.path())
        };
        let (one, two) = (Sha256::of(b"one"), Sha256::of(b"two"));
        assert!(content.put(&one, b"one").unwrap());
        assert!(!content.put(&two, b"two").unwrap());
        assert_eq!(content.get(&one).unwrap().as_deref(), Some(&b"one"[..]));
        content.prune(&BTreeSet::from([two])).unwrap();
        assert!(content.put(&two, b"two").unwrap());
        assert_eq!(content.get(&one).unwrap(), None);
    }

    #[test]
    fn changed_bytes_are_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let content = Content::new(folder.path());
        let digest = Sha256::of(b"one");
        content.put(&digest, b"one").unwrap();
        fs::write(content.path(&digest), b"eno").unwrap();
        assert_eq!(content.get(&digest).unwrap(), None);
        assert!(!content.path(&digest).exists());
    }
}
