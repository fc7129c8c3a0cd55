//! The assignment: which plugins, in which versions and under which policies, a device
//! should run.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::{
    bytes::ByteCount,
    digest::Sha256,
    document::{DocumentError, FORMAT, Key, Source, Value},
    ids::{DeviceId, GroupName, PluginName, VendorName},
    release::version,
};

/// Its TUF target.
pub const TARGET: &str = "policies/assignment.toml";

/// Longest assignment that is read.
pub const LONGEST: ByteCount = ByteCount::mib(1);

/// What devices should run. Signed by the `policies` role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Rises with every change. A device never goes back to a lower one.
    pub serial: u64,
    /// In the order of the file: the first entry of a plugin that fits a device counts.
    pub plugins: Vec<AssignedPlugin>,
}

/// One plugin for some or all devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignedPlugin {
    /// Which plugin.
    pub name: PluginName,
    /// Whose release of it.
    pub vendor: VendorName,
    /// Which version.
    pub version: Version,
    /// File name of its policy beneath `policies/`.
    pub policy: String,
    /// Only devices of one of these groups; `None` means every device.
    pub groups: Option<BTreeSet<GroupName>>,
    /// For how many in a hundred of these devices, 1 to 100.
    pub percentage: u8,
    /// Line of the entry in the file.
    pub line: u32,
}

const SERIAL: Key = Key::new("serial", "12", "a number that rises with every change");
const PLUGIN: Key = Key::new("plugin", "", "`[[plugin]]` entries");
const NAME: Key = Key::new("name", "\"inventory\"", "the plugin's name");
const VENDOR: Key = Key::new("vendor", "\"bailiwick\"", "the vendor's name");
const VERSION: Key = Key::new("version", "\"0.1.0\"", "one released version");
const POLICY: Key = Key::new(
    "policy",
    "\"inventory.toml\"",
    "a file beneath policies/: 1 to 63 of `a-z`, `0-9` and `-`, and `.toml`",
);
const GROUPS: Key = Key::new(
    "groups",
    "[\"pilot\"]",
    "names of groups; without this key it is for every device",
);
const PERCENTAGE: Key = Key::new(
    "percentage",
    "25",
    "1 to 100; without this key it is for all",
);
const KEYS: [&Key; 3] = [&FORMAT, &SERIAL, &PLUGIN];
const PLUGIN_KEYS: [&Key; 6] = [&NAME, &VENDOR, &VERSION, &POLICY, &GROUPS, &PERCENTAGE];

impl Assignment {
    /// Reads an assignment.
    pub fn parse(file: &str, text: &str) -> Result<Self, DocumentError> {
        let source = Source { file, text };
        let tree = source.tree(LONGEST)?;
        let document = source.document(&tree, &KEYS)?;
        document.format()?;
        let serial = document.required(&SERIAL)?.integer(1..=u64::MAX)?;
        let mut plugins = Vec::new();
        // The line of the entry after which no other of the same plugin can count.
        let mut last = BTreeMap::new();
        if let Some(entries) = document.optional(&PLUGIN) {
            for entry in entries.elements(4_096)? {
                let plugin = assigned(entry)?;
                if let Some(line) = last.get(&plugin.name) {
                    return Err(entry.error(
                        format!(
                            "this entry never counts: line {line} gives `{}` to every device",
                            plugin.name
                        ),
                        "put it before that entry, or remove one of them",
                    ));
                }
                if plugin.groups.is_none() && plugin.percentage == 100 {
                    last.insert(plugin.name.clone(), plugin.line);
                }
                plugins.push(plugin);
            }
        }
        Ok(Self { serial, plugins })
    }

    /// What `device`, a member of `groups`, should run: the first entry of each plugin
    /// that fits, in order of the plugins' names.
    pub fn for_device(
        &self,
        device: &DeviceId,
        groups: &BTreeSet<GroupName>,
    ) -> Vec<&AssignedPlugin> {
        let mut chosen = BTreeMap::new();
        for plugin in &self.plugins {
            if plugin.fits(device, groups) {
                chosen.entry(&plugin.name).or_insert(plugin);
            }
        }
        chosen.into_values().collect()
    }
}

impl AssignedPlugin {
    fn fits(&self, device: &DeviceId, groups: &BTreeSet<GroupName>) -> bool {
        let member = self
            .groups
            .as_ref()
            .is_none_or(|wanted| !wanted.is_disjoint(groups));
        member && self.bucket(device) < u32::from(self.percentage)
    }

    /// A number below 100 that is the device's own for this version, so that a rising
    /// percentage only adds devices and another version begins with others.
    fn bucket(&self, device: &DeviceId) -> u32 {
        let mut bytes = device.as_bytes().to_vec();
        bytes.extend_from_slice(format!("{}\n{}", self.name, self.version).as_bytes());
        let digest = Sha256::of(&bytes);
        let [a, b, c, d, ..] = *digest.as_bytes();
        u32::from_be_bytes([a, b, c, d]) % 100
    }
}

