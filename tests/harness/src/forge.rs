//! What the repository refuses to publish, published all the same: by somebody who has the
//! keys of the roles, and no care.

use std::{collections::BTreeMap, fs};

use bailiwick_core::digest::Sha256;
use bailiwick_repository::{Key, Repository, envelope};
use serde_json::{Value, json};

use crate::desk::pin;

/// Targets by path.
pub type Targets = BTreeMap<String, Vec<u8>>;

/// Somebody with the keys of every role of a repository.
pub struct Forger {
    repository: Repository,
    /// The newest version of each role, and its key.
    roles: BTreeMap<String, (u64, Key)>,
}

impl Forger {
    /// Takes the keys of a repository that is whole.
    pub fn new(repository: &Repository) -> Self {
        let folders = [repository.keys(), repository.online_keys()];
        let key = |name: &str| {
            let files = folders
                .iter()
                .map(|folder| folder.join(format!("{name}.json")));
            Key::load(&files.into_iter().find(|file| file.exists()).unwrap()).unwrap()
        };
        let status = repository.status().unwrap();
        let roles = status.roles.into_iter().map(|role| {
            let key = key(&role.keys[0].name);
            (role.name, (role.version, key))
        });
        Self {
            repository: repository.clone(),
            roles: roles.collect(),
        }
    }

    /// Has each role list and sign these targets beside what it lists, whatever they are.
    pub fn publish(&mut self, roles: &[(&str, Targets)]) {
        let mut snapshot = self.newest("snapshot");
        for (name, targets) in roles {
            let mut signed = self.newest(name);
            for (path, bytes) in targets {
                signed["targets"][path] = self.place(path, bytes);
            }
            let pinned = self.sign(name, &mut signed);
            snapshot["meta"][format!("{name}.json")] = pinned;
        }
        let pinned = self.sign("snapshot", &mut snapshot);
        let mut timestamp = self.newest("timestamp");
        timestamp["meta"]["snapshot.json"] = pinned;
        self.sign("timestamp", &mut timestamp);
    }

    fn place(&self, path: &str, bytes: &[u8]) -> Value {
        let sha256 = Sha256::of(bytes);
        let (folder, file) = path.rsplit_once('/').unwrap();
        let folder = self.repository.public().join(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{sha256}.{file}")), bytes).unwrap();
        json!({"length": bytes.len(), "hashes": {"sha256": sha256}})
    }

    fn newest(&self, role: &str) -> Value {
        let name = file(role, self.roles[role].0);
        let text = fs::read(self.repository.public().join(name)).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap()["signed"].take()
    }

    /// Puts the next version in place; how what is above pins it.
    fn sign(&mut self, role: &str, signed: &mut Value) -> Value {
        let (version, key) = self.roles.get_mut(role).unwrap();
        *version += 1;
        signed["version"] = json!(*version);
        let bytes = envelope(signed, &[key]).unwrap();
        let path = self.repository.public().join(file(role, *version));
        // A server puts a new file in place as a whole.
        let part = path.with_extension("part");
        fs::write(&part, &bytes).unwrap();
        fs::rename(part, path).unwrap();
        pin(signed, &bytes)
    }
}

fn file(role: &str, version: u64) -> String {
    match role {
        "timestamp" => "timestamp.json".to_owned(),
        role => format!("{version}.{role}.json"),
    }
}
