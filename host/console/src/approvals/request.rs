//! A version that an approver decides about: what it asks for beyond its policies.

use std::collections::BTreeSet;

use bailiwick_core::{
    audit::{Finding, verdict},
    digest::Sha256,
    time::Timestamp,
};
use bailiwick_repository::{Named, Verified};

use super::published::{Assigned, Published, PublishedError, inspected};

/// A published version, held against the policies under which devices are told to run it.
#[derive(Debug)]
pub(crate) struct Request {
    /// Digest of its component.
    pub(crate) sha256: Sha256,
    /// One for each policy under which it is assigned.
    pub(crate) asked: Vec<Asked>,
}

/// A version under one policy.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) assigned: Assigned,
    /// What it asks for and is not granted, one line each. Without any, devices run it.
    pub(crate) beyond: Vec<String>,
}

impl Request {
    /// What `verified` has of a version; `None` if its vendor did not publish it.
    ///
    /// # Errors
    /// What is published is not what was signed, or can't be read.
    pub(crate) fn read(
        verified: &mut Verified,
        named: Named<'_>,
        now: Timestamp,
    ) -> Result<Option<Self>, PublishedError> {
        let Named {
            vendor,
            plugin,
            version,
        } = named;
        let Some((sha256, inspection)) = inspected(verified, vendor, plugin, version)? else {
            return Ok(None);
        };
        let imports = inspection.component_imports();
        let published = Published::read(verified, plugin.as_str(), version, None)?;
        let mut assigned = published.assigned;
        // Several groups may have it under one policy.
        let mut seen = BTreeSet::new();
        assigned.retain(|Assigned { entry, .. }| {
            entry.vendor == *vendor && seen.insert(entry.policy.clone())
        });
        let asked = assigned.into_iter().map(|assigned| Asked {
            beyond: verdict(&imports, &assigned.policy, now)
                .refusals()
                .map(Finding::to_string)
                .collect(),
            assigned,
        });
        Ok(Some(Self {
            sha256,
            asked: asked.collect(),
        }))
    }

    /// The policies under which it may run as they are.
    pub(crate) fn granted_by(&self) -> Vec<&str> {
        let granted = self.asked.iter().filter(|asked| asked.beyond.is_empty());
        granted
            .map(|asked| asked.assigned.entry.policy.as_str())
            .collect()
    }
}
