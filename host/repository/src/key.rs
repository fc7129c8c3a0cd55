//! Signing keys: Ed25519, one file each.

use std::{fs, path::Path};

use aws_lc_rs::{
    encoding::AsBigEndian as _,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use bailiwick_core::action::{Document, Envelope, OperatorKey};
use serde_json::{Value, json};

use crate::{RepositoryError, disk, hex};

/// The name of the field in which metadata keeps a key's name for people.
pub(crate) const NAME_FIELD: &str = "x-bailiwick-name";

/// What a key is made for that signs actions: no role of a repository.
pub const OPERATOR: &str = "operator";

/// A key as its file keeps it.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KeyFile {
    /// 1.
    pub format: u32,
    /// What people call it, such as `policies-2026`.
    pub name: String,
    /// For which role it was made. That it may sign for it is said in metadata alone.
    pub role: String,
    /// The public key: 32 bytes in hexadecimal digits.
    pub public: String,
    /// The private seed: 32 bytes in hexadecimal digits.
    pub seed: String,
}

/// A private key that can sign.
pub struct Key {
    name: String,
    role: String,
    id: String,
    public: String,
    pair: Ed25519KeyPair,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Key {
    /// Makes a new key for `role` and keeps it as `<name>.json` in `folder`, with its public
    /// half beside it as `<name>.pub`. A key is never written over.
    pub fn generate(folder: &Path, role: &str, name: &str) -> Result<Self, RepositoryError> {
        let failed = || RepositoryError::Crypto("making a key");
        let path = folder.join(format!("{name}.json"));
        if path.exists() {
            return Err(RepositoryError::KeyExists(path));
        }
        let pair = Ed25519KeyPair::generate().map_err(|_| failed())?;
        let seed = pair.seed().map_err(|_| failed())?;
        let file = KeyFile {
            format: 1,
            name: name.to_owned(),
            role: role.to_owned(),
            public: hex::encode(pair.public_key().as_ref()),
            seed: hex::encode(seed.as_be_bytes().map_err(|_| failed())?.as_ref()),
        };
        let text = serde_json::to_vec_pretty(&file)
            .map_err(|error| RepositoryError::damaged(name, error))?;
        disk::write(&path, &text, disk::Audience::Owner)?;
        let key = Self::new(file)?;
        let public = serde_json::to_vec_pretty(&key.declaration())
            .map_err(|error| RepositoryError::damaged(name, error))?;
        disk::write(
            &folder.join(format!("{name}.pub")),
            &public,
            disk::Audience::Public,
        )?;
        Ok(key)
    }

    /// Reads a key from its file.
    pub fn load(path: &Path) -> Result<Self, RepositoryError> {
        let text = fs::read(path).map_err(RepositoryError::disk("read", path))?;
        let name = path.display().to_string();
        let file: KeyFile = serde_json::from_slice(&text)
            .map_err(|error| RepositoryError::damaged(&name, error))?;
        if file.format != 1 {
            return Err(RepositoryError::damaged(
                &name,
                format!("its format is {}, and this program reads 1", file.format),
            ));
        }
        Self::new(file)
    }

    fn new(file: KeyFile) -> Result<Self, RepositoryError> {
        let damaged = |reason: &str| RepositoryError::damaged(&file.name, reason);
        let seed = hex::decode(&file.seed).ok_or_else(|| damaged("`seed` is not hexadecimal"))?;
        let public =
            hex::decode(&file.public).ok_or_else(|| damaged("`public` is not hexadecimal"))?;
        let pair = Ed25519KeyPair::from_seed_and_public_key(&seed, &public)
            .map_err(|_| damaged("`seed` and `public` do not belong together"))?;
        let id = key_id(&file.public)?;
        Ok(Self {
            name: file.name,
            role: file.role,
            id,
            public: file.public,
            pair,
        })
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For which role it was made.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// Its id in metadata.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public key as metadata declares it.
    pub fn declaration(&self) -> Value {
        let mut key = public_key(&self.public);
        key[NAME_FIELD] = json!(self.name);
        key
    }

    /// The public key as an envelope of an action names it.
    pub fn operator(&self) -> OperatorKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        OperatorKey::from_bytes(bytes)
    }

    /// Signs the document of an action.
    ///
    /// # Errors
    /// The key was made for a role of a repository: its signatures mean something else.
    pub fn seal(&self, document: Document) -> Result<Envelope, RepositoryError> {
        if self.role != OPERATOR {
            return Err(RepositoryError::NotAnOperatorsKey {
                name: self.name.clone(),
                role: self.role.clone(),
            });
        }
        let sign = |bytes: &[u8]| self.pair.sign(bytes).as_ref().try_into().ok();
        Envelope::seal(document, sign)
            .map_err(|error| RepositoryError::damaged("a document", error))
    }

    /// The signature over `bytes`, in hexadecimal digits.
    pub(crate) fn sign(&self, bytes: &[u8]) -> String {
        hex::encode(self.pair.sign(bytes).as_ref())
    }
}

fn public_key(public: &str) -> Value {
    json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public}})
}

