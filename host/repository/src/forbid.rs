//! What no device may run: revocations, and refusals of approvers, as the `policies` role signs
//! them.

use bailiwick_core::{
    ids::{PluginName, VendorName},
    refusal::Refused,
    release::component_target,
    revocation::{self, Revocations, Revoked},
    time::Timestamp,
};
use semver::{Version, VersionReq};

use crate::{Key, Repository, RepositoryError, disk, draft::Draft, quoted::quoted};

/// A version of a plugin.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Whose release.
    pub vendor: &'a VendorName,
    /// Which plugin.
    pub plugin: &'a PluginName,
    /// Which version.
    pub version: &'a Version,
}

impl Repository {
    /// Revokes versions of a plugin: devices stop them within one refresh and never go
    /// back to them. It is not undone.
    pub fn revoke(
        &self,
        vendor: &VendorName,
        plugin: &PluginName,
        versions: &VersionReq,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        let mut list = self.revocations()?;
        list.revoked.push(Revoked {
            plugin: plugin.clone(),
            vendor: vendor.clone(),
            versions: versions.clone(),
            reason: reason.to_owned(),
            line: 0,
        });
        write(Draft::new(self, now)?, &list)
    }

    /// Refuses a published version in the name of `key`, which alone signs here: devices don't
    /// run it, from their next refresh on, whatever its policy grants.
    ///
    /// # Errors
    /// It was refused already, or is not published, among others.
    pub fn refuse(
        &self,
        named: Named<'_>,
        reason: &str,
        key: Key,
        now: Timestamp,
    ) -> Result<Refused, RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        let Named {
            vendor,
            plugin,
            version,
        } = named;
        let mut list = self.revocations()?;
        if let Some(before) = list.refusal(vendor, plugin, version) {
            return Err(RepositoryError::Refused(Box::new(before.clone())));
        }
        let path = component_target(vendor, plugin, version);
        let signed = self.role(&self.vendor_role(vendor)?)?.unwrap_or_default();
        let sha256 = signed["targets"][&path]["hashes"]["sha256"].as_str();
        let component_sha256 = sha256.and_then(|digits| digits.parse().ok());
        let refused = Refused {
            plugin: plugin.clone(),
            vendor: vendor.clone(),
            version: version.clone(),
            component_sha256: component_sha256.ok_or(RepositoryError::NotPublished { path })?,
            by: key.name().to_owned(),
            on: now.end_of_day(),
            reason: reason.to_owned(),
        };
        list.refused.push(refused.clone());
        write(Draft::signed_by(self, key, now)?, &list)?;
        Ok(refused)
    }

    /// Takes the refusal of a version back, signed by `key` alone. Returns what it said.
    ///
    /// # Errors
    /// Nobody refused it, among others.
    pub fn withdraw_refusal(
        &self,
        named: Named<'_>,
        key: Key,
        now: Timestamp,
    ) -> Result<Refused, RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        let mut list = self.revocations()?;
        let Named {
            vendor,
            plugin,
            version,
        } = named;
        let Some(refused) = list.refusal(vendor, plugin, version).cloned() else {
            return Err(RepositoryError::NotRefused(format!("{plugin} {version}")));
        };
        list.refused.retain(|entry| *entry != refused);
        write(Draft::signed_by(self, key, now)?, &list)?;
        Ok(refused)
    }

    /// The published revocations and refusals.
    pub fn revocations(&self) -> Result<Revocations, RepositoryError> {
        Ok(Revocations::parse(
            revocation::TARGET,
            &self.document(revocation::TARGET)?,
        )?)
    }
}

/// Publishes the list, if devices can read it.
fn write(mut draft: Draft<'_>, list: &Revocations) -> Result<(), RepositoryError> {
    let text = to_toml(list);
    Revocations::parse(revocation::TARGET, &text)?;
    draft.add_target("policies", revocation::TARGET, text.into_bytes())?;
    draft.commit().map(|_| ())
}

