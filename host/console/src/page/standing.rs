//! How a device and its plugins stand, judged by the last event of each kind.

use std::collections::BTreeMap;

use bailiwick_core::refusal::Refused;
use semver::Version;
use serde_json::Value;

use crate::{
    approvals::Decided,
    store::view::{Happened, Installed, Latest},
};

/// A device that was not heard of for so long is quiet: the policies that come with the
/// project have plugins report every hour.
pub(crate) const QUIET_MS: i64 = 24 * 60 * 60 * 1000;
/// What is over and can't be mended is shown for so long.
const SHOWN_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Kinds of events that can trouble a plugin or a device.
pub(crate) const TROUBLING: &[&str] = &[
    "refused",
    "put-off",
    "call-failed",
    "suspended",
    "went-back",
    "refresh-failed",
    "settings-refused",
    "ceiling-refused",
    "dropped",
    "quarantined",
    "events-lost",
    "log-parted",
    "token-refused",
    "certificate-not-renewed",
    "certificate-expired",
];
/// In the words of a refusal: what comes after it is what the plugin asks for.
const ASKS: &str = " asks for more than is approved: ";

/// Something that someone should look at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Trouble {
    /// An event that nothing has put right since.
    Event(Happened),
    /// A version waits until its policy allows what it asks for.
    Approval(Approval),
    /// An approver refused a version that devices are still told to run.
    Refused(Refused),
    /// The device was not heard of since then.
    Quiet { since_ms: i64 },
}

/// What a version of a plugin asks for beyond its policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Approval {
    pub(crate) plugin: String,
    pub(crate) version: String,
    /// One line each.
    pub(crate) asks: Vec<String>,
    /// What happens until then.
    pub(crate) meanwhile: String,
    /// By the device's clock.
    pub(crate) since_ms: i64,
}

/// How a plugin stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plugin {
    /// What runs, as far as is known.
    pub(crate) running: Option<String>,
    /// Whether it was told to stop.
    pub(crate) stopped: bool,
    pub(crate) trouble: Vec<Trouble>,
}

/// How each plugin stands, and what troubles the device as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Standing {
    pub(crate) plugins: BTreeMap<String, Plugin>,
    pub(crate) trouble: Vec<Trouble>,
}

impl Standing {
    /// `latest` is in the order in which the events came.
    pub(crate) fn judge(
        latest: &[Latest],
        installed: &[Installed],
        last_seen_ms: i64,
        now_ms: i64,
    ) -> Self {
        let mut standing = Self::default();
        for Latest { happened, .. } in latest {
            match &happened.plugin {
                Some(plugin) => standing
                    .plugins
                    .entry(plugin.clone())
                    .or_default()
                    .follow(happened),
                None => follow(&mut standing.trouble, happened, now_ms),
            }
        }
        for reporting in installed {
            let plugin = standing
                .plugins
                .entry(reporting.plugin.clone())
                .or_default();
            plugin.reported(reporting);
        }
        if now_ms.saturating_sub(last_seen_ms) >= QUIET_MS {
            let since_ms = last_seen_ms;
            standing.trouble.insert(0, Trouble::Quiet { since_ms });
        }
        standing
    }

    /// With what was decided since the device told: nothing waits for a version that was refused,
    /// or that is assigned no more.
    #[must_use]
    pub(crate) fn settled(mut self, decided: &Decided) -> Self {
        for (name, plugin) in &mut self.plugins {
            let trouble = std::mem::take(&mut plugin.trouble);
            let settled = trouble.into_iter();
            plugin.trouble = settled
                .filter_map(|trouble| trouble.settled(name, decided))
                .collect();
        }
        self
    }

    /// All that someone should look at.
    pub(crate) fn troubles(&self) -> impl Iterator<Item = &Trouble> {
        let of_plugins = self.plugins.values().flat_map(|plugin| &plugin.trouble);
        self.trouble.iter().chain(of_plugins)
    }

    /// What waits for approval.
    pub(crate) fn approvals(&self) -> impl Iterator<Item = &Approval> {
        self.troubles().filter_map(|trouble| match trouble {
            Trouble::Approval(approval) => Some(approval),
            Trouble::Event(_) | Trouble::Refused(_) | Trouble::Quiet { .. } => None,
        })
    }
}

impl Plugin {
    /// The suspension that no report has put right since.
    pub(crate) fn suspended(&self) -> Option<&Happened> {
        self.trouble.iter().rev().find_map(|trouble| match trouble {
            Trouble::Event(event) if event.event == "suspended" => Some(event),
            _ => None,
        })
    }