/// The public half of a key, as its owner hands it on.
#[derive(Clone, Debug)]
pub struct PublicKey {
    pub(crate) id: String,
    pub(crate) declaration: Value,
}

impl PublicKey {
    /// The key as an envelope of an action names it.
    pub fn operator(&self) -> Option<OperatorKey> {
        self.declaration["keyval"]["public"].as_str()?.parse().ok()
    }

    /// Its name for people.
    pub fn name(&self) -> &str {
        self.declaration[NAME_FIELD].as_str().unwrap_or(&self.id)
    }

    /// Reads what [`Key::generate`] wrote as `<name>.pub`.
    pub fn load(path: &Path) -> Result<Self, RepositoryError> {
        let text = fs::read(path).map_err(RepositoryError::disk("read", path))?;
        let name = path.display().to_string();
        let declaration: Value = serde_json::from_slice(&text)
            .map_err(|error| RepositoryError::damaged(&name, error))?;
        let public = declaration["keyval"]["public"].as_str();
        let public = public.filter(|hex| hex::decode(hex).is_some_and(|key| key.len() == 32));
        let public = public.ok_or_else(|| {
            RepositoryError::damaged(&name, "it holds no public key, as `repo key new` writes it")
        })?;
        let mut plain = public_key(public);
        plain[NAME_FIELD] = declaration[NAME_FIELD].as_str().unwrap_or(public).into();
        Ok(Self {
            id: key_id(public)?,
            declaration: plain,
        })
    }
}

/// Whether `signature`, in hexadecimal digits, is that of a declared key over `bytes`.
pub(crate) fn verifies(declaration: &Value, bytes: &[u8], signature: &str) -> bool {
    let public = declaration["keyval"]["public"].as_str();
    let (Some(public), Some(signature)) = (public.and_then(hex::decode), hex::decode(signature))
    else {
        return false;
    };
    UnparsedPublicKey::new(&ED25519, public)
        .verify(bytes, &signature)
        .is_ok()
}

fn key_id(public: &str) -> Result<String, RepositoryError> {
    serde_json::from_value::<sigstore_tuf::Key>(public_key(public))
        .map_err(|error| RepositoryError::damaged("a key", error))?
        .key_id()
        .map_err(|error| RepositoryError::damaged("a key", error))
}

/// Every key in `folder`; none if there is no folder.
pub(crate) fn load_all(folder: &Path) -> Result<Vec<Key>, RepositoryError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(RepositoryError::disk("read", folder)(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(RepositoryError::disk("read", folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| Key::load(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_its_owners_alone_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::generate(folder.path(), "policies", "policies-2026").unwrap();
        let path = folder.path().join("policies-2026.json");
        let again = Key::load(&path).unwrap();
        assert_eq!(again.id(), key.id());
        assert_eq!(again.sign(b"x"), key.sign(b"x"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }

    #[test]
    fn a_seed_of_another_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Key::generate(folder.path(), "a", "a").unwrap();
        Key::generate(folder.path(), "b", "b").unwrap();
        let read = |name: &str| -> KeyFile {
            serde_json::from_slice(&fs::read(folder.path().join(name)).unwrap()).unwrap()
        };
        let mixed = KeyFile {
            public: read("b.json").public,
            ..read("a.json")
        };
        assert!(Key::new(mixed).is_err());
    }
}
