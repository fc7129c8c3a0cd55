//! One source of settings.

use std::collections::BTreeMap;

use super::{Name, Origin, SettingsError, value::is_accepted};
use crate::{
    bytes::ByteCount,
    document::{DocumentError, FORMAT, Key, Source, Value},
};

/// Longest settings file that is read.
const LONGEST: ByteCount = ByteCount::kib(64);

/// TUF target of the settings that the `policies` role signs. There need be none.
pub const SIGNED_TARGET: &str = "policies/settings.toml";

/// What one source says: text per setting. Groups are separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    pub(super) values: BTreeMap<Name, (String, Origin)>,
}

const KEYS: [&Key; 19] = [
    &FORMAT,
    &Key::new("data-dir", "\"/var/lib/bailiwick\"", Name::DataDir.rule()),
    &Key::new(
        "update-url",
        "\"https://updates.example/\"",
        Name::UpdateUrl.rule(),
    ),
    &Key::new("root-sha256", "\"e3b0…b855\"", Name::RootSha256.rule()),
    &Key::new("ca-file", "\"/etc/bailiwick/ca.pem\"", Name::CaFile.rule()),
    &Key::new(
        "report-url",
        "\"https://reports.example/\"",
        Name::ReportUrl.rule(),
    ),
    &Key::new(
        "mqtt-url",
        "\"mqtts://broker.example:8883\"",
        Name::MqttUrl.rule(),
    ),
    &Key::new(
        "mqtt-login-file",
        "\"/etc/bailiwick/mqtt-login\"",
        Name::MqttLoginFile.rule(),
    ),
    &Key::new("ack", "\"receipt\"", Name::Ack.rule()),
    &Key::new("groups", "[\"pilot\"]", Name::Groups.rule()),
    &Key::new("refresh-every", "\"1 h\"", Name::RefreshEvery.rule()),
    &Key::new(
        "otlp-url",
        "\"https://collector.example:4318/\"",
        Name::OtlpUrl.rule(),
    ),
    &Key::new("otlp-every", "\"1 min\"", Name::OtlpEvery.rule()),
    &Key::new(
        "socket",
        "\"/run/bailiwick/agent.sock\"",
        Name::Socket.rule(),
    ),
    &Key::new(
        "compiler",
        "\"/usr/libexec/bailiwick-compile\"",
        Name::Compiler.rule(),
    ),
    &Key::new(
        "ceiling-file",
        "\"/etc/bailiwick/ceiling.toml\"",
        Name::CeilingFile.rule(),
    ),
    &Key::new(
        "observe-dir",
        "\"/var/lib/bailiwick/observed\"",
        Name::ObserveDir.rule(),
    ),
    &Key::new("cpu-budget", "\"1 %\"", Name::CpuBudget.rule()),
    &Key::new("memory-budget", "\"80 MB\"", Name::MemoryBudget.rule()),
];

impl Layer {
    /// The settings file: closed TOML with `format = 1`.
    pub fn file(file: &str, text: &str) -> Result<Self, DocumentError> {
        Self::document(file, text, &KEYS, |line| Origin::File {
            file: file.to_owned(),
            line,
        })
    }

    /// What the `policies` role signs for every device, at [`SIGNED_TARGET`]: a settings
    /// file of which only the keys that [`Name::may_be_signed`] allows are there.
    pub fn signed(text: &str) -> Result<Self, DocumentError> {
        let source = Source {
            file: SIGNED_TARGET,
            text,
        };
        let tree = source.tree(LONGEST)?;
        for key in KEYS {
            let (Ok(name), Some((at, _))) = (
                key.name.parse::<Name>(),
                tree.get_ref().get_key_value(key.name),
            ) else {
                continue;
            };
            if !name.may_be_signed() {
                return Err(source.error(
                    at.span().start,
                    format!("`{name}` is the device's own and can't be set by a signed document"),
                    "remove it here; it belongs in the settings file of each device",
                ));
            }
        }
        Self::document(SIGNED_TARGET, text, &KEYS, |_| Origin::Signed)
    }

    fn document(
        file: &str,
        text: &str,
        keys: &[&'static Key],
        origin: impl Fn(u32) -> Origin,
    ) -> Result<Self, DocumentError> {
        let source = Source { file, text };
        let tree = source.tree(LONGEST)?;
        let document = source.document(&tree, keys)?;
        document.format()?;
        let mut layer = Self::default();
        for name in Name::ALL {
            let key = keys.iter().find(|key| key.name == name.as_str());
            let Some(value) = key.and_then(|key| document.optional(key)) else {
                continue;
            };
            let text = match name {
                Name::Groups => group_list(&value)?,
                _ => value.text()?.to_owned(),
            };
            if !is_accepted(name, &text) {
                return Err(value.refuse());
            }
            layer.values.insert(name, (text, origin(value.line())));
        }
        Ok(layer)
    }

    /// The variables that begin with `BAILIWICK_`; others are passed over. One that is
    /// not a setting is refused, because it is most likely misspelt.
    pub fn environment(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut layer = Self::default();
        for (variable, text) in variables {
            if !variable.starts_with("BAILIWICK_") {
                continue;
            }
            let name = Name::ALL
                .into_iter()
                .find(|name| name.variable() == variable)
                .ok_or_else(|| SettingsError::Variable {
                    accepted: Name::ALL.map(Name::variable).join(", "),
                    variable: variable.clone(),
                })?;
            layer
                .values
                .insert(name, (text, Origin::Environment { variable }));
        }
        Ok(layer)
    }

    /// What the device was told when it was enrolled.
    pub fn enrolment(values: impl IntoIterator<Item = (Name, String)>) -> Self {
        Self::from_origin(values, &Origin::Enrolment)
    }

    /// The flags that were passed.
    pub fn flags(flags: impl IntoIterator<Item = (Name, String)>) -> Self {
        Self::from_origin(flags, &Origin::Flag)
    }

    fn from_origin(values: impl IntoIterator<Item = (Name, String)>, origin: &Origin) -> Self {
        Self {
            values: values
                .into_iter()
                .map(|(name, text)| (name, (text, origin.clone())))
                .collect(),
        }
    }
}

fn group_list(value: &Value<'_>) -> Result<String, DocumentError> {
    let names: Vec<&str> = value
        .elements(256)?
        .into_iter()
        .map(|name| name.text())
        .collect::<Result<_, _>>()?;
    Ok(names.join(","))
}
