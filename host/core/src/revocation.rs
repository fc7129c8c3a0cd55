//! What no device may run: versions that were revoked, which must stop and must not come back,
//! and versions that an approver refused.

use semver::{Prerelease, Version, VersionReq};

use crate::{
    bytes::ByteCount,
    document::{DocumentError, FORMAT, Key, Source, Value},
    ids::{PluginName, VendorName},
    refusal::Refused,
};

/// Its TUF target.
pub const TARGET: &str = "policies/revoked.toml";

/// Longest list that is read.
pub const LONGEST: ByteCount = ByteCount::mib(1);

/// Everything that is revoked or refused. Signed by the `policies` role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations {
    /// In the order of the file.
    pub revoked: Vec<Revoked>,
    /// In the order of the file, each version at most once.
    pub refused: Vec<Refused>,
}

/// Some versions of one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Which plugin.
    pub plugin: PluginName,
    /// Whose.
    pub vendor: VendorName,
    /// Which versions of it; `*` is all.
    pub versions: VersionReq,
    /// Why, for people. Never empty.
    pub reason: String,
    /// Line of the entry in the file.
    pub line: u32,
}

const REVOKED: Key = Key::new("revoked", "", "`[[revoked]]` entries");
const REFUSED: Key = Key::new("refused", "", "`[[refused]]` entries");
const PLUGIN: Key = Key::new("plugin", "\"inventory\"", "the plugin's name");
const VENDOR: Key = Key::new("vendor", "\"bailiwick\"", "the vendor's name");
const VERSIONS: Key = Key::new(
    "versions",
    "\">=0.1.3, <0.1.6\"",
    "a requirement on versions; `*` revokes all",
);
const REASON: Key = Key::new(
    "reason",
    "\"Reads files twice.\"",
    "why, on one line of at most 1000 bytes",
);
const KEYS: [&Key; 3] = [&FORMAT, &REVOKED, &REFUSED];
/// Most entries of each kind.
const MOST: usize = 16_384;
const REVOKED_KEYS: [&Key; 4] = [&PLUGIN, &VENDOR, &VERSIONS, &REASON];

impl Revocations {
    /// Reads a list of revocations.
    pub fn parse(file: &str, text: &str) -> Result<Self, DocumentError> {
        let source = Source { file, text };
        let tree = source.tree(LONGEST)?;
        let document = source.document(&tree, &KEYS)?;
        document.format()?;
        let mut read = Self::default();
        if let Some(entries) = document.optional(&REVOKED) {
            for entry in entries.elements(MOST)? {
                read.revoked.push(revoked(entry)?);
            }
        }
        if let Some(entries) = document.optional(&REFUSED) {
            for entry in entries.elements(MOST)? {
                read.refused.push(Refused::read(entry)?);
            }
        }
        Ok(read)
    }

    /// Why `version` must not run, in words; `None` if it may.
    pub fn forbids(
        &self,
        vendor: &VendorName,
        plugin: &PluginName,
        version: &Version,
    ) -> Option<String> {
        match self.covers(vendor, plugin, version) {
            Some(entry) => Some(format!("revoked: {}", entry.reason)),
            None => Some(self.refusal(vendor, plugin, version)?.to_string()),
        }
    }

    /// The refusal of `version`.
    pub fn refusal(
        &self,
        vendor: &VendorName,
        plugin: &PluginName,
        version: &Version,
    ) -> Option<&Refused> {
        let mut entries = self.refused.iter();
        entries.find(|entry| {
            entry.vendor == *vendor && entry.plugin == *plugin && entry.version == *version
        })
    }

    /// The first entry that revokes `version`.
    ///
    /// A pre-release is revoked when its release is: `<0.2` covers `0.1.5-rc.1`, and `*`
    /// covers everything, which semantic versioning's own rule would not say.
    pub fn covers(
        &self,
        vendor: &VendorName,
        plugin: &PluginName,
        version: &Version,
    ) -> Option<&Revoked> {
        let release = Version {
            pre: Prerelease::EMPTY,
            ..version.clone()
        };
        self.revoked.iter().find(|entry| {
            entry.vendor == *vendor
                && entry.plugin == *plugin
                && (entry.versions.matches(version) || entry.versions.matches(&release))
        })
    }
}

