//! What was activated on this device, kept so that it survives a restart without network.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use bailiwick_core::{
    digest::Sha256,
    ids::{GenerationId, PluginName, VendorName},
    revocation::Revocations,
};
use semver::{Version, VersionReq};

use crate::{DiskError, OpenError, disk};

const FORMAT: u64 = 1;
const COPIES: [&str; 2] = ["generations-a.json", "generations-b.json"];
const LONGEST: u64 = 16_000_000;
/// Failed and revoked generations that are remembered for each plugin.
const REMEMBERED: usize = 8;

/// Where a generation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It runs.
    Active,
    /// It ran before the active one, and is gone back to if that fails.
    Previous,
    /// It is on trial.
    Probation,
    /// It was revoked and never runs again.
    Revoked,
    /// It failed its trial or was refused.
    Failed,
}

/// One set of a plugin's version and its policy.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Generation {
    /// Rises with each generation of a plugin.
    pub id: GenerationId,
    /// Which plugin.
    pub plugin: PluginName,
    /// Whose.
    pub vendor: VendorName,
    /// Which version.
    pub version: Version,
    /// Digest of the component.
    pub component: Sha256,
    /// Digest of the policy's text.
    pub policy: Sha256,
    /// Where it stands.
    pub status: Status,
    /// Why it was revoked or failed.
    pub reason: Option<String>,
}

/// An entry of the revocations, kept so that it holds offline.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StoredRevocation {
    /// Which plugin.
    pub plugin: PluginName,
    /// Whose.
    pub vendor: VendorName,
    /// Which versions.
    pub versions: VersionReq,
    /// Why.
    pub reason: String,
}

/// Every generation that is remembered, the revocations, and the assignment's serial.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Generations {
    /// Highest serial of an assignment that was followed.
    assignment_serial: u64,
    /// In the order in which they began.
    generations: Vec<Generation>,
    /// They are only ever added to.
    revoked: Vec<StoredRevocation>,
    /// Last id that was given, by plugin.
    last: BTreeMap<PluginName, u64>,
}

impl Generations {
    /// Everything that is remembered, oldest first.
    pub fn all(&self) -> &[Generation] {
        &self.generations
    }

    /// The revocations that hold.
    pub fn revocations(&self) -> &[StoredRevocation] {
        &self.revoked
    }

    /// Highest serial of an assignment that was followed.
    pub fn assignment_serial(&self) -> u64 {
        self.assignment_serial
    }

    /// Follows an assignment; false, and nothing changes, if its serial is lower than one
    /// that was followed before.
    #[must_use = "an assignment with a lower serial must not be followed"]
    pub fn follow(&mut self, serial: u64) -> bool {
        let follows = serial >= self.assignment_serial;
        self.assignment_serial = serial.max(self.assignment_serial);
        follows
    }

    /// Puts a new generation on trial. An earlier trial of the plugin that did not end
    /// counts as failed.
    pub fn begin(
        &mut self,
        plugin: &PluginName,
        vendor: &VendorName,
        version: &Version,
        component: Sha256,
        policy: Sha256,
    ) -> GenerationId {
        for generation in &mut self.generations {
            if generation.plugin == *plugin && generation.status == Status::Probation {
                generation.status = Status::Failed;
                generation.reason = Some("its trial did not end".to_owned());
            }
        }
        let last = self.last.entry(plugin.clone()).or_default();
        *last += 1;
        let id = GenerationId(*last);
        self.generations.push(Generation {
            id,
            plugin: plugin.clone(),
            vendor: vendor.clone(),
            version: version.clone(),
            component,
            policy,
            status: Status::Probation,
            reason: None,
        });
        self.forget(plugin);
        id
    }

