//! Topics between devices and the orchestration layer.
//!
//! | topic | from | payload |
//! |---|---|---|
//! | `bailiwick/1/<device>/reports/<plugin>/<key>` | device | an encoded report |
//! | `bailiwick/1/<device>/events/<key>` | device | events, one JSON object per line |
//! | `bailiwick/1/<device>/receipts/<key>` | console | `{"result": …, "reason": …}` |
//! | `bailiwick/1/<device>/actions/<id>` | console | an operator's envelope |
//! | `bailiwick/1/<device>/outcomes/<key>` | device | what became of an action, as JSON |
//! | `bailiwick/1/<device>/progress/<id>` | device, QoS 0 | a word from a handler, as JSON |
//! | `bailiwick/1/all/hints/updates` | console, retained | the number of the timestamp |
//!
//! `1` is the version of this scheme. `<device>` is 32 hexadecimal digits, so `all` is none.
//! `<key>` is the idempotency key of a post, 1 to 200 of `A-Z a-z 0-9 . _ -`: MQTT 3.1.1 has
//! no place for it but the topic, and there any broker carries it unread. Posts and receipts
//! say the same as over HTTPS. A device subscribes to its own receipts and actions, and to
//! the hints. `<id>` is that of an action, 32 hexadecimal digits.
//!
//! A receipt says what became of a post: `stored` (it is committed), `need-full` (its base
//! is missing), `refused` (it will never be accepted). A hint makes a device look for
//! updates soon. It decides nothing: what a device runs is signed.

use std::fmt;

use bailiwick_core::{
    action::ActionId,
    ids::{DeviceId, PluginName},
};

/// Begins every topic.
const ROOT: &str = "bailiwick/1/";
/// In a device's place: every device.
const ALL: &str = "all";

/// The reports of every device.
pub const EVERY_REPORT: &str = "bailiwick/1/+/reports/+/+";
/// The events of every device.
pub const EVERY_EVENTS: &str = "bailiwick/1/+/events/+";
/// The outcomes of every device.
pub const EVERY_OUTCOME: &str = "bailiwick/1/+/outcomes/+";
/// What handlers of every device tell.
pub const EVERY_PROGRESS: &str = "bailiwick/1/+/progress/+";

/// A topic of the scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A report.
    Report {
        /// Whose.
        device: DeviceId,
        /// Of which plugin.
        plugin: PluginName,
        /// Its idempotency key.
        key: Key,
    },
    /// Events.
    Events {
        /// Whose.
        device: DeviceId,
        /// Their idempotency key.
        key: Key,
    },
    /// An operator's envelope.
    Action {
        /// For whom.
        device: DeviceId,
        /// Which.
        action: ActionId,
    },
    /// What became of an action.
    Outcome {
        /// Where.
        device: DeviceId,
        /// Its idempotency key.
        key: Key,
    },
    /// A word from a handler.
    Progress {
        /// Where.
        device: DeviceId,
        /// At which action.
        action: ActionId,
    },
    /// What became of a post.
    Receipt {
        /// Whose.
        device: DeviceId,
        /// The post's idempotency key.
        key: Key,
    },
    /// Updates may be there.
    UpdateHint,
}

