//! What was decided of versions, as the role `policies` has it signed.

use bailiwick_core::{
    assignment::{self, Assignment},
    ids::{PluginName, VendorName},
    refusal::Refused,
    revocation::{self, Revocations},
};
use bailiwick_repository::Verified;
use semver::{Version, VersionReq};

use super::published::{PublishedError, of_policies};

/// Which versions devices are told to run, and which none may.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    assignment: Assignment,
    forbidden: Revocations,
}

impl Decided {
    /// What `verified` has.
    ///
    /// # Errors
    /// What is published is not what was signed, or can't be read.
    pub(crate) fn read(verified: &mut Verified) -> Result<Self, PublishedError> {
        let assigned = of_policies(verified, assignment::TARGET)?;
        let forbidden = of_policies(verified, revocation::TARGET)?;
        Ok(Self {
            assignment: Assignment::parse(assignment::TARGET, &assigned)?,
            forbidden: Revocations::parse(revocation::TARGET, &forbidden)?,
        })
    }

    /// Whether any device is told to run this version. Devices don't tell whose it is, and run
    /// one plugin of a name.
    pub(crate) fn is_assigned(&self, plugin: &str, version: &Version) -> bool {
        let mut entries = self.assignment.plugins.iter();
        entries.any(|entry| entry.name.as_str() == plugin && entry.version == *version)
    }

    /// Every refusal, the newest first.
    pub(crate) fn refused(&self) -> impl Iterator<Item = &Refused> {
        self.forbidden.refused.iter().rev()
    }

    /// The refusal of a version that devices are told to run.
    pub(crate) fn refusal(&self, plugin: &str, version: &Version) -> Option<&Refused> {
        let mut entries = self.assignment.plugins.iter();
        entries.find_map(|entry| {
            let meant = entry.name.as_str() == plugin && entry.version == *version;
            meant.then(|| {
                self.forbidden
                    .refusal(&entry.vendor, &entry.name, &entry.version)
            })?
        })
    }

    /// Refusals of versions for which a policy is.
    pub(crate) fn refused_among(
        &self,
        vendor: &VendorName,
        plugin: &PluginName,
        versions: &VersionReq,
    ) -> Vec<&Refused> {
        let of = |refused: &&Refused| {
            refused.vendor == *vendor
                && refused.plugin == *plugin
                && versions.matches(&refused.version)
        };
        self.refused().filter(of).collect()
    }
}
