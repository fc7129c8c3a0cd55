//! The folder of a repository, and what it holds now.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bailiwick_core::ids::VendorName;
use serde_json::Value;

use crate::{RepositoryError, metadata};

/// A repository in a folder.
#[derive(Clone, Debug)]
pub struct Repository {
    folder: PathBuf,
    public: PathBuf,
    online_keys: PathBuf,
}

impl Repository {
    /// Opens the repository in `folder`.
    pub fn open(folder: &Path) -> Result<Self, RepositoryError> {
        Self::at(folder).made()
    }

    /// The part of a repository that a server has: `public`, and the keys that sign
    /// snapshot and timestamp. Its folder is the one that holds `public`.
    pub fn served(public: &Path, online_keys: &Path) -> Result<Self, RepositoryError> {
        let served = Self {
            folder: public.parent().unwrap_or(public).to_owned(),
            public: public.to_owned(),
            online_keys: online_keys.to_owned(),
        };
        served.made()
    }

    /// The files that everybody may read, to be read: nothing is signed with this.
    pub fn published(public: &Path) -> Result<Self, RepositoryError> {
        Self::served(public, &public.with_file_name("online-keys"))
    }

    pub(crate) fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            public: folder.join("public"),
            online_keys: folder.join("online-keys"),
        }
    }

    fn made(self) -> Result<Self, RepositoryError> {
        if !self.public.join("1.root.json").is_file() {
            return Err(RepositoryError::None(self.folder));
        }
        Ok(self)
    }

    /// The repository's own folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The files that a web server hands out: all that a device reads.
    pub fn public(&self) -> PathBuf {
        self.public.clone()
    }

    /// The keys that sign snapshot and timestamp: a server may have these, and no others.
    pub fn online_keys(&self) -> PathBuf {
        self.online_keys.clone()
    }

    /// A change that waits for signatures.
    pub fn drafts(&self) -> PathBuf {
        self.folder.join("drafts")
    }

    /// The keys that belong offline.
    pub fn keys(&self) -> PathBuf {
        self.folder.join("keys")
    }

    /// The certificates of a console on this machine.
    pub fn tls(&self) -> PathBuf {
        self.folder.join("tls")
    }

    /// The bytes of a public file; `None` if there is none.
    pub(crate) fn file(&self, name: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
        let path = self.public().join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(RepositoryError::disk("read", path)(error)),
        }
    }

    /// The signed part of a metadata file.
    pub(crate) fn signed(&self, name: &str) -> Result<Option<Value>, RepositoryError> {
        let Some(bytes) = self.file(name)? else {
            return Ok(None);
        };
        let mut value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| RepositoryError::damaged(name, error))?;
        match value.get_mut("signed").map(Value::take) {
            Some(signed) if signed.is_object() => Ok(Some(signed)),
            _ => Err(RepositoryError::damaged(name, "it has no `signed` part")),
        }
    }

    /// The newest root.
    pub(crate) fn root(&self) -> Result<Option<Value>, RepositoryError> {
        let mut newest = None;
        for number in 1.. {
            match self.signed(&format!("{number}.root.json"))? {
                Some(root) => newest = Some(root),
                None => break,
            }
        }
        Ok(newest)
    }

    /// The signed part of a role as the newest timestamp pins it; `None` if it was never
    /// published.
    pub(crate) fn role(&self, role: &str) -> Result<Option<Value>, RepositoryError> {
        if role == "root" {
            return self.root();
        }
        let Some(timestamp) = self.signed("timestamp.json")? else {
            return Ok(None);
        };
        if role == "timestamp" {
            return Ok(Some(timestamp));
        }
        let snapshot_file = format!("{}.snapshot.json", pinned(&timestamp, "snapshot"));
        let snapshot = self
            .signed(&snapshot_file)?
            .ok_or_else(|| RepositoryError::damaged(&snapshot_file, "it is missing"))?;
        if role == "snapshot" {
            return Ok(Some(snapshot));
        }
        match pinned(&snapshot, role) {
            0 => Ok(None),
            version => {
                let file = format!("{version}.{role}.json");
                let signed = self.signed(&file)?;
                signed
                    .map(Some)
                    .ok_or_else(|| RepositoryError::damaged(&file, "it is missing"))
            }
        }
    }

    /// The text of a target that `role` lists.
    pub(crate) fn target(&self, role: &str, path: &str) -> Result<Option<String>, RepositoryError> {
        let Some(signed) = self.role(role)? else {
            return Ok(None);
        };
        let Some(digest) = signed["targets"][path]["hashes"]["sha256"].as_str() else {
            return Ok(None);
        };
        let file = metadata::target_file(path, digest);
        let bytes = self
            .file(&file)?
            .ok_or_else(|| RepositoryError::damaged(&file, "it is missing"))?;
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| RepositoryError::damaged(&file, "it is not text"))
    }

    /// The role of a vendor that has a delegation.
    pub(crate) fn vendor_role(&self, vendor: &VendorName) -> Result<String, RepositoryError> {
        let role = format!("vendor-{vendor}");
        let targets = self.role("targets")?.unwrap_or_default();
        if delegates(&targets, &role) {
            Ok(role)
        } else {
            Err(RepositoryError::UnknownVendor(vendor.to_string()))
        }
    }
}

/// Whether a targets role delegates to `role`.
pub(crate) fn delegates(targets: &Value, role: &str) -> bool {
    targets["delegations"]["roles"]
        .as_array()
        .is_some_and(|roles| roles.iter().any(|entry| entry["name"] == role))
}

/// The version that `signed`'s `meta` pins for `role`; 0 if none.
fn pinned(signed: &Value, role: &str) -> u64 {
    signed["meta"][format!("{role}.json")]["version"]
        .as_u64()
        .unwrap_or(0)
}
