//! Who may sign for a role, and how many of them must.

use serde_json::{Value, json};

use bailiwick_core::time::Timestamp;

use crate::{
    PublicKey, Repository, RepositoryError, disk, draft::Draft, key::NAME_FIELD, pending::Pending,
};

/// A change of a role's signers.
#[derive(Clone, Debug, Default)]
pub struct RoleChange {
    /// Keys that may sign from now on.
    pub add: Vec<PublicKey>,
    /// Names of keys that may not any more.
    pub remove: Vec<String>,
    /// How many must sign; as before without it.
    pub threshold: Option<u64>,
}

impl Repository {
    /// Changes who signs for a role. For root, targets, snapshot and timestamp it makes the
    /// next root, for a vendor or `policies` the next targets; the role is signed anew.
    pub fn change_role(
        &self,
        role: &str,
        change: &RoleChange,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        let mut draft = Draft::new(self, now)?;
        if matches!(role, "root" | "targets" | "snapshot" | "timestamp") {
            let root = draft.role("root")?;
            let mut entry = root["roles"][role].take();
            apply(role, &mut entry, &mut root["keys"], change)?;
            root["roles"][role] = entry;
            keep_used(root, |root| {
                root["roles"]
                    .as_object()
                    .map(|roles| roles.values().collect())
            });
        } else {
            let delegations = &mut draft.role("targets")?["delegations"];
            let roles = delegations["roles"].as_array().into_iter().flatten();
            let place = roles.into_iter().position(|entry| entry["name"] == role);
            let place = place.ok_or_else(|| RepositoryError::UnknownRole(role.to_owned()))?;
            let mut entry = delegations["roles"][place].take();
            apply(role, &mut entry, &mut delegations["keys"], change)?;
            delegations["roles"][place] = entry;
            keep_used(delegations, |all| {
                all["roles"].as_array().map(|roles| roles.iter().collect())
            });
        }
        if !matches!(role, "root" | "snapshot" | "timestamp") {
            draft.role(role)?;
        }
        draft.commit().map(|_| ())
    }

    /// Adds the signatures of every key here to the change that waits, and publishes it if
    /// they are enough. Returns the versions of the roles that were published.
    pub fn sign(
        &self,
        now: Timestamp,
    ) -> Result<std::collections::BTreeMap<String, u64>, RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        Draft::resume(self, Pending::load(self)?, now)?.commit()
    }
}

fn apply(
    role: &str,
    entry: &mut Value,
    keys: &mut Value,
    change: &RoleChange,
) -> Result<(), RepositoryError> {
    let refuse = |reason: String| {
        Err(RepositoryError::RoleChange {
            role: role.to_owned(),
            reason,
        })
    };
    let mut ids: Vec<String> = serde_json::from_value(entry["keyids"].take()).unwrap_or_default();
    for name in &change.remove {
        let before = ids.len();
        ids.retain(|id| id != name && keys[id][NAME_FIELD] != name.as_str());
        if ids.len() == before {
            return refuse(format!(
                "no key `{name}` signs for it; `repo status` lists them"
            ));
        }
    }
    for key in &change.add {
        if ids.contains(&key.id) {
            let name = &key.declaration[NAME_FIELD];
            return refuse(format!("{name} signs for it already"));
        }
        ids.push(key.id.clone());
        keys[&key.id] = key.declaration.clone();
    }
    let threshold = change
        .threshold
        .or(entry["threshold"].as_u64())
        .unwrap_or(1);
    if threshold == 0 || threshold > ids.len() as u64 {
        return refuse(format!(
            "{threshold} of {} keys can't sign; name a threshold from 1 to the number of keys",
            ids.len()
        ));
    }
    entry["keyids"] = json!(ids);
    entry["threshold"] = json!(threshold);
    Ok(())
}

/// Drops the declarations of keys that sign for nothing any more.
pub(crate) fn keep_used(holder: &mut Value, roles: impl Fn(&Value) -> Option<Vec<&Value>>) {
    let used: Vec<Value> = roles(holder)
        .into_iter()
        .flatten()
        .flat_map(|role| role["keyids"].as_array().cloned().unwrap_or_default())
        .collect();
    if let Some(keys) = holder["keys"].as_object_mut() {
        keys.retain(|id, _| used.iter().any(|used| used == id));
    }
}