fn assigned(entry: Value<'_>) -> Result<AssignedPlugin, DocumentError> {
    let table = entry.table("`[[plugin]]`", &PLUGIN_KEYS)?;
    let groups = match table.optional(&GROUPS) {
        Some(groups) => Some(
            groups
                .elements(256)?
                .into_iter()
                .map(|group| group.parsed())
                .collect::<Result<_, _>>()?,
        ),
        None => None,
    };
    let percentage = match table.optional(&PERCENTAGE) {
        Some(percentage) => percentage.small_integer(1..=100)?,
        None => 100,
    };
    Ok(AssignedPlugin {
        name: table.required(&NAME)?.parsed()?,
        vendor: table.required(&VENDOR)?.parsed()?,
        version: version(table.required(&VERSION)?)?,
        policy: policy_file(table.required(&POLICY)?)?,
        groups,
        percentage: u8::try_from(percentage).unwrap_or(100),
        line: table.line(),
    })
}

fn policy_file(value: Value<'_>) -> Result<String, DocumentError> {
    let text = value.text()?;
    let stem = text.strip_suffix(".toml").ok_or_else(|| value.refuse())?;
    let fits = (1..=63).contains(&stem.len())
        && stem
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !fits {
        return Err(value.refuse());
    }
    if ["assignment", "revoked", "settings"].contains(&stem) {
        return Err(value.refuse_because("that file is not a policy"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = r#"format = 1
serial = 7

[[plugin]]
name = "inventory"
vendor = "bailiwick"
version = "0.2.0"
policy = "inventory.toml"
groups = ["pilot"]
percentage = 50

[[plugin]]
name = "inventory"
vendor = "bailiwick"
version = "0.1.0"
policy = "inventory.toml"
"#;

    fn refusal(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        Assignment::parse("a.toml", &GOOD.replacen(from, to, 1))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn entries_carry_their_line() {
        let assignment = Assignment::parse("a.toml", GOOD).unwrap();
        assert_eq!(assignment.serial, 7);
        let lines: Vec<_> = assignment
            .plugins
            .iter()
            .map(|plugin| plugin.line)
            .collect();
        assert_eq!(lines, [4, 12]);
    }

    #[test]
    fn refusals_say_where_and_what_to_write() {
        assert!(refusal("percentage = 50", "percentage = 0").starts_with(
            "a.toml:10:14: `percentage` can't be `0`; write `percentage = 25`: 1 to 100"
        ));
        assert!(refusal("serial = 7", "").contains("`serial` is missing from this file"));
        assert!(refusal("[\"pilot\"]", "[]").contains("it is empty"));
        assert!(refusal("inventory.toml", "../inventory.toml").contains("can't be"));
        assert!(refusal("inventory.toml", "revoked.toml").contains("not a policy"));
        assert!(refusal("name = \"inventory\"\n", "").starts_with(
            "a.toml:4:1: `name` is missing from `[[plugin]]`; write `name = \"inventory\"`"
        ));
        let dead = GOOD.replacen("groups = [\"pilot\"]\npercentage = 50\n", "", 1);
        let refused = Assignment::parse("a.toml", &dead).unwrap_err().to_string();
        assert!(
            refused.starts_with("a.toml:10:1: this entry never counts: line 4"),
            "{refused}"
        );
    }

    proptest! {
        #[test]
        fn a_rising_percentage_only_adds_devices(id: [u8; 16], low in 1u8..=100, high in 1u8..=100) {
            prop_assume!(low <= high);
            let device = DeviceId::from_bytes(id);
            let groups = BTreeSet::from(["pilot".parse().unwrap()]);
            let mut assignment = Assignment::parse("a.toml", GOOD).unwrap();
            assignment.plugins[0].percentage = low;
            let before = assignment.for_device(&device, &groups)[0].version.clone();
            assignment.plugins[0].percentage = high;
            let after = assignment.for_device(&device, &groups)[0].version.clone();
            prop_assert!(before <= after);
            prop_assert_eq!(
                &assignment.for_device(&device, &BTreeSet::new())[0].version,
                &Version::new(0, 1, 0)
            );
        }
    }

    #[test]
    fn a_percentage_is_about_that_share_of_devices() {
        let assignment = Assignment::parse("a.toml", GOOD).unwrap();
        let fitting = (0..10_000_u128)
            .filter(|n| assignment.plugins[0].bucket(&DeviceId::from_bytes(n.to_be_bytes())) < 50)
            .count();
        assert!((4_700..5_300).contains(&fitting), "{fitting}");
    }
}
