//! The last complete set: what offline work rests on.

use std::{collections::BTreeMap, path::Path};

use bailiwick_core::digest::Sha256;
use sigstore_tuf::TrustedMetadataSet;

use crate::{Client, OpenError, disk};

const FORMAT: u64 = 1;
/// Snapshot, targets and policies at their longest, the documents, and JSON's escapes.
const LONGEST: u64 = 40_000_000;
/// What has to be there for a chain from the root to the documents.
pub(crate) const FILES: [&str; 4] = [
    "timestamp.json",
    "snapshot.json",
    "targets.json",
    "policies.json",
];
/// The role that signs the documents.
pub(crate) const POLICIES: &str = "policies";

/// Metadata and documents of one successful refresh, in one file, so that a rename swaps
/// all of it or nothing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Accepted {
    format: u64,
    /// Version of the root under which it was verified.
    pub(crate) root: u64,
    /// Text of each of [`FILES`].
    pub(crate) metadata: BTreeMap<String, String>,
    /// Text of the documents by target path.
    pub(crate) documents: BTreeMap<String, String>,
}

impl Accepted {
    pub(crate) fn new(
        root: u64,
        metadata: BTreeMap<String, String>,
        documents: BTreeMap<String, String>,
    ) -> Self {
        Self {
            format: FORMAT,
            root,
            metadata,
            documents,
        }
    }

    pub(crate) fn load(path: &Path) -> Result<Option<Self>, OpenError> {
        let Some(bytes) = disk::read(path, LONGEST)? else {
            return Ok(None);
        };
        let damaged = |reason: String| OpenError::Damaged { reason };
        let value: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        match value["format"].as_u64() {
            Some(found) if found > FORMAT => Err(OpenError::Newer {
                path: path.to_owned(),
                found,
                known: FORMAT,
            }),
            _ => serde_json::from_value(value)
                .map(Some)
                .map_err(|error| damaged(error.to_string())),
        }
    }

    pub(crate) fn save(&self, path: &Path) -> Result<(), crate::DiskError> {
        let text = serde_json::to_vec(self).map_err(|error| {
            crate::DiskError::new("written", path)(std::io::Error::other(error))
        })?;
        disk::write(path, &text)
    }

    /// Verifies every signature from the first root on, every pin and every document.
    /// Expiry does not count: what runs goes on.
    pub(crate) fn verify(&self, client: &Client) -> Result<TrustedMetadataSet, String> {
        // Nothing expires before the beginning of time.
        let never = jiff::Timestamp::MIN;
        let words = |error: sigstore_tuf::Error| error.to_string();
        let first = client.first_root().map_err(|error| error.to_string())?;
        let first = first.ok_or("the first root is missing or is not the one in the settings")?;
        let mut trusted = TrustedMetadataSet::from_root(&first).map_err(words)?;
        for number in trusted.root().version + 1..=self.root {
            let root = client.root(number).map_err(|error| error.to_string())?;
            let root = root.ok_or_else(|| format!("root {number} is missing"))?;
            trusted.update_root(&root).map_err(words)?;
        }
        let file = |name: &str| {
            let text = self
                .metadata
                .get(name)
                .ok_or_else(|| format!("{name} is missing"))?;
            Ok::<_, String>(text.as_bytes())
        };
        let [timestamp, snapshot, targets, policies] = FILES;
        trusted
            .update_timestamp(file(timestamp)?, never)
            .map_err(words)?;
        trusted
            .update_snapshot(file(snapshot)?, never)
            .map_err(words)?;
        trusted
            .update_targets(file(targets)?, never)
            .map_err(words)?;
        trusted
            .update_delegated_targets(file(policies)?, POLICIES, "targets", never)
            .map_err(words)?;
        for (path, text) in &self.documents {
            if crate::signed::listing_role(&trusted, path).as_deref() != Some(POLICIES) {
                return Err(format!("{path} is not signed by {POLICIES}"));
            }
            let listed = trusted
                .targets_role(POLICIES)
                .and_then(|role| role.target(path));
            let digest = listed.and_then(|target| target.hashes.get("sha256"));
            if digest.and_then(|hex| hex.parse().ok()) != Some(Sha256::of(text.as_bytes())) {
                return Err(format!("{path} is not what was signed"));
            }
        }
        Ok(trusted)
    }
}