    fn follow(&mut self, event: &Happened) {
        let text = |name| event.body.get(name).and_then(Value::as_str);
        match event.event.as_str() {
            "plugin-started" => {
                self.running = text("version").map(str::to_owned);
                self.stopped = false;
                // A start from the disk does not settle what another version waits for.
                self.trouble
                    .retain(|trouble| trouble.is_of_another(text("version")));
            }
            "swapped" => {
                self.running = text("to").map(str::to_owned);
                self.stopped = false;
                self.trouble.clear();
            }
            "stopped" => {
                *self = Self {
                    stopped: true,
                    ..Self::default()
                };
            }
            "went-back" => {
                self.running = text("to").map(str::to_owned);
                self.trouble.push(Trouble::Event(event.clone()));
            }
            "refused" => {
                self.trouble.push(match approval(event) {
                    Some(approval) => Trouble::Approval(approval),
                    None => Trouble::Event(event.clone()),
                });
            }
            "put-off" | "call-failed" | "suspended" => {
                self.trouble.push(Trouble::Event(event.clone()));
            }
            // The rest tells of work that went well, or is of a kind that a later agent
            // tells: it is in the list of events.
            _ => {}
        }
    }

    /// A report that was taken after a failed call shows that calls succeed again.
    fn reported(&mut self, reporting: &Installed) {
        self.trouble.retain(|trouble| match trouble {
            Trouble::Event(event) => {
                !matches!(event.event.as_str(), "call-failed" | "suspended")
                    || event.at_ms > reporting.taken_ms
            }
            Trouble::Approval(_) | Trouble::Refused(_) | Trouble::Quiet { .. } => true,
        });
        if self.running.is_none() && !self.stopped {
            self.running = Some(reporting.version.clone());
        }
    }
}

impl Trouble {
    /// Whether it is an event of this kind.
    pub(crate) fn is(&self, kind: &str) -> bool {
        matches!(self, Self::Event(event) if event.event == kind)
    }

    /// Whether a start of `version` leaves it as it is.
    fn is_of_another(&self, version: Option<&str>) -> bool {
        match self {
            Self::Approval(approval) => Some(approval.version.as_str()) != version,
            Self::Event(event) => match event.event.as_str() {
                "refused" | "put-off" => {
                    event.body.get("version").and_then(Value::as_str) != version
                }
                "went-back" => true,
                _ => false,
            },
            Self::Refused(_) | Self::Quiet { .. } => true,
        }
    }

    fn settled(self, plugin: &str, decided: &Decided) -> Option<Self> {
        let version = match &self {
            Self::Approval(approval) => Some(approval.version.as_str()),
            Self::Event(event) if matches!(event.event.as_str(), "refused" | "put-off") => {
                event.body.get("version").and_then(Value::as_str)
            }
            Self::Event(_) | Self::Refused(_) | Self::Quiet { .. } => None,
        };
        // An assignment that was refused has no version.
        let Some(version) = version.and_then(|text| text.parse::<Version>().ok()) else {
            return Some(self);
        };
        match decided.refusal(plugin, &version) {
            Some(refused) => Some(Self::Refused(refused.clone())),
            None => decided.is_assigned(plugin, &version).then_some(self),
        }
    }
}

/// Troubles of the device as a whole.
fn follow(trouble: &mut Vec<Trouble>, event: &Happened, now_ms: i64) {
    let settles = |kind: &str| match event.event.as_str() {
        "refreshed" => kind == "refresh-failed",
        "settings-changed" => kind == "settings-refused",
        "ceiling-changed" => kind == "ceiling-refused",
        "started" => matches!(kind, "settings-refused" | "ceiling-refused"),
        "certificate-renewed" | "certificate-issued" | "enrolled" => {
            matches!(kind, "certificate-not-renewed" | "certificate-expired")
        }
        _ => false,
    };
    trouble.retain(|trouble| match trouble {
        Trouble::Event(past) => !settles(&past.event),
        Trouble::Approval(_) | Trouble::Refused(_) | Trouble::Quiet { .. } => true,
    });
    let lasting = matches!(
        event.event.as_str(),
        "refresh-failed"
            | "settings-refused"
            | "ceiling-refused"
            | "certificate-not-renewed"
            | "certificate-expired"
    );
    let passing = matches!(
        event.event.as_str(),
        "dropped" | "quarantined" | "events-lost" | "log-parted" | "token-refused"
    );
    if lasting || passing && now_ms.saturating_sub(event.at_ms) < SHOWN_MS {
        trouble.push(Trouble::Event(event.clone()));
    }
}

/// What a refused version asks for, if that is why it was refused.
fn approval(event: &Happened) -> Option<Approval> {
    let text = |name| event.body.get(name).and_then(Value::as_str);
    let (_, rest) = text("reason")?.split_once(ASKS)?;
    let (asks, meanwhile) = rest.rsplit_once("; ").unwrap_or((rest, ""));
    Some(Approval {
        plugin: event.plugin.clone()?,
        version: text("version")?.to_owned(),
        asks: asks.split("; ").map(str::to_owned).collect(),
        meanwhile: meanwhile.to_owned(),
        since_ms: event.at_ms,
    })
}

#[cfg(test)]
mod tests;
