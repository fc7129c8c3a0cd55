//! A new repository.

use std::path::{Path, PathBuf};

use bailiwick_core::{assignment, digest::Sha256, ids::VendorName, revocation, time::Timestamp};
use serde_json::json;

use crate::{
    Repository, RepositoryError,
    disk::{self, Audience},
    draft::Draft,
    tls,
};

/// What a new repository begins with.
#[derive(Clone, Debug)]
pub struct Init {
    /// Vendors that may publish. More can be added.
    pub vendors: Vec<VendorName>,
    /// Host names and addresses of the console's certificate, besides `localhost` and
    /// `127.0.0.1`.
    pub server_names: Vec<String>,
    /// The time now, from which lifetimes count.
    pub now: Timestamp,
}

/// What a device must be told to trust a new repository.
#[derive(Clone, Debug)]
pub struct Initialised {
    /// Digest of `1.root.json`: `run` refuses to start without it.
    pub root_sha256: Sha256,
    /// Digest of the certificate authority's certificate (DER).
    pub ca_sha256: Sha256,
    /// The files to serve.
    pub public: PathBuf,
    /// The certificate authority in PEM form.
    pub ca: PathBuf,
    /// The server's certificate in PEM form.
    pub server_certificate: PathBuf,
    /// The server's private key in PEM form.
    pub server_key: PathBuf,
}

impl Repository {
    /// Creates keys, roles, an empty assignment, an empty list of revocations, and
    /// certificates in `folder`, which must not hold a repository.
    pub fn init(folder: &Path, init: &Init) -> Result<Initialised, RepositoryError> {
        let repository = Self::at(folder);
        if repository.public().exists() || repository.keys().exists() {
            return Err(RepositoryError::Exists(folder.to_owned()));
        }
        disk::create_folder(&repository.keys(), Audience::Owner)?;
        disk::create_folder(&repository.online_keys(), Audience::Owner)?;
        disk::create_folder(&repository.public(), Audience::Public)?;
        let _lock = disk::lock(folder)?;
        disk::create_folder(&repository.tls(), Audience::Owner)?;
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        names.extend(init.server_names.iter().cloned());
        let ca_sha256 = tls::create(&repository.tls(), &names, init.now)?;

        let mut draft = Draft::new(&repository, init.now)?;
        for role in ["root", "targets", "snapshot", "timestamp"] {
            let (id, declaration) = draft.new_key(role)?;
            let root = draft.role("root")?;
            root["keys"][&id] = declaration;
            root["roles"][role] = json!({"keyids": [id], "threshold": 1});
        }
        draft.delegate("policies", "policies/*")?;
        draft.add_target(
            "policies",
            assignment::TARGET,
            b"format = 1\nserial = 1\n".to_vec(),
        )?;
        draft.add_target("policies", revocation::TARGET, b"format = 1\n".to_vec())?;
        for vendor in &init.vendors {
            draft.delegate(&format!("vendor-{vendor}"), &format!("vendor/{vendor}/*/*"))?;
        }
        draft.commit()?;

        let root = repository.public().join("1.root.json");
        let bytes = std::fs::read(&root).map_err(RepositoryError::disk("read", &root))?;
        let tls = repository.tls();
        Ok(Initialised {
            root_sha256: Sha256::of(&bytes),
            ca_sha256,
            public: repository.public(),
            ca: tls.join("ca.pem"),
            server_certificate: tls.join("server.pem"),
            server_key: tls.join("server-key.pem"),
        })
    }

    /// Gives a vendor a role and a key of its own.
    pub fn add_vendor(&self, vendor: &VendorName, now: Timestamp) -> Result<(), RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        if self.vendor_role(vendor).is_ok() {
            return Err(RepositoryError::VendorExists(vendor.to_string()));
        }
        let mut draft = Draft::new(self, now)?;
        draft.delegate(&format!("vendor-{vendor}"), &format!("vendor/{vendor}/*/*"))?;
        draft.commit().map(|_| ())
    }

    /// Takes a vendor's role away: devices fetch nothing of it any more. What they run
    /// already is stopped by [`Repository::revoke`].
    pub fn remove_vendor(
        &self,
        vendor: &VendorName,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        let role = self.vendor_role(vendor)?;
        let mut draft = Draft::new(self, now)?;
        let delegations = &mut draft.role("targets")?["delegations"];
        // The snapshot keeps its pin: devices refuse a snapshot that dropped one.
        let mut ids = Vec::new();
        if let Some(roles) = delegations["roles"].as_array_mut() {
            roles.retain(|entry| {
                let leaves = entry["name"] == role.as_str();
                if leaves && let Some(keys) = entry["keyids"].as_array() {
                    ids.extend(keys.iter().filter_map(|id| id.as_str().map(str::to_owned)));
                }
                !leaves
            });
        }
        if let Some(keys) = delegations["keys"].as_object_mut() {
            keys.retain(|id, _| !ids.contains(id));
        }
        draft.commit().map(|_| ())
    }
}