fn revoked(entry: Value<'_>) -> Result<Revoked, DocumentError> {
    let table = entry.table("`[[revoked]]`", &REVOKED_KEYS)?;
    Ok(Revoked {
        plugin: table.required(&PLUGIN)?.parsed()?,
        vendor: table.required(&VENDOR)?.parsed()?,
        versions: table.required(&VERSIONS)?.parsed()?,
        reason: table.required(&REASON)?.prose(1_000)?,
        line: table.line(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revocations(versions: &str) -> Result<Revocations, DocumentError> {
        Revocations::parse(
            "revoked.toml",
            &format!(
                "format = 1\n[[revoked]]\nplugin = \"inventory\"\nvendor = \"bailiwick\"\n\
                 versions = \"{versions}\"\nreason = \"Reads files twice.\"\n"
            ),
        )
    }

    fn covered(versions: &str, version: &str) -> bool {
        let vendor = "bailiwick".parse().unwrap();
        let plugin = "inventory".parse().unwrap();
        revocations(versions)
            .unwrap()
            .covers(&vendor, &plugin, &version.parse().unwrap())
            .is_some()
    }

    #[test]
    fn pre_releases_are_revoked_with_their_release() {
        assert!(covered("<0.2", "0.1.5-rc.1"));
        assert!(covered("*", "0.0.1-alpha"));
        assert!(covered("=0.1.5-rc.1", "0.1.5-rc.1"));
        assert!(!covered("<0.2", "0.2.0"));
        assert!(!covered("=0.1.5", "0.1.6"));
    }

    #[test]
    fn another_vendors_plugin_of_the_same_name_is_not_meant() {
        let list = revocations("*").unwrap();
        let plugin = "inventory".parse().unwrap();
        let version = Version::new(0, 1, 0);
        assert_eq!(
            list.covers(&"acme".parse().unwrap(), &plugin, &version),
            None
        );
    }

    #[test]
    fn a_refusal_is_of_one_version_and_says_who_when_and_why() {
        let text = format!(
            "format = 1\n[[refused]]\nplugin = \"inventory\"\nvendor = \"bailiwick\"\n\
             version = \"0.1.1\"\ncomponent-sha256 = \"{}\"\nby = \"anna\"\n\
             on = 2026-12-01\nreason = \"Reads too much.\"\n",
            "ab".repeat(32)
        );
        let list = Revocations::parse("r", &text).unwrap();
        let (vendor, plugin) = ("bailiwick".parse().unwrap(), "inventory".parse().unwrap());
        let forbids = |version: &str| list.forbids(&vendor, &plugin, &version.parse().unwrap());
        assert_eq!(
            forbids("0.1.1").as_deref(),
            Some("refused by anna on 2026-12-01: Reads too much.")
        );
        assert_eq!(forbids("0.1.1-rc.1"), None);
        assert_eq!(forbids("0.1.2"), None);
        let other = "acme".parse().unwrap();
        assert_eq!(list.refusal(&other, &plugin, &Version::new(0, 1, 1)), None);
        assert_eq!(
            revocations("<0.2")
                .unwrap()
                .forbids(&vendor, &plugin, &Version::new(0, 1, 1)),
            Some("revoked: Reads files twice.".to_owned())
        );
    }

    #[test]
    fn an_empty_list_is_a_list() {
        assert_eq!(
            Revocations::parse("r", "format = 1\n"),
            Ok(Revocations::default())
        );
    }

    #[test]
    fn refusals_say_where_and_what_to_write() {
        let refused = revocations("latest").unwrap_err().to_string();
        assert_eq!(
            refused,
            "revoked.toml:5:12: `versions` can't be `\"latest\"`; write \
             `versions = \">=0.1.3, <0.1.6\"`: a requirement on versions; `*` revokes all"
        );
        let text = "format = 1\n[[revoked]]\nplugin = \"inventory\"\nvendor = \"bailiwick\"\n\
                    versions = \"*\"\nreason = \" \"\n";
        let refused = Revocations::parse("r", text).unwrap_err().to_string();
        assert!(refused.starts_with("r:6:10: `reason` can't be `\" \"`: it is empty; write"));
    }
}
