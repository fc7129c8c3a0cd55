//! Attacks on a device as data: what `attack.toml` may say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What is done, in order, to a repository and to a device that refreshed once. The last
/// step is the device's, and must be refused.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Attack {
    /// What the attacker wants, in a sentence.
    pub about: String,
    /// Files of the device's metadata that the refused step may change, because what it
    /// verified on the way was good (TUF 5.3 to 5.6 keep it).
    #[serde(default)]
    pub learns: BTreeSet<String>,
    /// What is done.
    pub step: Vec<Step>,
}

/// One step. A `file` is a role, meaning its newest metadata, or a target path.
#[derive(Debug, serde::Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// The device refreshes, so many days later.
    Refresh {
        /// Whole days after the repository was made.
        #[serde(default)]
        days: u32,
    },
    /// The device wants a target.
    Fetch {
        /// Its path.
        target: String,
    },
    /// The settings of the device name another first root.
    TrustAnotherRoot,
    /// The owner publishes version 0.`minor`.0.
    Publish {
        /// The version's second number.
        minor: u64,
    },
    /// The owner revokes every version.
    Revoke,
    /// The owner replaces the keys of timestamp and snapshot.
    ReplaceOnlineKeys,
    /// The owner takes the vendor's role away.
    RemoveVendor,
    /// The owner signs snapshot and timestamp anew, so many days before the beginning.
    SignEarlier {
        /// Whole days.
        days: u32,
    },
    /// Somebody with the server keeps what is served now.
    Remember,
    /// And serves all of it again.
    Replay,
    /// And serves one remembered file in place of another.
    ReplayFile {
        /// Its name on the server when it was remembered.
        old: String,
        /// In place of which.
        file: String,
    },
    /// Takes every signature off a file.
    RemoveSignatures {
        /// Which.
        file: String,
    },
    /// Serves only the first bytes.
    Cut {
        /// Of which file.
        file: String,
        /// How many.
        bytes: usize,
    },
    /// Adds spaces to its end.
    Grow {
        /// Which file.
        file: String,
        /// How many.
        bytes: usize,
    },
    /// Writes something else into it, of the same length or not.
    Exchange {
        /// Which file.
        file: String,
        /// What stands there, once.
        from: String,
        /// What is written.
        to: String,
    },
    /// Serves a page in place of every file.
    WebPage,
    /// Takes a file away.
    Remove {
        /// Which.
        file: String,
    },
    /// A thief of keys signs the next version of a role, and has snapshot and timestamp pin
    /// it with the stolen online keys.
    Sign {
        /// Which role.
        role: String,
        /// With which keys: the role's own without this.
        #[serde(default)]
        keys: Vec<String>,
        /// What it says then, by JSON pointer.
        #[serde(default)]
        set: BTreeMap<String, Value>,
        /// What is gone, by JSON pointer.
        #[serde(default)]
        unset: Vec<String>,
        /// Whether each signature stands there twice.
        #[serde(default)]
        twice: bool,
    },
    /// The thief's snapshot pins an old version of a role.
    PinOld {
        /// Which role.
        role: String,
        /// Which version.
        version: u64,
    },
}