    /// Ends a trial with success: it becomes the active generation, the active one the
    /// previous. False, and nothing changes, if it is not on trial.
    pub fn activate(&mut self, plugin: &PluginName, id: GenerationId) -> bool {
        if self.status(plugin, id) != Some(Status::Probation) {
            return false;
        }
        self.generations.retain(|generation| {
            generation.plugin != *plugin || generation.status != Status::Previous
        });
        for generation in &mut self.generations {
            if generation.plugin == *plugin {
                if generation.id == id {
                    generation.status = Status::Active;
                } else if generation.status == Status::Active {
                    generation.status = Status::Previous;
                }
            }
        }
        true
    }

    /// A generation failed: one on trial ends there; an active one is replaced by the
    /// previous one, which is returned. Revoked ones are not gone back to.
    pub fn fail(
        &mut self,
        plugin: &PluginName,
        id: GenerationId,
        reason: &str,
    ) -> Option<&Generation> {
        let before = self.status(plugin, id)?;
        if matches!(before, Status::Revoked | Status::Failed) {
            return None;
        }
        for generation in &mut self.generations {
            if generation.plugin == *plugin && generation.id == id {
                generation.status = Status::Failed;
                generation.reason = Some(reason.to_owned());
            }
        }
        if before == Status::Active {
            for generation in &mut self.generations {
                if generation.plugin == *plugin && generation.status == Status::Previous {
                    generation.status = Status::Active;
                }
            }
        }
        self.forget(plugin);
        self.active(plugin)
    }

    /// Takes up revocations; returns what was active or on trial and must stop.
    pub fn revoke(&mut self, revocations: &Revocations) -> Vec<Generation> {
        for entry in &revocations.revoked {
            let stored = StoredRevocation {
                plugin: entry.plugin.clone(),
                vendor: entry.vendor.clone(),
                versions: entry.versions.clone(),
                reason: entry.reason.clone(),
            };
            if !self.revoked.contains(&stored) {
                self.revoked.push(stored);
            }
        }
        let held = self.held();
        let mut stopped = Vec::new();
        for generation in &mut self.generations {
            let covered = held.covers(&generation.vendor, &generation.plugin, &generation.version);
            if let Some(entry) = covered
                && generation.status != Status::Revoked
            {
                let ran = matches!(generation.status, Status::Active | Status::Probation);
                generation.status = Status::Revoked;
                generation.reason = Some(entry.reason.clone());
                if ran {
                    stopped.push(generation.clone());
                }
            }
        }
        stopped
    }

    /// Why a version may not run, if it was ever revoked.
    pub fn revoked_because(
        &self,
        vendor: &VendorName,
        plugin: &PluginName,
        version: &Version,
    ) -> Option<String> {
        self.held()
            .covers(vendor, plugin, version)
            .map(|entry| entry.reason.clone())
    }

    fn held(&self) -> Revocations {
        let entry = |stored: &StoredRevocation| bailiwick_core::revocation::Revoked {
            plugin: stored.plugin.clone(),
            vendor: stored.vendor.clone(),
            versions: stored.versions.clone(),
            reason: stored.reason.clone(),
            line: 0,
        };
        Revocations {
            revoked: self.revoked.iter().map(entry).collect(),
        }
    }

    /// The plugin's active generation.
    pub fn active(&self, plugin: &PluginName) -> Option<&Generation> {
        self.in_status(plugin, Status::Active)
    }

    /// The plugin's generation before the active one.
    pub fn previous(&self, plugin: &PluginName) -> Option<&Generation> {
        self.in_status(plugin, Status::Previous)
    }

    /// The plugin's generation on trial.
    pub fn on_probation(&self, plugin: &PluginName) -> Option<&Generation> {
        self.in_status(plugin, Status::Probation)
    }

    /// Takes a plugin off the device: its revocations and its last id stay.
    pub fn remove(&mut self, plugin: &PluginName) {
        self.generations
            .retain(|generation| generation.plugin != *plugin);
    }

