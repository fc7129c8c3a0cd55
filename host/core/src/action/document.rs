//! What an operator signs.
//!
//! A JSON object with these keys in this order and no white space between them, so that a
//! document has one spelling; anything else is refused, unknown keys included:
//!
//! | key | what it is |
//! |---|---|
//! | `format` | 1 |
//! | `id` | 32 hexadecimal digits: the action's name, and its nonce |
//! | `audience` | `{"devices":[…]}`, 1 to 256 ids in rising order, or `{"group":"name"}` |
//! | `handler` | the plugin that is meant |
//! | `order` | `{"run":{"arguments":"…"}}`, `{"cancel":{"action":"…"}}` or `{"rate":{"every-ms":…,"for-ms":…}}` |
//! | `issued-ms`, `expires-ms` | milliseconds since 1970; at most 30 days lie between them |
//! | `key` | the public key that signs: 64 hexadecimal digits |
//!
//! Arguments are the text of a JSON object: what the operator signed is, byte for byte, what
//! the handler gets.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{ActionId, LONGEST_VALUE, OperatorKey};
use crate::{
    ids::{DeviceId, GroupName, PluginName},
    time::Timestamp,
};

/// Devices that one action can name.
pub const MOST_DEVICES: usize = 256;
/// From issue to expiry. A nonce is remembered until its action has expired, so this bounds
/// for how long.
pub const LONGEST_LIFE: Duration = Duration::from_secs(30 * 24 * 3_600);
/// From one sample to the next, at the fastest that can be asked for.
pub const FASTEST_RATE: Duration = Duration::from_secs(1);
/// For how long a faster rate can be asked for.
pub const LONGEST_RATE: Duration = Duration::from_secs(24 * 3_600);

/// What is asked of whom, by whom, until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Document {
    format: Format,
    /// Which action.
    pub id: ActionId,
    /// Which devices are meant.
    pub audience: Audience,
    /// The plugin that is meant.
    pub handler: PluginName,
    /// What it is to do.
    pub order: Order,
    /// When it was signed, by the operator's clock.
    #[serde(rename = "issued-ms")]
    pub issued: Timestamp,
    /// Up to when it may begin.
    #[serde(rename = "expires-ms")]
    pub expires: Timestamp,
    /// Whose it is.
    pub key: OperatorKey,
}

/// Which devices are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// These, in rising order.
    Devices(#[serde(with = "device_ids")] Vec<DeviceId>),
    /// Those of a group.
    Group(GroupName),
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum Order {
    /// That the handler does something.
    Run {
        /// The text of a JSON object, at most [`LONGEST_VALUE`].
        arguments: String,
    },
    /// That an action of the same handler ends, or does not begin.
    Cancel {
        /// Which.
        action: ActionId,
    },
    /// That the agent samples faster for a while.
    Rate {
        /// From one sample to the next, in milliseconds.
        every_ms: u64,
        /// For how long from its arrival, in milliseconds.
        for_ms: u64,
    },
}

/// Why a document can't be signed, and is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DocumentFault(pub(super) String);

impl Document {
    /// A document within its bounds.
    ///
    /// # Errors
    /// It is not: says which bound, and what would be right.
    pub fn new(
        id: ActionId,
        audience: Audience,
        handler: PluginName,
        order: Order,
        (issued, expires): (Timestamp, Timestamp),
        key: OperatorKey,
    ) -> Result<Self, DocumentFault> {
        let audience = match audience {
            Audience::Devices(mut devices) => {
                devices.sort_unstable();
                devices.dedup();
                Audience::Devices(devices)
            }
            group => group,
        };
        let document = Self {
            format: Format,
            id,
            audience,
            handler,
            order,
            issued,
            expires,
            key,
        };
        document.check()?;
        Ok(document)
    }

    /// Its one spelling: the bytes that are signed.
    ///
    /// # Errors
    /// It has no JSON form, which no document within its bounds lacks.
    pub fn text(&self) -> Result<String, DocumentFault> {
        serde_json::to_string(self).map_err(|error| DocumentFault(error.to_string()))
    }

    /// Reads one in its one spelling.
    pub(super) fn parse(text: &str) -> Result<Self, DocumentFault> {
        let document: Self =
            serde_json::from_str(text).map_err(|error| DocumentFault(error.to_string()))?;
        if document.text()? != text {
            return Err(DocumentFault(
                "it is spelt in another way than it is signed: keys in their order, without \
                 white space"
                    .to_owned(),
            ));
        }
        document.check()?;
        Ok(document)
    }

    fn check(&self) -> Result<(), DocumentFault> {
        let fault = |words: String| Err(DocumentFault(words));
        if let Audience::Devices(devices) = &self.audience {
            if !(1..=MOST_DEVICES).contains(&devices.len()) {
                return fault(format!(
                    "it names {} devices: 1 to 256 can be",
                    devices.len()
                ));
            }
            if !devices.is_sorted_by(|a, b| a < b) {
                return fault("its devices are not in rising order".to_owned());
            }
        }
        if self.expires <= self.issued {
            return fault("it expires before it was issued".to_owned());
        }
        if self.expires > self.issued.after(LONGEST_LIFE) {
            return fault("it lives for longer than 30 days".to_owned());
        }
        self.order.check()
    }
}

impl Order {
    fn check(&self) -> Result<(), DocumentFault> {
        let fault = |words: String| Err(DocumentFault(words));
        match self {
            Self::Run { arguments } => {
                if arguments.len() as u64 > LONGEST_VALUE.get() {
                    return fault(format!("its arguments are longer than {LONGEST_VALUE}"));
                }
                let object: Result<serde_json::Map<String, serde_json::Value>, _> =
                    serde_json::from_str(arguments);
                match object {
                    Ok(_) => Ok(()),
                    Err(error) => fault(format!("its arguments are no JSON object: {error}")),
                }
            }
            Self::Cancel { .. } => Ok(()),
            Self::Rate { every_ms, for_ms } => {
                let (every, lasts) = (
                    Duration::from_millis(*every_ms),
                    Duration::from_millis(*for_ms),
                );
                if every < FASTEST_RATE || lasts > LONGEST_RATE || every > lasts {
                    return fault(
                        "a rate is 1 s or slower, for at most 24 h, and at least one sample long"
                            .to_owned(),
                    );
                }
                Ok(())
            }
        }
    }
}

/// The version of the document's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Format;

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(1)
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self),
            other => Err(D::Error::custom(format!(
                "format {other} is not what this program reads: update it"
            ))),
        }
    }
}

mod device_ids {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use crate::ids::DeviceId;

    pub(super) fn serialize<S: Serializer>(
        devices: &[DeviceId],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(devices.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<DeviceId>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let ids = texts.iter().map(|text| text.parse());
        ids.collect::<Result<_, String>>().map_err(D::Error::custom)
    }
}
