//! A change that is prepared in memory, checked, and then written as a whole.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{digest::Sha256, time::Timestamp};
use serde_json::{Value, json};

use crate::{
    Key, Repository, RepositoryError,
    disk::{self, Audience},
    gate, key, metadata,
    pending::{self, Pending},
    signatures::{self, Signatures},
};

/// What will change.
pub(crate) struct Draft<'a> {
    repository: &'a Repository,
    now: Timestamp,
    kind: Kind,
    keys: Vec<Key>,
    /// Signatures that a change has got so far, by role.
    known: BTreeMap<String, Vec<Value>>,
    /// Signed parts that are new, by role; each is one version above what is published.
    roles: BTreeMap<String, Value>,
    /// New files by name: targets first, then metadata.
    files: BTreeMap<String, Vec<u8>>,
    /// Target paths that are new, for the gate to resolve.
    targets: BTreeSet<String>,
}

/// What a draft is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Roles whose keys may be elsewhere.
    Change,
    /// Snapshot and timestamp alone, beside a change that waits.
    Refresh,
}

impl<'a> Draft<'a> {
    /// A change. While another waits for signatures there is none.
    pub(crate) fn new(repository: &'a Repository, now: Timestamp) -> Result<Self, RepositoryError> {
        nothing_waits(repository)?;
        let mut keys = key::load_all(&repository.keys())?;
        keys.extend(key::load_all(&repository.online_keys())?);
        Ok(Self::with(repository, now, Kind::Change, keys))
    }

    /// A change that `key` alone signs here, with the online keys.
    pub(crate) fn signed_by(
        repository: &'a Repository,
        key: Key,
        now: Timestamp,
    ) -> Result<Self, RepositoryError> {
        nothing_waits(repository)?;
        let mut keys = key::load_all(&repository.online_keys())?;
        keys.push(key);
        Ok(Self::with(repository, now, Kind::Change, keys))
    }

    /// Snapshot and timestamp anew, with the online keys alone.
    pub(crate) fn refresh(
        repository: &'a Repository,
        now: Timestamp,
    ) -> Result<Self, RepositoryError> {
        let keys = key::load_all(&repository.online_keys())?;
        Ok(Self::with(repository, now, Kind::Refresh, keys))
    }

    /// A change that waited.
    pub(crate) fn resume(
        repository: &'a Repository,
        pending: Pending,
        now: Timestamp,
    ) -> Result<Self, RepositoryError> {
        let mut keys = key::load_all(&repository.keys())?;
        keys.extend(key::load_all(&repository.online_keys())?);
        let mut draft = Self::with(repository, now, Kind::Change, keys);
        for (role, (signed, signatures)) in pending.roles {
            let before = repository.role(&role)?.unwrap_or_default();
            let targets = signed["targets"].as_object().into_iter().flatten();
            let new = targets.filter(|(path, target)| before["targets"].get(path) != Some(target));
            draft.targets.extend(new.map(|(path, _)| path.clone()));
            draft.known.insert(role.clone(), signatures);
            draft.roles.insert(role, signed);
        }
        draft.files = pending.files;
        Ok(draft)
    }

