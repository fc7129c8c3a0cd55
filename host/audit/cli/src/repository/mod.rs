//! A repository: who signed, which versions are assigned, and what the next ones change.

mod changes;
mod folder;
mod verified;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::Context as _;
use bailiwick_audit::{
    Component, Place, PolicyFile, Release, Role, Signers, Subject,
    report::{Repository, Trust, Unjudged},
};
use bailiwick_core::{
    assignment::{AssignedPlugin, Assignment},
    digest::Sha256,
    release::component_target,
    revocation::Revocations,
    time::Timestamp,
};
use semver::Version;

pub(crate) use changes::note as note_changes;
use folder::Published;
use verified::{Listed, Verified};

/// What a repository says.
pub(crate) struct Known {
    /// Who signed.
    pub(crate) repository: Repository,
    /// The versions that are assigned, and of each plugin the newest after them.
    pub(crate) subjects: Vec<Subject>,
    /// What is assigned and can't be judged.
    pub(crate) unjudged: Vec<Unjudged>,
}

/// Verifies the public folder of a repository as a device would at `now`, from the first root
/// with digest `root` on, and reads what is assigned.
///
/// # Errors
/// A device would not accept it.
pub(crate) fn read(folder: &Path, root: Option<Sha256>, now: Timestamp) -> anyhow::Result<Known> {
    let refused = || format!("the repository {} is not accepted", folder.display());
    let mut reading = Reading::begin(folder, root, now).with_context(refused)?;
    for published in reading.plugins() {
        reading.plugin(&published);
    }
    Ok(reading.end(folder))
}

struct Reading {
    verified: Verified,
    trust: Trust,
    assignment: Assignment,
    revocations: Revocations,
    versions: BTreeMap<Published, Vec<Listed>>,
    policies: BTreeMap<String, PolicyFile>,
    subjects: Vec<Subject>,
    unjudged: Vec<Unjudged>,
}

impl Reading {
    fn begin(folder: &Path, root: Option<Sha256>, now: Timestamp) -> anyhow::Result<Self> {
        let mut verified = Verified::open(folder, root, now)?;
        let assignment = verified.assignment()?;
        let revocations = verified.revocations()?;
        let mut candidates = verified.folder().candidates()?;
        for entry in &assignment.plugins {
            let published = (entry.vendor.clone(), entry.name.clone());
            let versions = candidates.entry(published).or_default();
            versions.insert(entry.version.clone());
        }
        let mut versions = BTreeMap::new();
        for (published, candidates) in candidates {
            let mut listed = Vec::new();
            for version in candidates {
                listed.extend(verified.listed(&published, &version)?);
            }
            versions.insert(published, listed);
        }
        Ok(Self {
            verified,
            trust: root.map_or(Trust::Found, |_| Trust::Named),
            assignment,
            revocations,
            versions,
            policies: BTreeMap::new(),
            subjects: Vec::new(),
            unjudged: Vec::new(),
        })
    }

    fn plugins(&self) -> BTreeSet<Published> {
        self.versions.keys().cloned().collect()
    }

    /// Judges the versions of a plugin that are assigned, and the newest after these; of a
    /// plugin that is not assigned, the newest.
    fn plugin(&mut self, published: &Published) {
        let entries = self.assignment.plugins.iter();
        let of_plugin =
            |entry: &&AssignedPlugin| (&entry.vendor, &entry.name) == (&published.0, &published.1);
        let entries: Vec<_> = entries.filter(of_plugin).cloned().collect();
        let listed = self.versions.remove(published).unwrap_or_default();
        let mut judged: BTreeSet<&Version> = entries.iter().map(|entry| &entry.version).collect();
        let newest = listed.iter().map(|listed| &listed.version).max();
        if newest > judged.last().copied() {
            judged.extend(newest);
        }
        for version in judged {
            let listed = listed.iter().find(|listed| listed.version == *version);
            match self.version(published, version, listed, &entries) {
                Ok(subject) => self.subjects.extend(subject),
                Err(error) => {
                    let (vendor, plugin) = published;
                    let target = component_target(vendor, plugin, version);
                    self.unjudged.push(Unjudged {
                        place: Place::file(&target),
                        reason: format!("{error:#}"),
                    });
                }
            }
        }
        self.versions.insert(published.clone(), listed);
    }

    /// `None` for a version that is assigned to nobody under any policy.
    fn version(
        &mut self,
        published: &Published,
        version: &Version,
        listed: Option<&Listed>,
        entries: &[AssignedPlugin],
    ) -> anyhow::Result<Option<Subject>> {
        let listed = listed.context("it is assigned, and no role lists it")?;
        let assigned: Vec<_> = entries
            .iter()
            .filter(|entry| entry.version == *version)
            .collect();
        // What is not assigned yet is held against the policy of what is.
        let newest = || entries.iter().max_by_key(|entry| &entry.version);
        let file = match assigned.first().copied().or_else(newest) {
            Some(entry) => entry.policy.clone(),
            None => format!("{}.toml", published.1),
        };
        if entries.is_empty() && !self.verified.lists_policy(&file)? {
            return Ok(None);
        }
        let policy = self.policy(&file)?;
        if entries.is_empty() && policy.policy().vendor != published.0 {
            return Ok(None);
        }
        let component = self.verified.component(published, listed)?;
        let manifest = self.verified.manifest(published, version)?;
        Ok(Some(Subject {
            plugin: published.1.to_string(),
            policy: Some(policy),
            release: Some(Release {
                version: version.clone(),
                world: manifest.world,
                role: listed.found.role.clone(),
                signed_by: listed.found.keys.clone(),
                assigned: assigned_to(&assigned),
                forbidden: forbidden(&self.revocations, published, version, listed.sha256),
                changes: None,
            }),
            component: Some(component),
        }))
    }