/// An idempotency key: 1 to 200 of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// The key, if it is one.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=200).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        fits.then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Topic {
    /// The topic that `text` is, if the scheme has it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(ROOT)?.split('/');
        let mut next = || parts.next();
        let device = next()?;
        let topic = match (next()?, next()?) {
            ("hints", "updates") if device == ALL => Self::UpdateHint,
            ("reports", plugin) => Self::Report {
                device: id(device)?,
                plugin: plugin.parse().ok()?,
                key: Key::new(next()?)?,
            },
            ("events", key) => Self::Events {
                device: id(device)?,
                key: Key::new(key)?,
            },
            ("receipts", key) => Self::Receipt {
                device: id(device)?,
                key: Key::new(key)?,
            },
            ("actions", action) => Self::Action {
                device: id(device)?,
                action: action.parse().ok()?,
            },
            ("outcomes", key) => Self::Outcome {
                device: id(device)?,
                key: Key::new(key)?,
            },
            ("progress", action) => Self::Progress {
                device: id(device)?,
                action: action.parse().ok()?,
            },
            _ => return None,
        };
        next().is_none().then_some(topic)
    }

    /// The device that publishes there; none if the console does.
    pub fn sender(&self) -> Option<&DeviceId> {
        match self {
            Self::Report { device, .. }
            | Self::Events { device, .. }
            | Self::Outcome { device, .. }
            | Self::Progress { device, .. } => Some(device),
            Self::Receipt { .. } | Self::Action { .. } | Self::UpdateHint => None,
        }
    }

    /// The receipts of a device, as a subscription.
    pub fn receipts_of(device: &DeviceId) -> String {
        format!("{ROOT}{device}/receipts/+")
    }

    /// The actions for a device, as a subscription.
    pub fn actions_for(device: &DeviceId) -> String {
        format!("{ROOT}{device}/actions/+")
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Report {
                device,
                plugin,
                key,
            } => write!(f, "{ROOT}{device}/reports/{plugin}/{}", key.0),
            Self::Events { device, key } => write!(f, "{ROOT}{device}/events/{}", key.0),
            Self::Receipt { device, key } => write!(f, "{ROOT}{device}/receipts/{}", key.0),
            Self::Action { device, action } => write!(f, "{ROOT}{device}/actions/{action}"),
            Self::Outcome { device, key } => write!(f, "{ROOT}{device}/outcomes/{}", key.0),
            Self::Progress { device, action } => write!(f, "{ROOT}{device}/progress/{action}"),
            Self::UpdateHint => write!(f, "{ROOT}{ALL}/hints/updates"),
        }
    }
}

/// In the one form that a device itself writes: two spellings would be two topics of one.
fn id(text: &str) -> Option<DeviceId> {
    let id: DeviceId = text.parse().ok()?;
    (id.to_string() == text).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_as_they_are_written() {
        let device = DeviceId::from_bytes([0xab; 16]);
        let key = Key::new("k-1_2.3").unwrap();
        let action = ActionId::from_bytes([0xcd; 16]);
        let plugin: PluginName = "inventory".parse().unwrap();
        for topic in [
            Topic::Report {
                device,
                plugin,
                key: key.clone(),
            },
            Topic::Events {
                device,
                key: key.clone(),
            },
            Topic::Receipt {
                device,
                key: key.clone(),
            },
            Topic::Action { device, action },
            Topic::Outcome { device, key },
            Topic::Progress { device, action },
            Topic::UpdateHint,
        ] {
            assert_eq!(Topic::parse(&topic.to_string()), Some(topic));
        }
    }

    #[test]
    fn everything_else_is_none() {
        let device = "ab".repeat(16);
        for text in [
            "".to_owned(),
            "bailiwick/1".into(),
            format!("bailiwick/2/{device}/events/k"),
            format!("/bailiwick/1/{device}/events/k"),
            format!("bailiwick/1/{device}/events/"),
            format!("bailiwick/1/{device}/events/k/"),
            format!("bailiwick/1/{device}/events/k/k"),
            format!("bailiwick/1/{device}/events/+"),
            format!("bailiwick/1/{device}/events/ä"),
            format!("bailiwick/1/{device}/reports/k"),
            format!("bailiwick/1/{device}/reports/No/k"),
            format!("bailiwick/1/{device}/hints/updates"),
            format!("bailiwick/1/{device}/actions/k"),
            format!("bailiwick/1/{device}/actions/{}", "AB".repeat(16)),
            format!("bailiwick/1/{device}/progress/k"),
            format!("bailiwick/1/{}/events/k", device.to_uppercase()),
            "bailiwick/1/all/events/k".into(),
            "bailiwick/1/all/hints/other".into(),
            format!("bailiwick/1/{device}/events/{}", "k".repeat(201)),
        ] {
            assert_eq!(Topic::parse(&text), None, "{text}");
        }
    }
}