fn to_toml(list: &Revocations) -> String {
    let mut text = String::from("format = 1\n");
    for entry in &list.revoked {
        text.push_str(&format!(
            "\n[[revoked]]\nplugin = \"{}\"\nvendor = \"{}\"\nversions = \"{}\"\nreason = {}\n",
            entry.plugin,
            entry.vendor,
            entry.versions,
            quoted(&entry.reason)
        ));
    }
    for entry in &list.refused {
        text.push_str(&format!(
            "\n[[refused]]\nplugin = \"{}\"\nvendor = \"{}\"\nversion = \"{}\"\n\
             component-sha256 = \"{}\"\nby = \"{}\"\non = {}\nreason = {}\n",
            entry.plugin,
            entry.vendor,
            entry.version,
            entry.component_sha256,
            entry.by,
            entry.day(),
            quoted(&entry.reason)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use bailiwick_core::release::World;

    use super::*;
    use crate::{Assign, Init, Publish};

    const NOW: Timestamp = Timestamp::from_ms(1_795_435_200_000);

    struct Desk {
        folder: tempfile::TempDir,
        repository: Repository,
        vendor: VendorName,
        plugin: PluginName,
    }

    impl Desk {
        fn with_versions(versions: &[&Version]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let init = Init {
                vendors: vec!["acme".parse().unwrap()],
                server_names: Vec::new(),
                now: NOW,
            };
            Repository::init(folder.path(), &init).unwrap();
            let desk = Self {
                repository: Repository::open(folder.path()).unwrap(),
                vendor: "acme".parse().unwrap(),
                plugin: "inventory".parse().unwrap(),
                folder,
            };
            for version in versions {
                let component = version.to_string();
                let new = Publish {
                    vendor: &desk.vendor,
                    plugin: &desk.plugin,
                    version,
                    world: World::Collector,
                    contract: &bailiwick_core::CONTRACT,
                    minimum_host: &Version::new(0, 1, 0),
                    component: component.as_bytes(),
                };
                desk.repository.publish(&new, NOW).unwrap();
            }
            desk
        }

        fn key(&self) -> Key {
            Key::load(&self.folder.path().join("keys/policies-2026.json")).unwrap()
        }

        fn named<'a>(&'a self, version: &'a Version) -> Named<'a> {
            Named {
                vendor: &self.vendor,
                plugin: &self.plugin,
                version,
            }
        }

        fn refuse(&self, version: &Version, reason: &str) -> Result<Refused, RepositoryError> {
            let named = self.named(version);
            self.repository.refuse(named, reason, self.key(), NOW)
        }

        fn revoke(&self, versions: &str) {
            let versions = versions.parse().unwrap();
            self.repository
                .revoke(&self.vendor, &self.plugin, &versions, "Leaks.", NOW)
                .unwrap();
        }

        fn assign(&self, version: &Version) -> Result<u64, RepositoryError> {
            let assign = Assign {
                vendor: &self.vendor,
                plugin: &self.plugin,
                version,
                policy: "inventory.toml",
                groups: None,
                percentage: 100,
            };
            self.repository.assign(&assign, NOW)
        }
    }

    #[test]
    fn a_refusal_is_published_with_what_was_revoked_and_taken_back_alone() {
        let (one, two) = (Version::new(0, 1, 0), Version::new(0, 1, 1));
        let desk = Desk::with_versions(&[&one, &two]);
        desk.revoke("<0.1");
        let refused = desk.refuse(&two, "Reads \"all\".").unwrap();
        assert_eq!(
            refused.to_string(),
            "refused by policies-2026 on 2026-11-23: Reads \"all\"."
        );
        assert_eq!(
            refused.component_sha256,
            bailiwick_core::digest::Sha256::of(b"0.1.1")
        );
        let mut verified = desk.repository.verified().unwrap();
        let text = verified.text("policies", revocation::TARGET).unwrap();
        let read = Revocations::parse("r", &text.unwrap()).unwrap();
        assert_eq!(read.refused, std::slice::from_ref(&refused));
        assert_eq!(read.revoked.len(), 1);

        let again = desk.refuse(&two, "Once more.").unwrap_err().to_string();
        assert!(again.contains("Reads \"all\"."), "{again}");
        let back = desk
            .repository
            .withdraw_refusal(desk.named(&two), desk.key(), NOW);
        assert_eq!(back.unwrap(), refused);
        let list = desk.repository.revocations().unwrap();
        assert_eq!((list.refused.len(), list.revoked.len()), (0, 1));
        let nothing = desk
            .repository
            .withdraw_refusal(desk.named(&two), desk.key(), NOW);
        let nothing = nothing.unwrap_err().to_string();
        assert!(nothing.contains("inventory 0.1.1"), "{nothing}");
    }

    #[test]
    fn nothing_is_refused_without_a_reason_or_that_nobody_published() {
        let one = Version::new(0, 1, 0);
        let desk = Desk::with_versions(&[&one]);
        let before = desk.repository.role("policies").unwrap();
        for (version, reason, expected) in [
            (&one, "", "`reason` can't be"),
            (&one, "two\nlines", "`reason` can't be"),
            (&Version::new(9, 0, 0), "No.", "is not in this repository"),
        ] {
            let told = desk.refuse(version, reason).unwrap_err().to_string();
            assert!(told.contains(expected), "{expected}: {told}");
        }
        assert_eq!(desk.repository.role("policies").unwrap(), before);
    }

    #[test]
    fn what_no_device_would_run_is_not_assigned() {
        let (one, two) = (Version::new(0, 1, 0), Version::new(0, 1, 1));
        let desk = Desk::with_versions(&[&one, &two]);
        let policy = include_str!("../../core/fixtures/policy.toml");
        desk.repository
            .put_policy("inventory.toml", policy, NOW)
            .unwrap();
        desk.refuse(&two, "Reads too much.").unwrap();
        let told = desk.assign(&two).unwrap_err().to_string();
        assert!(
            told.contains("no device runs inventory 0.1.1: refused by policies-2026 on"),
            "{told}"
        );
        desk.assign(&one).unwrap();
        desk.revoke("*");
        assert!(desk.assign(&one).is_err());
    }
}
