//! The names of settings.

use std::{fmt, str::FromStr};

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "`Settings` documents each")]
pub enum Name {
    DataDir,
    UpdateUrl,
    RootSha256,
    CaFile,
    ReportUrl,
    MqttUrl,
    MqttLoginFile,
    Ack,
    Groups,
    RefreshEvery,
    OtlpUrl,
    OtlpEvery,
    Socket,
    Compiler,
    CeilingFile,
    ObserveDir,
    CpuBudget,
    MemoryBudget,
}

impl Name {
    /// Every setting, in the order in which they are shown.
    pub const ALL: [Self; 18] = [
        Self::DataDir,
        Self::UpdateUrl,
        Self::RootSha256,
        Self::CaFile,
        Self::ReportUrl,
        Self::MqttUrl,
        Self::MqttLoginFile,
        Self::Ack,
        Self::Groups,
        Self::RefreshEvery,
        Self::OtlpUrl,
        Self::OtlpEvery,
        Self::Socket,
        Self::Compiler,
        Self::CeilingFile,
        Self::ObserveDir,
        Self::CpuBudget,
        Self::MemoryBudget,
    ];

    /// Its name in the settings file, and after the flag `--set`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DataDir => "data-dir",
            Self::UpdateUrl => "update-url",
            Self::RootSha256 => "root-sha256",
            Self::CaFile => "ca-file",
            Self::ReportUrl => "report-url",
            Self::MqttUrl => "mqtt-url",
            Self::MqttLoginFile => "mqtt-login-file",
            Self::Ack => "ack",
            Self::Groups => "groups",
            Self::RefreshEvery => "refresh-every",
            Self::OtlpUrl => "otlp-url",
            Self::OtlpEvery => "otlp-every",
            Self::Socket => "socket",
            Self::Compiler => "compiler",
            Self::CeilingFile => "ceiling-file",
            Self::ObserveDir => "observe-dir",
            Self::CpuBudget => "cpu-budget",
            Self::MemoryBudget => "memory-budget",
        }
    }

    /// The environment variable that sets it: `BAILIWICK_DATA_DIR`.
    pub fn variable(self) -> String {
        format!(
            "BAILIWICK_{}",
            self.as_str().to_ascii_uppercase().replace('-', "_")
        )
    }

    /// What it takes, in words.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::DataDir
            | Self::CaFile
            | Self::MqttLoginFile
            | Self::Socket
            | Self::Compiler
            | Self::CeilingFile => "an absolute path",
            Self::ObserveDir => {
                "the absolute path of a folder beneath the data folder, in which is written all that \
                 each plugin asks for, for `bailiwick policy learn`; it slows plugins down"
            }
            Self::UpdateUrl | Self::ReportUrl | Self::OtlpUrl => {
                "an https:// address without user, query and fragment"
            }
            Self::MqttUrl => {
                "an mqtts://host:port or wss://host/path address without user, query and fragment"
            }
            Self::Ack => {
                "`receipt`, or `broker` where the broker's own acknowledgement is to count: a \
                 broker other than the console's can lose what it has acknowledged"
            }
            Self::RootSha256 => {
                "the sha256 of the first root metadata in 64 hexadecimal digits, as \
                 `bailiwick-console repo status` shows it"
            }
            Self::Groups => "names of groups: 1 to 63 of `a-z`, `0-9` and `-` each",
            Self::CpuBudget => {
                "0.01 % to 100 % of one core, averaged over a minute; an agent that uses more \
                 samples less often"
            }
            Self::MemoryBudget => {
                "1 MB to 1000 GB; an agent of which more is resident samples less often, and \
                 keeps no instance between two calls"
            }
            Self::RefreshEvery | Self::OtlpEvery => "a span of time from 1 s to 30 d, as in `1 h`",
        }
    }

    /// When a new value counts.
    pub const fn takes_effect(self) -> TakesEffect {
        match self {
            Self::UpdateUrl
            | Self::CaFile
            | Self::ReportUrl
            | Self::MqttUrl
            | Self::MqttLoginFile
            | Self::Ack
            | Self::Groups
            | Self::RefreshEvery
            | Self::OtlpUrl
            | Self::OtlpEvery
            | Self::CeilingFile
            | Self::CpuBudget
            | Self::MemoryBudget => TakesEffect::AtOnce,
            Self::DataDir | Self::RootSha256 | Self::Socket | Self::Compiler | Self::ObserveDir => {
                TakesEffect::AtNextStart
            }
        }
    }

    /// Whether a signed document may set it. Where a device finds its root of trust, its
    /// files and its groups is the device's own, and so is to whom else it tells anything:
    /// whoever signs for a fleet must not send its metrics somewhere. What the agent may use is
    /// for the device's owner to say.
    pub const fn may_be_signed(self) -> bool {
        match self {
            Self::RefreshEvery | Self::ReportUrl | Self::MqttUrl | Self::Ack => true,
            Self::DataDir
            | Self::UpdateUrl
            | Self::RootSha256
            | Self::CaFile
            | Self::MqttLoginFile
            | Self::Groups
            | Self::OtlpUrl
            | Self::OtlpEvery
            | Self::Socket
            | Self::Compiler
            | Self::CeilingFile
            | Self::ObserveDir
            | Self::CpuBudget
            | Self::MemoryBudget => false,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// When a new value of a setting counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakesEffect {
    /// While the agent runs.
    AtOnce,
    /// When it starts again.
    AtNextStart,
}

/// Text that names no setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a setting; use one of {names}", names = Name::ALL.map(Name::as_str).join(", "))]
pub struct NameError(String);

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| NameError(text.to_owned()))
    }
}
