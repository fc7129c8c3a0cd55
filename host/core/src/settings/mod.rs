//! The agent's settings: layers of text, merged into values that know where they came
//! from.
//!
//! A later layer wins: defaults, the enrolment, signed documents, file, environment, flags. Settings say
//! where things are; none of them grants anything.

mod layer;
mod name;
mod reload;
mod value;

pub use layer::{Layer, SIGNED_TARGET};
pub use name::{Name, TakesEffect};
pub use reload::{Changed, Reload};

use std::{collections::BTreeSet, fmt, path::PathBuf};

use crate::{budget::Budget, digest::Sha256, ids::GroupName, time::Span};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// What the device was told when it was enrolled.
    Enrolment,
    /// A document that the `policies` role signed.
    Signed,
    /// The settings file.
    File {
        /// Its name as given to [`Layer::file`].
        file: String,
        /// From 1.
        line: u32,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A flag of the program.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Enrolment => f.write_str("enrolment"),
            Self::Signed => f.write_str("signed by policies"),
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Environment { variable } => write!(f, "environment, {variable}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// Every setting, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the agent keeps what it must not lose.
    pub data_dir: PathBuf,
    /// Base address of the update endpoint, with a slash at the end.
    pub update_url: String,
    /// Digest of the first root metadata: there is no trust on first use.
    pub root_sha256: Sha256,
    /// PEM file of a certificate authority to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Where reports are sent over HTTPS. Without it, and without [`Self::mqtt_url`], they
    /// are kept on the device.
    pub report_url: Option<String>,
    /// The MQTT broker over which reports are sent instead.
    pub mqtt_url: Option<String>,
    /// File with the user and the password that the broker asks for, a line each. The
    /// console's asks for none.
    pub mqtt_login_file: Option<PathBuf>,
    /// What proves, over MQTT, that a report arrived.
    pub ack: Ack,
    /// Groups to which the device belongs.
    pub groups: BTreeSet<GroupName>,
    /// From one look at the update endpoint to the next, jitter apart.
    pub refresh_every: Span,
    /// The OpenTelemetry collector to which metrics go over HTTPS, without `v1/metrics`. None
    /// go anywhere without it.
    pub otlp_url: Option<String>,
    /// From one export of metrics to the next.
    pub otlp_every: Span,
    /// Local socket on which commands reach the agent.
    pub socket: PathBuf,
    /// The compiler program. `None` means `bailiwick-compile` beside the agent.
    pub compiler: Option<PathBuf>,
    /// The owner's ceiling file.
    pub ceiling_file: Option<PathBuf>,
    /// Where all is written that each plugin asks for, if plugins are observed.
    pub observe_dir: Option<PathBuf>,
    /// What the agent itself may use.
    pub budget: Budget,
    listed: Vec<Listed>,
}

/// What proves that a report sent over MQTT arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ack {
    /// The receiver's own receipt, sent after its commit. True with every broker.
    #[default]
    Receipt,
    /// The broker's acknowledgement. True with the console's embedded broker, which commits
    /// first. Any other may lose what it has acknowledged, for instance when it is killed.
    Broker,
}

impl Ack {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Broker => "broker",
        }
    }
}

/// One setting for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub name: Name,
    /// As text; empty if it has no value.
    pub value: String,
    /// Where it was written.
    pub origin: Origin,
}

/// Why settings can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A value is not what its setting takes.
    #[error("`{name}` ({origin}) can't be `{value}`; write {rule}")]
    Value {
        /// Which setting.
        name: Name,
        /// Where it was written.
        origin: Origin,
        /// As written.
        value: String,
        /// What is accepted.
        rule: &'static str,
    },
    /// A setting without default has no value.
    #[error(
        "`{name}` is not set; write `{name} = \"…\"` in the settings file, set {variable}, or \
         pass --set {name}=…: {rule}"
    )]
    Missing {
        /// Which setting.
        name: Name,
        /// The environment variable that sets it.
        variable: String,
        /// What is accepted.
        rule: &'static str,
    },
    /// An environment variable that no setting has.
    #[error("{variable} is not a setting; unset it, or use one of {accepted}")]
    Variable {
        /// The variable.
        variable: String,
        /// Those that there are.
        accepted: String,
    },
}

impl Settings {
    /// Merges `layers`, of which a later one wins, over the defaults.
    pub fn merge(layers: &[Layer]) -> Result<Self, SettingsError> {
        value::Merged::new(layers).settings()
    }

    /// Where the agent listens, as `layers` say: all that asking it needs.
    pub fn socket(layers: &[Layer]) -> Result<PathBuf, SettingsError> {
        value::Merged::new(layers).socket()
    }

    /// Where the agent keeps everything, as `layers` say.
    pub fn data_dir(layers: &[Layer]) -> Result<PathBuf, SettingsError> {
        value::Merged::new(layers).data_dir()
    }

    /// The groups of the device, as `layers` say.
    pub fn groups(layers: &[Layer]) -> Result<BTreeSet<GroupName>, SettingsError> {
        value::Merged::new(layers).groups()
    }

    /// Every setting with its value and its origin, in a fixed order.
    pub fn list(&self) -> &[Listed] {
        &self.listed
    }
}

/// Whether `text` is an address that an update endpoint or a console can have.
pub(crate) fn is_https_address(text: &str) -> bool {
    value::is_accepted(Name::UpdateUrl, text)
}

#[cfg(test)]
mod tests;
