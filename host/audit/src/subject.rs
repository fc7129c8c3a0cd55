//! What is audited: one version of one plugin, as far as it is known.

use bailiwick_core::{digest::Sha256, release::World};
use semver::Version;

use crate::{Inspection, PolicyFile};

/// One version of one plugin. What is not known is left out, and rules that need it find
/// nothing.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The plugin's name, as its policy or whoever asked calls it.
    pub plugin: String,
    /// What it is granted.
    pub policy: Option<PolicyFile>,
    /// What it is.
    pub component: Option<Component>,
    /// Who published it, and for whom it is meant.
    pub release: Option<Release>,
}

/// A component that was read.
#[derive(Clone, Debug)]
pub struct Component {
    /// As it was named.
    pub file: String,
    /// What it imports and exports.
    pub inspection: Inspection,
}

/// What a repository proves of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Which version.
    pub version: Version,
    /// Its world, in the vendor's words.
    pub world: World,
    /// The role that lists it.
    pub role: String,
    /// Names of the keys that signed that role.
    pub signed_by: Vec<String>,
    /// For which devices the assignment means it, in words; `None` if for none.
    pub assigned: Option<String>,
    /// Why no device runs it, whatever is assigned: it was revoked, or an approver refused it.
    pub forbidden: Option<String>,
    /// What it changes, compared with the version before it.
    pub changes: Option<Changes>,
}

/// What a version changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Compared with this version.
    pub from: Version,
    /// What it asks for or may do besides, each a sentence without a full stop.
    pub wider: Vec<String>,
    /// What it may not do or does not ask for any more.
    pub narrower: Vec<String>,
    /// What is different and gives or takes nothing.
    pub other: Vec<String>,
}

impl Changes {
    /// Each change after a word for its direction, what is wider first.
    pub fn told(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let wider = self.wider.iter().map(|line| ("more", line.as_str()));
        let narrower = self.narrower.iter().map(|line| ("less", line.as_str()));
        let other = self.other.iter().map(|line| ("different", line.as_str()));
        wider.chain(narrower).chain(other)
    }
}

/// What a repository proves of everything in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signers {
    /// Names of the keys that may sign for the `policies` role.
    pub policies: Vec<String>,
    /// Each component that a vendor signed: whose role lists it, by digest.
    pub components: Vec<(Sha256, String)>,
    /// The roles in words, for people: who signed, until when.
    pub roles: Vec<Role>,
}

/// A role of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u64,
    /// Until when it holds, as RFC 3339 text, if that was verified.
    pub expires: Option<String>,
    /// Names of the keys whose signatures were verified.
    pub signed_by: Vec<String>,
}
