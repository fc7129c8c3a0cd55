//! The assignment, as the `policies` role signs it.

use std::collections::BTreeSet;

use bailiwick_core::{
    assignment::{self, AssignedPlugin, Assignment},
    ids::{GroupName, PluginName, VendorName},
    release::{component_target, manifest_target},
    time::Timestamp,
};
use semver::Version;

use crate::{Repository, RepositoryError, disk, draft::Draft};

/// A version of a plugin, for some or all devices.
#[derive(Clone, Debug)]
pub struct Assign<'a> {
    /// Whose release.
    pub vendor: &'a VendorName,
    /// Which plugin.
    pub plugin: &'a PluginName,
    /// Which version; it must be published.
    pub version: &'a Version,
    /// File name of a published policy, without `policies/`.
    pub policy: &'a str,
    /// Only devices of these groups; `None` means every device.
    pub groups: Option<BTreeSet<GroupName>>,
    /// For how many in a hundred of them, 1 to 100.
    pub percentage: u8,
}

impl Repository {
    /// Changes the assignment and raises its serial; returns the new serial.
    ///
    /// An entry for every device replaces all entries of the plugin. One for some devices
    /// replaces the entry of the same groups and stands before the one for all.
    pub fn assign(&self, new: &Assign<'_>, now: Timestamp) -> Result<u64, RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        let role = self.vendor_role(new.vendor)?;
        self.require(
            &role,
            &component_target(new.vendor, new.plugin, new.version),
        )?;
        self.require(&role, &manifest_target(new.vendor, new.plugin, new.version))?;
        self.require("policies", &format!("policies/{}", new.policy))?;
        let forbidden = self.revocations()?;
        if let Some(reason) = forbidden.forbids(new.vendor, new.plugin, new.version) {
            let version = format!("{} {}", new.plugin, new.version);
            return Err(RepositoryError::Forbidden { version, reason });
        }

        let mut assignment = self.assignment()?;
        let everyone = new.groups.is_none() && new.percentage == 100;
        // One for a share of a group's devices leaves that for the others of it.
        let replaced = |entry: &AssignedPlugin| {
            entry.groups == new.groups && (entry.percentage < 100 || new.percentage == 100)
        };
        assignment
            .plugins
            .retain(|entry| entry.name != *new.plugin || !(everyone || replaced(entry)));
        let entry = AssignedPlugin {
            name: new.plugin.clone(),
            vendor: new.vendor.clone(),
            version: new.version.clone(),
            policy: new.policy.to_owned(),
            groups: new.groups.clone(),
            percentage: new.percentage,
            line: 0,
        };
        let place = assignment
            .plugins
            .iter()
            .position(|entry| entry.name == *new.plugin);
        assignment
            .plugins
            .insert(place.unwrap_or(assignment.plugins.len()), entry);
        self.write_assignment(assignment, now)
    }

    /// Takes a plugin off every device; returns the new serial.
    pub fn unassign(&self, plugin: &PluginName, now: Timestamp) -> Result<u64, RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        let mut assignment = self.assignment()?;
        assignment.plugins.retain(|entry| entry.name != *plugin);
        self.write_assignment(assignment, now)
    }

    /// The published assignment.
    pub fn assignment(&self) -> Result<Assignment, RepositoryError> {
        Ok(Assignment::parse(
            assignment::TARGET,
            &self.document(assignment::TARGET)?,
        )?)
    }

    pub(crate) fn document(&self, path: &str) -> Result<String, RepositoryError> {
        self.target("policies", path)?
            .ok_or_else(|| RepositoryError::damaged(path, "the policies role does not list it"))
    }

    fn require(&self, role: &str, path: &str) -> Result<(), RepositoryError> {
        let signed = self.role(role)?.unwrap_or_default();
        if signed["targets"].get(path).is_none() {
            return Err(RepositoryError::NotPublished {
                path: path.to_owned(),
            });
        }
        Ok(())
    }

    fn write_assignment(
        &self,
        mut assignment: Assignment,
        now: Timestamp,
    ) -> Result<u64, RepositoryError> {
        assignment.serial += 1;
        let text = to_toml(&assignment);
        Assignment::parse(assignment::TARGET, &text)?;
        let mut draft = Draft::new(self, now)?;
        draft.add_target("policies", assignment::TARGET, text.into_bytes())?;
        draft.commit()?;
        Ok(assignment.serial)
    }
}

fn to_toml(assignment: &Assignment) -> String {
    let mut text = format!("format = 1\nserial = {}\n", assignment.serial);
    for entry in &assignment.plugins {
        text.push_str(&format!(
            "\n[[plugin]]\nname = \"{}\"\nvendor = \"{}\"\nversion = \"{}\"\npolicy = \"{}\"\n",
            entry.name, entry.vendor, entry.version, entry.policy
        ));
        if let Some(groups) = &entry.groups {
            let names: Vec<String> = groups.iter().map(|group| format!("\"{group}\"")).collect();
            text.push_str(&format!("groups = [{}]\n", names.join(", ")));
        }
        if entry.percentage != 100 {
            text.push_str(&format!("percentage = {}\n", entry.percentage));
        }
    }
    text
}
