//! Refusals: an approver looked at a version of a plugin and turned it down.

use std::fmt;

use semver::Version;

use crate::{
    digest::Sha256,
    document::{DocumentError, Key, Value},
    ids::{PluginName, VendorName},
    policy::last_day,
    release::version,
    time::Timestamp,
};

/// One version that was turned down: devices don't run it, whatever its policy grants, until
/// the refusal is taken back.
///
/// Every component that carries this version is meant, not only the one with the digest: who
/// could publish another one under the same version would else be past the refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which plugin.
    pub plugin: PluginName,
    /// Whose.
    pub vendor: VendorName,
    /// Which version of it.
    pub version: Version,
    /// Digest of the component that was looked at.
    pub component_sha256: Sha256,
    /// Name of the approver's key. Like that of an approver in a policy, it is what the document
    /// says: what is proven is that the role `policies` signed the document.
    pub by: String,
    /// The end of the day on which it was refused, in UTC.
    pub on: Timestamp,
    /// Why, for people. Never empty.
    pub reason: String,
}

const PLUGIN: Key = Key::new("plugin", "\"inventory\"", "the plugin's name");
const VENDOR: Key = Key::new("vendor", "\"bailiwick\"", "the vendor's name");
const VERSION: Key = Key::new("version", "\"0.1.1\"", "the version that was refused");
const COMPONENT_SHA256: Key = Key::new(
    "component-sha256",
    "\"<64 hexadecimal digits>\"",
    "digest of the component that was looked at",
);
const BY: Key = Key::new("by", "\"policies-2026\"", "the name of the approver's key");
const ON: Key = Key::new(
    "on",
    "2026-12-01",
    "the day on which it was refused (UTC), a date without quotation marks",
);
const REASON: Key = Key::new(
    "reason",
    "\"Reads what it need not.\"",
    "why, on one line of at most 1000 bytes",
);
const KEYS: [&Key; 7] = [
    &PLUGIN,
    &VENDOR,
    &VERSION,
    &COMPONENT_SHA256,
    &BY,
    &ON,
    &REASON,
];

impl Refused {
    /// An entry of `[[refused]]`.
    pub(crate) fn read(entry: Value<'_>) -> Result<Self, DocumentError> {
        let table = entry.table("`[[refused]]`", &KEYS)?;
        Ok(Self {
            plugin: table.required(&PLUGIN)?.parsed()?,
            vendor: table.required(&VENDOR)?.parsed()?,
            version: version(table.required(&VERSION)?)?,
            component_sha256: table.required(&COMPONENT_SHA256)?.parsed()?,
            // The names of keys and of vendors follow one rule.
            by: table.required(&BY)?.parsed::<VendorName>()?.to_string(),
            on: table.required(&ON)?.end_of_day()?,
            reason: table.required(&REASON)?.prose(1_000)?,
        })
    }

    /// The day on which it was refused, in UTC, as in `2026-12-01`.
    pub fn day(&self) -> String {
        last_day(self.on)
    }
}

/// By whom, when and why.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "refused by {} on {}: {}",
            self.by,
            self.day(),
            self.reason
        )
    }
}
