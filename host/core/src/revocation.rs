//! Revocations: versions of plugins that must stop and must not come back.

use semver::{Prerelease, Version, VersionReq};

use crate::{
    bytes::ByteCount,
    document::{DocumentError, FORMAT, Key, Source, Value},
    ids::{PluginName, VendorName},
};

/// Its TUF target.
pub const TARGET: &str = "policies/revoked.toml";

/// Longest list that is read.
pub const LONGEST: ByteCount = ByteCount::mib(1);

/// Everything that is revoked. Signed by the `policies` role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations {
    /// In the order of the file.
    pub revoked: Vec<Revoked>,
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
const KEYS: [&Key; 2] = [&FORMAT, &REVOKED];
const REVOKED_KEYS: [&Key; 4] = [&PLUGIN, &VENDOR, &VERSIONS, &REASON];

impl Revocations {
    /// Reads a list of revocations.
    pub fn parse(file: &str, text: &str) -> Result<Self, DocumentError> {
        let source = Source { file, text };
        let tree = source.tree(LONGEST)?;
        let document = source.document(&tree, &KEYS)?;
        document.format()?;
        let revoked = match document.optional(&REVOKED) {
            Some(entries) => entries
                .elements(16_384)?
                .into_iter()
                .map(revoked)
                .collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        Ok(Self { revoked })
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