    fn policy(&mut self, file: &str) -> anyhow::Result<PolicyFile> {
        if let Some(policy) = self.policies.get(file) {
            return Ok(policy.clone());
        }
        let policy = self.verified.policy(file)?;
        self.policies.insert(file.to_owned(), policy.clone());
        Ok(policy)
    }

    fn end(self, folder: &Path) -> Known {
        let roles = self.verified.roles();
        let may_sign = roles.get("policies").map(|role| role.may_sign.clone());
        let components = self.versions.values().flatten();
        Known {
            repository: Repository {
                folder: folder.display().to_string(),
                root: self.verified.root(),
                trust: self.trust,
                signers: Signers {
                    policies: may_sign.unwrap_or_default(),
                    components: components
                        .map(|listed| (listed.sha256, listed.found.role.clone()))
                        .collect(),
                    roles: roles
                        .into_iter()
                        .map(|(name, role)| Role {
                            name,
                            version: role.version,
                            expires: role.expires,
                            signed_by: role.keys,
                        })
                        .collect(),
                },
                refused: self.revocations.refused.into_iter().rev().collect(),
            },
            subjects: self.subjects,
            unjudged: self.unjudged,
        }
    }
}

/// Why no device runs a version of which the component has this digest, and whether that is the
/// one which was refused.
fn forbidden(
    list: &Revocations,
    (vendor, plugin): &Published,
    version: &Version,
    sha256: Sha256,
) -> Option<String> {
    let why = list.forbids(vendor, plugin, version)?;
    let refused = list.refusal(vendor, plugin, version);
    Some(match refused {
        Some(refused) if refused.component_sha256 != sha256 => format!(
            "{why} (what is published under this version now is another component than the one that \
             was refused)"
        ),
        Some(_) | None => why,
    })
}

fn assigned_to(entries: &[&AssignedPlugin]) -> Option<String> {
    let words: Vec<_> = entries.iter().map(|entry| to_whom(entry)).collect();
    (!words.is_empty()).then(|| words.join(", and "))
}

fn to_whom(entry: &AssignedPlugin) -> String {
    let share = match entry.percentage {
        100 => "to all".to_owned(),
        share => format!("to {share} % of"),
    };
    match &entry.groups {
        None if entry.percentage == 100 => "to all devices".to_owned(),
        None => format!("{share} the devices"),
        Some(groups) => {
            let names: Vec<_> = groups.iter().map(|group| group.as_str()).collect();
            format!("{share} devices of {}", names.join(", "))
        }
    }
}

/// Puts policies and components that were named in place of those of the repository: a policy
/// that is about to be signed counts for each version of its plugin, and a component that the
/// repository knows is told once, with who signed it.
pub(crate) fn join(known: &mut Vec<Subject>, named: Vec<Subject>) {
    for subject in named {
        let mut joined = false;
        for of_repository in known
            .iter_mut()
            .filter(|known| known.plugin == subject.plugin)
        {
            if let Some(policy) = &subject.policy {
                of_repository.policy = Some(policy.clone());
            }
            joined |= subject
                .component
                .as_ref()
                .is_none_or(|named| is(of_repository, named));
        }
        if !joined {
            let same_plugin = known.iter().find(|known| known.plugin == subject.plugin);
            let policy = same_plugin.and_then(|known| known.policy.clone());
            known.push(Subject {
                policy: subject.policy.or(policy),
                ..subject
            });
        }
    }
}

fn is(known: &Subject, named: &Component) -> bool {
    let of_repository = known.component.as_ref();
    of_repository.is_some_and(|known| known.inspection.sha256 == named.inspection.sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_component_under_a_refused_version_is_told_to_be_another() {
        let looked_at = Sha256::of(b"looked at");
        let text = format!(
            "format = 1\n[[refused]]\nplugin = \"sample\"\nvendor = \"acme\"\nversion = \"1.3.0\"\n\
             component-sha256 = \"{looked_at}\"\nby = \"anna\"\non = 2026-12-01\nreason = \"No.\"\n"
        );
        let list = Revocations::parse("r", &text).unwrap();
        let published = ("acme".parse().unwrap(), "sample".parse().unwrap());
        let told =
            |version: &str, sha256| forbidden(&list, &published, &version.parse().unwrap(), sha256);
        let why = "refused by anna on 2026-12-01: No.";
        assert_eq!(told("1.3.0", looked_at).as_deref(), Some(why));
        let other = told("1.3.0", Sha256::of(b"another")).unwrap();
        assert!(
            other.starts_with(why) && other.contains("another component"),
            "{other}"
        );
        assert_eq!(told("1.3.1", looked_at), None);
    }
}
