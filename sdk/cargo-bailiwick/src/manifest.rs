//! `plugin.toml`: what a plugin is, and what it asks for. It grants nothing: a policy does.

use std::{fs, path::Path};

use bailiwick_core::{
    ids::{PluginName, VendorName},
    policy::Capability,
    release::World,
};
use semver::Version;
use serde::Deserialize;

use crate::Error;

/// A `plugin.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The plugin's name, as in policies and target paths.
    pub name: PluginName,
    /// Who publishes it.
    pub vendor: VendorName,
    /// Its version: that of its package.
    pub version: Version,
    /// The contract's world that it implements.
    pub world: String,
    /// One line for people.
    pub summary: String,
    /// What it wants to be granted.
    #[serde(default)]
    pub asks: Vec<Ask>,
}

/// A capability that a plugin wants.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Its interface in the contract.
    pub capability: String,
    /// For `files`: the paths that it reads, in the patterns of policies.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Why.
    pub reason: String,
}

impl Manifest {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Manifest`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|cause| Error::File {
            path: path.to_owned(),
            cause,
        })?;
        Self::parse(&text).map_err(|reason| Error::Manifest {
            path: path.to_owned(),
            reason,
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if World::named(&manifest.world).is_none() {
            let known: Vec<_> = World::ALL.into_iter().map(World::name).collect();
            return Err(format!(
                "`{}` is no world of the contract {}: write one of {}",
                manifest.world,
                bailiwick_core::CONTRACT,
                known.join(", ")
            ));
        }
        for ask in &manifest.asks {
            ask.check()?;
        }
        Ok(manifest)
    }
}

impl Ask {
    fn check(&self) -> Result<(), String> {
        let name = &self.capability;
        if !Capability::ALL
            .iter()
            .any(|capability| capability.name() == name)
        {
            let known = Capability::ALL.map(Capability::name).join(", ");
            return Err(format!("`{name}` is no capability: it is one of {known}"));
        }
        if self.reason.trim().is_empty() {
            return Err(format!("`{name}` is asked for without a reason: say why"));
        }
        if self.paths.is_empty() == (name == Capability::Files.name()) {
            return Err(if self.paths.is_empty() {
                "`files` is asked for without paths: list what is read".to_owned()
            } else {
                format!("`{name}` has no paths: only `files` has")
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        name = "pressure"
        vendor = "bailiwick"
        version = "0.1.0"
        world = "collector"
        summary = "What waits."
        [[asks]]
        capability = "files"
        paths = ["/proc/pressure/*"]
        reason = "It is what it reports."
    "#;

    #[test]
    fn a_whole_manifest_is_read() {
        let manifest = Manifest::parse(WHOLE).unwrap();
        assert_eq!(manifest.name.as_str(), "pressure");
        assert_eq!(manifest.asks.len(), 1);
    }

    #[test]
    fn what_is_wrong_is_refused_and_named() {
        for (from, to, expected) in [
            ("summary", "sumary", "unknown field `sumary`"),
            ("\"collector\"", "\"handler\"", "is no world"),
            ("\"files\"", "\"disk\"", "is no capability"),
            ("\"files\"", "\"log\"", "has no paths"),
            ("\"It is what it reports.\"", "\" \"", "without a reason"),
            ("[\"/proc/pressure/*\"]", "[]", "without paths"),
            ("\"0.1.0\"", "\"0.1\"", "version"),
            ("\"pressure\"", "\"Pressure\"", "is not a name"),
        ] {
            let reason = Manifest::parse(&WHOLE.replacen(from, to, 1)).unwrap_err();
            assert!(reason.contains(expected), "{to}: {reason}");
        }
    }
}
