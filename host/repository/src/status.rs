//! What a repository holds, for people and programs.

use serde_json::Value;

use crate::{Repository, RepositoryError, draft::Authority};

/// What a repository holds.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    /// Serial of the assignment.
    pub assignment_serial: u64,
    /// Number of revocations.
    pub revocations: usize,
    /// Files in `drafts` of a change that waits for signatures.
    pub waiting: Vec<String>,
    /// Top-level roles first, then delegated ones in the order of their delegation.
    pub roles: Vec<RoleStatus>,
}

/// One role.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RoleStatus {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u64,
    /// Until when its signature holds, as RFC 3339 text.
    pub expires: String,
    /// How many keys must sign.
    pub threshold: u64,
    /// Keys that may sign.
    pub keys: Vec<RoleKey>,
    /// Targets that it lists, in order of path.
    pub targets: Vec<ListedTarget>,
}

/// A key that may sign for a role.
#[derive(Clone, Debug, serde::Serialize)]
pub struct RoleKey {
    /// What people call it.
    pub name: String,
    /// Its id in metadata.
    pub id: String,
}

/// A target.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ListedTarget {
    /// Its path.
    pub path: String,
    /// Its length in bytes.
    pub length: u64,
    /// Its digest in hexadecimal digits.
    pub sha256: String,
}

impl Repository {
    /// Reads what is published. It verifies no signature.
    pub fn status(&self) -> Result<Status, RepositoryError> {
        let root = self.role("root")?.unwrap_or_default();
        let targets = self.role("targets")?.unwrap_or_default();
        let mut roles = Vec::new();
        for name in ["root", "targets", "snapshot", "timestamp"] {
            roles.extend(self.role_status(name, &Authority::of_root(&root, name))?);
        }
        let delegations = &targets["delegations"];
        for entry in delegations["roles"].as_array().into_iter().flatten() {
            let name = entry["name"].as_str().unwrap_or_default();
            roles.extend(self.role_status(name, &Authority::read(entry, &delegations["keys"]))?);
        }
        Ok(Status {
            assignment_serial: self.assignment()?.serial,
            revocations: self.revocations()?.revoked.len(),
            waiting: crate::pending::names(self)?,
            roles,
        })
    }

    fn role_status(
        &self,
        name: &str,
        authority: &Authority,
    ) -> Result<Option<RoleStatus>, RepositoryError> {
        let Some(signed) = self.role(name)? else {
            return Ok(None);
        };
        let key = |(name, id): (&String, &String)| RoleKey {
            name: name.clone(),
            id: id.clone(),
        };
        Ok(Some(RoleStatus {
            name: name.to_owned(),
            version: crate::metadata::version(&signed),
            expires: text(&signed["expires"]),
            threshold: authority.threshold,
            keys: authority
                .names()
                .iter()
                .zip(&authority.ids)
                .map(key)
                .collect(),
            targets: signed["targets"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(path, target)| ListedTarget {
                    path: path.clone(),
                    length: target["length"].as_u64().unwrap_or(0),
                    sha256: text(&target["hashes"]["sha256"]),
                })
                .collect(),
        }))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
