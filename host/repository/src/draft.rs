//! A change that is prepared in memory, checked, and then written as a whole.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{digest::Sha256, time::Timestamp};
use serde_json::{Value, json};

use crate::{
    Key, Repository, RepositoryError,
    disk::{self, Audience},
    gate, key, metadata,
};

/// What will change.
pub(crate) struct Draft<'a> {
    repository: &'a Repository,
    now: Timestamp,
    keys: Vec<Key>,
    /// Signed parts that are new, by role; each is one version above what is published.
    roles: BTreeMap<String, Value>,
    /// New files by name: targets first, then metadata.
    files: BTreeMap<String, Vec<u8>>,
    /// Target paths that are new, for the gate to resolve.
    targets: BTreeSet<String>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(repository: &'a Repository, now: Timestamp) -> Result<Self, RepositoryError> {
        Ok(Self {
            repository,
            now,
            keys: key::load_all(&repository.keys())?,
            roles: BTreeMap::new(),
            files: BTreeMap::new(),
            targets: BTreeSet::new(),
        })
    }

    /// A role as it will be, for changing: on the first call its version rises by one.
    pub(crate) fn role(&mut self, role: &str) -> Result<&mut Value, RepositoryError> {
        if !self.roles.contains_key(role) {
            let mut signed = match self.repository.role(role)? {
                Some(signed) => signed,
                None => metadata::empty(match role {
                    "root" | "snapshot" | "timestamp" => role,
                    _ => "targets",
                }),
            };
            metadata::renew(&mut signed, role, self.now);
            self.roles.insert(role.to_owned(), signed);
        }
        Ok(self.roles.entry(role.to_owned()).or_default())
    }

    /// Lists a target in `role`, in place of an older one of the same path.
    pub(crate) fn add_target(
        &mut self,
        role: &str,
        path: &str,
        bytes: Vec<u8>,
    ) -> Result<(), RepositoryError> {
        self.role(role)?["targets"][path] = metadata::target(&bytes);
        let digest = Sha256::of(&bytes).to_string();
        self.files
            .insert(metadata::target_file(path, &digest), bytes);
        self.targets.insert(path.to_owned());
        Ok(())
    }

    /// Makes a key for `role` under a name that is not taken.
    pub(crate) fn new_key(&mut self, role: &str) -> Result<(String, Value), RepositoryError> {
        let base = format!("{role}-{}", metadata::year(self.now));
        let taken = |name: &str| self.keys.iter().any(|key| key.name() == name);
        let name = std::iter::once(base.clone())
            .chain((2..).map(|number| format!("{base}-{number}")))
            .find(|name| !taken(name))
            .unwrap_or(base);
        let key = Key::generate(&self.repository.keys(), role, &name)?;
        let new = (key.id().to_owned(), key.declaration());
        self.keys.push(key);
        Ok(new)
    }

    /// Delegates `paths` to `role`, signed by one new key. The search ends there.
    pub(crate) fn delegate(&mut self, role: &str, paths: &str) -> Result<(), RepositoryError> {
        let (id, declaration) = self.new_key(role)?;
        let targets = self.role("targets")?;
        if targets.get("delegations").is_none() {
            targets["delegations"] = json!({"keys": {}, "roles": []});
        }
        let delegations = &mut targets["delegations"];
        delegations["keys"][&id] = declaration;
        if let Some(roles) = delegations["roles"].as_array_mut() {
            roles.push(json!({
                "name": role, "keyids": [id], "threshold": 1, "terminating": true, "paths": [paths],
            }));
        }
        self.role(role).map(|_| ())
    }

    /// Signs, lets the device's reader check all of it, and writes.
    pub(crate) fn commit(mut self) -> Result<BTreeMap<String, u64>, RepositoryError> {
        self.role("snapshot")?;
        self.role("timestamp")?;
        let versions = self
            .roles
            .iter()
            .map(|(role, signed)| (role.clone(), metadata::version(signed)))
            .collect();

        let lower: Vec<String> = self
            .roles
            .keys()
            .filter(|role| !matches!(role.as_str(), "root" | "snapshot" | "timestamp"))
            .cloned()
            .collect();
        let mut changed = lower.clone();
        for role in lower {
            self.sign_and_pin(&role, "snapshot")?;
        }
        self.sign_and_pin("snapshot", "timestamp")?;
        if self.roles.contains_key("root") {
            changed.push("root".to_owned());
            let (name, bytes) = self.signed_file("root")?;
            self.files.insert(name, bytes);
        }
        let (_, timestamp) = self.signed_file("timestamp")?;

        gate::check(
            self.repository,
            &self.files,
            &timestamp,
            &self.targets,
            &changed,
            self.now,
        )?;
        let public = self.repository.public();
        for (name, bytes) in &self.files {
            disk::write(&public.join(name), bytes, Audience::Public)?;
        }
        disk::write(&public.join("timestamp.json"), &timestamp, Audience::Public)?;
        Ok(versions)
    }

    fn sign_and_pin(&mut self, role: &str, parent: &str) -> Result<(), RepositoryError> {
        let (name, bytes) = self.signed_file(role)?;
        let version = metadata::version(&self.roles[role]);
        self.role(parent)?["meta"][format!("{role}.json")] = metadata::pin(version, &bytes);
        self.files.insert(name, bytes);
        Ok(())
    }

    fn signed_file(&self, role: &str) -> Result<(String, Vec<u8>), RepositoryError> {
        let signed = &self.roles[role];
        let bytes = metadata::envelope(signed, &self.signers(role)?)?;
        Ok((format!("{}.{role}.json", metadata::version(signed)), bytes))
    }

    /// Every key here that may sign for `role`. A root is signed by the keys that the root
    /// before it names, too.
    fn signers(&self, role: &str) -> Result<Vec<&Key>, RepositoryError> {
        let mut authorities = vec![self.authority(role)?];
        if role == "root"
            && let Some(before) = self.repository.root()?
        {
            authorities.push(Authority::of_root(&before, role));
        }
        let mut signers: Vec<&Key> = Vec::new();
        for authority in authorities {
            let here: Vec<&Key> = self
                .keys
                .iter()
                .filter(|key| authority.ids.iter().any(|id| id == key.id()))
                .collect();
            if (here.len() as u64) < authority.threshold || here.is_empty() {
                return Err(RepositoryError::MissingKey {
                    role: role.to_owned(),
                    names: authority.names.join(", "),
                    threshold: authority.threshold,
                    found: here.len(),
                });
            }
            signers.extend(here);
        }
        signers.sort_by_key(|key| key.id());
        signers.dedup_by_key(|key| key.id());
        Ok(signers)
    }

    fn authority(&self, role: &str) -> Result<Authority, RepositoryError> {
        let current = |name: &str| match self.roles.get(name) {
            Some(signed) => Ok(signed.clone()),
            None => Ok::<_, RepositoryError>(self.repository.role(name)?.unwrap_or_default()),
        };
        if matches!(role, "root" | "targets" | "snapshot" | "timestamp") {
            return Ok(Authority::of_root(&current("root")?, role));
        }
        let targets = current("targets")?;
        let delegations = &targets["delegations"];
        let entry = delegations["roles"]
            .as_array()
            .and_then(|roles| roles.iter().find(|entry| entry["name"] == role))
            .cloned()
            .unwrap_or_default();
        Ok(Authority::read(&entry, &delegations["keys"]))
    }
}

/// Who may sign for a role.
pub(crate) struct Authority {
    pub(crate) ids: Vec<String>,
    pub(crate) names: Vec<String>,
    pub(crate) threshold: u64,
}

impl Authority {
    pub(crate) fn of_root(root: &Value, role: &str) -> Self {
        Self::read(&root["roles"][role], &root["keys"])
    }

    pub(crate) fn read(entry: &Value, keys: &Value) -> Self {
        let ids: Vec<String> = entry["keyids"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect();
        let name = |id: &String| keys[id][key::NAME_FIELD].as_str().unwrap_or(id).to_owned();
        Self {
            names: ids.iter().map(name).collect(),
            ids,
            threshold: entry["threshold"].as_u64().unwrap_or(1),
        }
    }
}
