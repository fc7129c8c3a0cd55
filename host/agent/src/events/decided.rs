//! A decision about a plugin's host call, as it is told.

use bailiwick_core::{action::ActionId, digest::Sha256, ids::PluginName, session::SessionId};
use serde::{Deserialize, Serialize};

/// What a plugin was refused, or what it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Decided {
    /// Which plugin.
    pub(crate) plugin: PluginName,
    /// Its version.
    pub(crate) version: String,
    /// Digest of the policy under which it was decided, as it was signed.
    pub(crate) policy: Sha256,
    /// What it asked for, in the words of `policy explain`, without users and secrets.
    pub(crate) call: String,
    /// Why it was refused, or what came of it.
    pub(crate) outcome: String,
    /// Where the grants stand that allow it, and who approved them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_by: Vec<String>,
    /// How often, since it was told before.
    pub(crate) count: u64,
    /// The action that was at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) action: Option<ActionId>,
    /// The session that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<SessionId>,
    /// Whose session that is: a name that means something on this device alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
}

impl Decided {
    /// In plain words; `did` says which of the two it is.
    pub(super) fn words(&self, did: &str) -> String {
        let Self {
            plugin,
            version,
            call,
            outcome,
            ..
        } = self;
        let mut words = format!("{plugin} {version} {did} {call}");
        if self.count > 1 {
            words.push_str(&format!(", {} times", self.count));
        }
        if let Some(session) = &self.session {
            words.push_str(&format!(", for session {session}"));
        }
        words.push_str(&format!(": {outcome}"));
        if !self.allowed_by.is_empty() {
            words.push_str(&format!("; allowed by {}", self.allowed_by.join("; ")));
        }
        if let Some(action) = &self.action {
            words.push_str(&format!("; action {action}"));
        }
        words
    }
}
