//! A change that waits for signatures: files in the folder `drafts`.
//!
//! The metadata of each changed role lies there with the signatures that it has, so that it
//! can be carried to a machine that holds a key and back; new targets lie beside it as they
//! will lie in `public`.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    Key, Repository, RepositoryError,
    disk::{self, Audience},
    metadata,
};

/// What waits.
pub(crate) struct Pending {
    /// Signed parts and signatures by role.
    pub(crate) roles: BTreeMap<String, (Value, Vec<Value>)>,
    /// New targets: bytes by file name.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// What somebody put their name to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedDraft {
    /// The role.
    pub role: String,
    /// The version that it would have.
    pub version: u64,
    /// Until when it would hold.
    pub expires: String,
    /// How many signatures it has now, good or not.
    pub signatures: usize,
}

impl Pending {
    pub(crate) fn load(repository: &Repository) -> Result<Self, RepositoryError> {
        let folder = repository.drafts();
        if !folder.is_dir() {
            return Err(RepositoryError::NothingWaits(folder));
        }
        let (mut roles, mut files) = (BTreeMap::new(), BTreeMap::new());
        for path in beneath(&folder)? {
            let bytes = fs::read(&path).map_err(RepositoryError::disk("read", &path))?;
            let name = path.strip_prefix(&folder).unwrap_or(&path);
            let name = name.to_string_lossy().replace('\\', "/");
            match role_of(&name) {
                Some(role) => {
                    roles.insert(role.to_owned(), envelope(&name, &bytes)?);
                }
                None => {
                    files.insert(name, bytes);
                }
            }
        }
        Ok(Self { roles, files })
    }

    pub(crate) fn save(&self, repository: &Repository) -> Result<(), RepositoryError> {
        let folder = repository.drafts();
        for (name, bytes) in &self.files {
            disk::write(&folder.join(name), bytes, Audience::Public)?;
        }
        for (role, (signed, signatures)) in &self.roles {
            let name = format!("{}.{role}.json", metadata::version(signed));
            let bytes = metadata::file(signed, signatures)?;
            disk::write(&folder.join(name), &bytes, Audience::Public)?;
        }
        Ok(())
    }
}

impl Repository {
    /// Gives up the change that waits for signatures.
    pub fn drop_draft(&self) -> Result<(), RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        let folder = self.drafts();
        if !folder.is_dir() {
            return Err(RepositoryError::NothingWaits(folder));
        }
        clear(self)
    }
}

/// Adds the signature of `key` to a draft that was carried to where the key is. It proves
/// nothing about the key: whether it may sign is seen when the draft is published.
pub fn sign_draft(path: &Path, key: &Key) -> Result<SignedDraft, RepositoryError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let bytes = fs::read(path).map_err(RepositoryError::disk("read", path))?;
    let (signed, mut signatures) = envelope(&name, &bytes)?;
    signatures.retain(|signature| signature["keyid"] != key.id());
    signatures.push(metadata::signature(key, &metadata::canonical(&signed)?));
    disk::write(
        path,
        &metadata::file(&signed, &signatures)?,
        Audience::Public,
    )?;
    Ok(SignedDraft {
        role: role_of(&name).unwrap_or(&name).to_owned(),
        version: metadata::version(&signed),
        expires: signed["expires"].as_str().unwrap_or_default().to_owned(),
        signatures: signatures.len(),
    })
}

/// Metadata that waits, by file name.
pub(crate) fn names(repository: &Repository) -> Result<Vec<String>, RepositoryError> {
    let folder = repository.drafts();
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut names: Vec<String> = beneath(&folder)?
        .iter()
        .filter_map(|path| path.strip_prefix(&folder).ok()?.to_str().map(str::to_owned))
        .filter(|name| role_of(name).is_some())
        .collect();
    names.sort();
    Ok(names)
}

pub(crate) fn clear(repository: &Repository) -> Result<(), RepositoryError> {
    let folder = repository.drafts();
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(RepositoryError::disk("removed", folder)(error))
        }
        _ => Ok(()),
    }
}

fn envelope(name: &str, bytes: &[u8]) -> Result<(Value, Vec<Value>), RepositoryError> {
    let mut value: Value =
        serde_json::from_slice(bytes).map_err(|error| RepositoryError::damaged(name, error))?;
    let (signed, signatures) = (value["signed"].take(), value["signatures"].take());
    match (signed, signatures) {
        (signed @ Value::Object(_), Value::Array(signatures)) => Ok((signed, signatures)),
        _ => Err(RepositoryError::damaged(name, "it is no draft of a role")),
    }
}

/// `2.root.json` is of `root`; a target lies in a folder.
fn role_of(name: &str) -> Option<&str> {
    let (number, role) = name.strip_suffix(".json")?.split_once('.')?;
    let plain = number.bytes().all(|b| b.is_ascii_digit()) && !role.contains('/');
    plain.then_some(role)
}

fn beneath(folder: &Path) -> Result<Vec<PathBuf>, RepositoryError> {
    let entries = fs::read_dir(folder).map_err(RepositoryError::disk("read", folder))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(RepositoryError::disk("read", folder))?.path();
        if path.is_dir() {
            files.extend(beneath(&path)?);
        } else if path.extension().is_none_or(|end| end != "part") {
            files.push(path);
        }
    }
    Ok(files)
}
