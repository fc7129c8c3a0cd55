//! What the repository has of a version that waits.

use bailiwick_audit::{AuditError, Difference, Inspection, inspect};
use bailiwick_core::{
    DocumentError,
    assignment::{self, AssignedPlugin, Assignment},
    digest::Sha256,
    ids::{PluginName, VendorName},
    policy::Policy,
    release::component_target,
};
use bailiwick_repository::{RepositoryError, Verified};
use semver::Version;

/// The role of policies and of the assignment.
pub(super) const POLICIES: &str = "policies";

/// What is published of a version.
#[derive(Debug)]
pub(crate) struct Published {
    /// Each policy under which devices are told to run it; none if it is assigned no more.
    pub(crate) assigned: Vec<Assigned>,
    /// How it differs from what runs, if that is known and published as well.
    pub(crate) since: Option<Since>,
}

/// A policy under which devices are told to run a version.
#[derive(Debug)]
pub(crate) struct Assigned {
    pub(crate) entry: AssignedPlugin,
    pub(crate) policy: Policy,
}

/// What a version asks for more and less than the one that runs.
#[derive(Debug)]
pub(crate) struct Since {
    pub(crate) version: Version,
    pub(crate) difference: Difference,
}

/// It can't be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishedError {
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error("{path} can't be inspected: {error}")]
    Component { path: String, error: AuditError },
    #[error("`{POLICIES}` does not list {0}")]
    Missing(String),
}

impl Published {
    /// What `verified` has of `version` of `plugin`, while `running` runs.
    ///
    /// # Errors
    /// What is published is not what was signed, or can't be read.
    pub(crate) fn read(
        verified: &mut Verified,
        plugin: &str,
        version: &Version,
        running: Option<&Version>,
    ) -> Result<Self, PublishedError> {
        let text = of_policies(verified, assignment::TARGET)?;
        let assignment = Assignment::parse(assignment::TARGET, &text)?;
        let mut assigned: Vec<Assigned> = Vec::new();
        for entry in assignment.plugins {
            if entry.name.as_str() != plugin || entry.version != *version {
                continue;
            }
            let path = format!("{POLICIES}/{}", entry.policy);
            let policy = Policy::parse(&path, &of_policies(verified, &path)?)?;
            assigned.push(Assigned { entry, policy });
        }
        let since = match (assigned.first(), running) {
            (Some(first), Some(running)) if running != version => {
                since(verified, &first.entry, running)?
            }
            _ => None,
        };
        Ok(Self { assigned, since })
    }
}

fn since(
    verified: &mut Verified,
    entry: &AssignedPlugin,
    running: &Version,
) -> Result<Option<Since>, PublishedError> {
    let is = inspected(verified, &entry.vendor, &entry.name, &entry.version)?;
    let was = inspected(verified, &entry.vendor, &entry.name, running)?;
    Ok(was.zip(is).map(|((_, was), (_, is))| Since {
        version: running.clone(),
        difference: Difference::of_imports(&was.component_imports(), &is.component_imports()),
    }))
}

/// A component that its vendor published, and its digest.
pub(super) fn inspected(
    verified: &mut Verified,
    vendor: &VendorName,
    plugin: &PluginName,
    version: &Version,
) -> Result<Option<(Sha256, Inspection)>, PublishedError> {
    let path = component_target(vendor, plugin, version);
    let Some(bytes) = verified.target(&role(vendor), &path)? else {
        return Ok(None);
    };
    match inspect(&bytes) {
        Ok(inspection) => Ok(Some((Sha256::of(&bytes), inspection))),
        Err(error) => Err(PublishedError::Component { path, error }),
    }
}

fn role(vendor: &VendorName) -> String {
    format!("vendor-{vendor}")
}

pub(super) fn of_policies(verified: &mut Verified, path: &str) -> Result<String, PublishedError> {
    let text = verified.text(POLICIES, path)?;
    text.ok_or_else(|| PublishedError::Missing(path.to_owned()))
}