    fn with(repository: &'a Repository, now: Timestamp, kind: Kind, keys: Vec<Key>) -> Self {
        Self {
            repository,
            now,
            kind,
            keys,
            known: BTreeMap::new(),
            roles: BTreeMap::new(),
            files: BTreeMap::new(),
            targets: BTreeSet::new(),
        }
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
        let folder = match is_online(role) {
            true => self.repository.online_keys(),
            false => self.repository.keys(),
        };
        let key = Key::generate(&folder, role, &name)?;
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

    /// Signs, lets the device's reader check all of it, and writes. What lacks signatures is
    /// kept in `drafts` instead, and the error says whose.
    pub(crate) fn commit(mut self) -> Result<BTreeMap<String, u64>, RepositoryError> {
        let mut signatures = self.sign()?;
        self.role("snapshot")?;
        self.role("timestamp")?;
        let versions = self
            .roles
            .iter()
            .map(|(role, signed)| (role.clone(), metadata::version(signed)))
            .collect();

        let mut changed: Vec<String> = signatures.keys().cloned().collect();
        changed.retain(|role| role != "root");
        for role in &changed {
            let signatures = signatures.remove(role).unwrap_or_default();
            self.pin(role, "snapshot", &signatures)?;
        }
        let own = self.online("snapshot")?;
        self.pin("snapshot", "timestamp", &own)?;
        if let Some(signatures) = signatures.remove("root") {
            let (name, bytes) = self.signed_file("root", &signatures)?;
            self.files.insert(name, bytes);
            changed.push("root".to_owned());
        }
        let (_, timestamp) = self.signed_file("timestamp", &self.online("timestamp")?)?;

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
        if self.kind == Kind::Change {
            pending::clear(self.repository)?;
        }
        Ok(versions)
    }

    /// The signatures of every role whose keys may be elsewhere.
    fn sign(&mut self) -> Result<BTreeMap<String, Signatures>, RepositoryError> {
        let (mut all, mut missing) = (BTreeMap::new(), Vec::new());
        let offline = self.roles.iter().filter(|(role, _)| !is_online(role));
        for (role, signed) in offline {
            let authorities = self.authorities(role)?;
            let known = self.known.get(role).map(Vec::as_slice).unwrap_or_default();
            let gathered = signatures::gather(signed, &authorities, known, &self.keys)?;
            if let Some((authority, found)) = signatures::unsatisfied(&authorities, &gathered) {
                missing.push(format!(
                    "{role} {} is signed by {} of the keys {}, and {found} of them did",
                    metadata::version(signed),
                    authority.threshold,
                    authority.names().join(", "),
                ));
            }
            all.insert(role.clone(), gathered);
        }
        if missing.is_empty() {
            return Ok(all);
        }
        let roles = all.into_iter().filter_map(|(role, signatures)| {
            let signed = self.roles.get(&role)?.clone();
            Some((role, (signed, signatures.into_values().collect())))
        });
        let pending = Pending {
            roles: roles.collect(),
            files: self.files.clone(),
        };
        pending.save(self.repository)?;
        Err(RepositoryError::Waiting {
            path: self.repository.drafts(),
            missing,
        })
    }

    fn pin(
        &mut self,
        role: &str,
        parent: &str,
        signatures: &Signatures,
    ) -> Result<(), RepositoryError> {
        let (name, bytes) = self.signed_file(role, signatures)?;
        let version = metadata::version(&self.roles[role]);
        self.role(parent)?["meta"][format!("{role}.json")] = metadata::pin(version, &bytes);
        self.files.insert(name, bytes);
        Ok(())
    }

    fn signed_file(
        &self,
        role: &str,
        signatures: &Signatures,
    ) -> Result<(String, Vec<u8>), RepositoryError> {
        let signed = &self.roles[role];
        let signatures: Vec<Value> = signatures.values().cloned().collect();
        let bytes = metadata::file(signed, &signatures)?;
        Ok((format!("{}.{role}.json", metadata::version(signed)), bytes))
    }

    /// The signatures of a role whose keys must be here.
    fn online(&self, role: &str) -> Result<Signatures, RepositoryError> {
        let authorities = self.authorities(role)?;
        let gathered = signatures::gather(&self.roles[role], &authorities, &[], &self.keys)?;
        match signatures::unsatisfied(&authorities, &gathered) {
            Some((authority, found)) => Err(RepositoryError::MissingKey {
                role: role.to_owned(),
                names: authority.names().join(", "),
                threshold: authority.threshold,
                found,
            }),
            None => Ok(gathered),
        }
    }

    /// Who must sign. A root is signed by the keys that the root before it names, too.
    fn authorities(&self, role: &str) -> Result<Vec<Authority>, RepositoryError> {
        let mut authorities = vec![self.authority(role)?];
        if role == "root"
            && let Some(before) = self.repository.root()?
        {
            authorities.push(Authority::of_root(&before, role));
        }
        Ok(authorities)
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

fn nothing_waits(repository: &Repository) -> Result<(), RepositoryError> {
    let drafts = repository.drafts();
    match drafts.exists() {
        true => Err(RepositoryError::Unfinished(drafts)),
        false => Ok(()),
    }
}

/// Whether the keys of a role are where the repository is served.
fn is_online(role: &str) -> bool {
    matches!(role, "snapshot" | "timestamp")
}

/// Who may sign for a role.
pub(crate) struct Authority {
    pub(crate) ids: Vec<String>,
    /// Declarations by id; of a key that nobody declared there is none.
    pub(crate) keys: BTreeMap<String, Value>,
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
        let declared = |id: &String| Some((id.clone(), keys.get(id)?.clone()));
        Self {
            keys: ids.iter().filter_map(declared).collect(),
            ids,
            threshold: entry["threshold"].as_u64().unwrap_or(1),
        }
    }

    /// What people call the keys, in the order of [`Self::ids`].
    pub(crate) fn names(&self) -> Vec<String> {
        let name = |id: &String| {
            let declared = self.keys.get(id);
            let name = declared.and_then(|key| key[key::NAME_FIELD].as_str());
            name.unwrap_or(id).to_owned()
        };
        self.ids.iter().map(name).collect()
    }
}
