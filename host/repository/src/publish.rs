//! Components with their release manifests, and policies.

use bailiwick_core::{
    bytes::ByteCount,
    digest::Sha256,
    ids::{PluginName, VendorName},
    policy::Policy,
    release::{LONGEST_COMPONENT, Release, World, component_target, manifest_target},
    settings,
    time::Timestamp,
};
use semver::Version;

use crate::{Key, Repository, RepositoryError, disk, draft::Draft};

/// A component to publish.
#[derive(Clone, Debug)]
pub struct Publish<'a> {
    /// Whose key signs it.
    pub vendor: &'a VendorName,
    /// Which plugin.
    pub plugin: &'a PluginName,
    /// Which version; it must be new.
    pub version: &'a Version,
    /// The world that it exports.
    pub world: World,
    /// Version of the contract that it was built against.
    pub contract: &'a Version,
    /// Oldest host that can run it.
    pub minimum_host: &'a Version,
    /// The bytes of the component.
    pub component: &'a [u8],
}

/// What was published.
#[derive(Clone, Debug)]
pub struct Published {
    /// Target path of the component.
    pub component: String,
    /// Target path of the release manifest.
    pub manifest: String,
    /// Digest of the component.
    pub sha256: Sha256,
    /// New version of the vendor's role.
    pub role_version: u64,
}

impl Repository {
    /// Publishes a component and its manifest, signed by the vendor's key.
    pub fn publish(&self, new: &Publish<'_>, now: Timestamp) -> Result<Published, RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        let role = self.vendor_role(new.vendor)?;
        let length = new.component.len();
        if length == 0 || length as u64 > LONGEST_COMPONENT.get() {
            return Err(RepositoryError::Size {
                length,
                longest: LONGEST_COMPONENT.get(),
            });
        }
        let component = component_target(new.vendor, new.plugin, new.version);
        let manifest = manifest_target(new.vendor, new.plugin, new.version);
        if let Some(signed) = self.role(&role)?
            && signed["targets"].get(&component).is_some()
        {
            return Err(RepositoryError::Published { path: component });
        }
        let release = Release {
            plugin: new.plugin.clone(),
            vendor: new.vendor.clone(),
            version: new.version.clone(),
            world: new.world,
            contract: new.contract.clone(),
            minimum_host: new.minimum_host.clone(),
            component_sha256: Sha256::of(new.component),
            component_length: ByteCount::new(length as u64),
        };
        let text = release.to_toml();
        Release::parse(&manifest, &text)?;

        let mut draft = Draft::new(self, now)?;
        draft.add_target(&role, &component, new.component.to_vec())?;
        draft.add_target(&role, &manifest, text.into_bytes())?;
        let versions = draft.commit()?;
        Ok(Published {
            component,
            manifest,
            sha256: release.component_sha256,
            role_version: versions.get(&role).copied().unwrap_or(0),
        })
    }

    /// Publishes a policy as `policies/<file>`, in place of an older one, signed by the
    /// `policies` key. Returns the digest of the text. `settings.toml` is no policy: it
    /// is what the `policies` role sets on every device.
    pub fn put_policy(
        &self,
        file: &str,
        text: &str,
        now: Timestamp,
    ) -> Result<Sha256, RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        policy_name(file)?;
        if file == "settings.toml" {
            settings::Layer::signed(text)?;
        } else {
            Policy::parse(file, text)?;
        }
        put(Draft::new(self, now)?, file, text)
    }

    /// Publishes a policy as [`Self::put_policy`] does, signed by `key` and no other of those
    /// that belong offline, wherever they lie.
    pub fn sign_policy(
        &self,
        file: &str,
        text: &str,
        key: Key,
        now: Timestamp,
    ) -> Result<Sha256, RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        policy_name(file)?;
        Policy::parse(file, text)?;
        put(Draft::signed_by(self, key, now)?, file, text)
    }

    /// Signs snapshot and timestamp anew, so that devices see that nothing is withheld.
    /// The timestamp holds for 7 days: call it at least daily.
    pub fn refresh(&self, now: Timestamp) -> Result<(), RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        Draft::refresh(self, now)?.commit().map(|_| ())
    }

    /// Signs a role anew without another change, before it expires.
    pub fn renew(&self, role: &str, now: Timestamp) -> Result<(), RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        let mut draft = Draft::new(self, now)?;
        draft.role(role)?;
        draft.commit().map(|_| ())
    }
}

fn policy_name(file: &str) -> Result<(), RepositoryError> {
    let stem = file.strip_suffix(".toml").unwrap_or_default();
    let fits = (1..=63).contains(&stem.len())
        && !["assignment", "revoked", "operators"].contains(&stem)
        && stem
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    match fits {
        true => Ok(()),
        false => Err(RepositoryError::PolicyName(file.to_owned())),
    }
}

fn put(mut draft: Draft<'_>, file: &str, text: &str) -> Result<Sha256, RepositoryError> {
    let path = format!("policies/{file}");
    draft.add_target("policies", &path, text.as_bytes().to_vec())?;
    draft.commit()?;
    Ok(Sha256::of(text.as_bytes()))
}