    /// Digests that must stay in the store: everything that runs or may be gone back to.
    pub fn in_use(&self) -> BTreeSet<Sha256> {
        let runs = |status| {
            matches!(
                status,
                Status::Active | Status::Previous | Status::Probation
            )
        };
        self.generations
            .iter()
            .filter(|generation| runs(generation.status))
            .flat_map(|generation| [generation.component, generation.policy])
            .collect()
    }

    fn status(&self, plugin: &PluginName, id: GenerationId) -> Option<Status> {
        let mut generations = self.generations.iter();
        let found =
            generations.find(|generation| generation.plugin == *plugin && generation.id == id);
        found.map(|generation| generation.status)
    }

    fn in_status(&self, plugin: &PluginName, status: Status) -> Option<&Generation> {
        let mut generations = self.generations.iter();
        generations.find(|generation| generation.plugin == *plugin && generation.status == status)
    }

    fn forget(&mut self, plugin: &PluginName) {
        let ended = |generation: &Generation| {
            generation.plugin == *plugin
                && matches!(generation.status, Status::Failed | Status::Revoked)
        };
        let ended_now = self
            .generations
            .iter()
            .filter(|generation| ended(generation))
            .count();
        let mut surplus = ended_now.saturating_sub(REMEMBERED);
        self.generations.retain(|generation| {
            let goes = surplus > 0 && ended(generation);
            surplus -= usize::from(goes);
            !goes
        });
    }
}

/// The file of [`Generations`], kept twice.
#[derive(Debug)]
pub struct GenerationStore {
    folder: PathBuf,
    revision: u64,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Copy {
    format: u64,
    /// Rises with every write: of two good copies the newer counts.
    revision: u64,
    sha256: Sha256,
    state: serde_json::Value,
}

impl GenerationStore {
    /// Opens the store in `folder`, which may be empty. A damaged copy is set aside and
    /// named in the last value; if both are damaged, the device begins anew.
    pub fn open(folder: &Path) -> Result<(Self, Generations, Vec<PathBuf>), OpenError> {
        let mut damaged = Vec::new();
        let mut newest: Option<(u64, Generations)> = None;
        for name in COPIES {
            let path = folder.join(name);
            let Some(bytes) = disk::read(&path, LONGEST)? else {
                continue;
            };
            let copy = match serde_json::from_slice::<Copy>(&bytes) {
                Ok(copy) if copy.format > FORMAT => {
                    return Err(OpenError::Newer {
                        path,
                        found: copy.format,
                        known: FORMAT,
                    });
                }
                Ok(copy) if Sha256::of(copy.state.to_string().as_bytes()) == copy.sha256 => {
                    Some(copy)
                }
                _ => None,
            };
            let read = copy.and_then(|copy| {
                let state = serde_json::from_value::<Generations>(copy.state).ok()?;
                Some((copy.revision, state))
            });
            match read {
                Some(read) if newest.as_ref().is_none_or(|newest| newest.0 < read.0) => {
                    newest = Some(read)
                }
                Some(_) => {}
                None => {
                    disk::quarantine(&path)?;
                    damaged.push(path);
                }
            }
        }
        let (revision, state) = newest.unwrap_or_default();
        let store = Self {
            folder: folder.to_owned(),
            revision,
        };
        Ok((store, state, damaged))
    }

    /// Makes `state` durable. An interrupted write damages at most one copy.
    pub fn save(&mut self, state: &Generations) -> Result<(), DiskError> {
        let failed = |error: serde_json::Error| {
            DiskError::new("written", self.folder.join(COPIES[0]))(std::io::Error::other(error))
        };
        let state = serde_json::to_value(state).map_err(failed)?;
        let revision = self.revision + 1;
        let copy = Copy {
            format: FORMAT,
            revision,
            sha256: Sha256::of(state.to_string().as_bytes()),
            state,
        };
        let text = serde_json::to_vec(&copy).map_err(failed)?;
        for name in COPIES {
            disk::write(&self.folder.join(name), &text)?;
        }
        self.revision = revision;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
