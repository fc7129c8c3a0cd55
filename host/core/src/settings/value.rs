//! Reading of the merged text.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use super::{Ack, Layer, Listed, Name, Origin, Settings, SettingsError};
use crate::{
    budget::{Budget, CpuShare},
    bytes::ByteCount,
    digest::Sha256,
    ids::GroupName,
    time::Span,
};

/// Whether `text` is a value of `name`.
pub(super) fn is_accepted(name: Name, text: &str) -> bool {
    match name {
        Name::DataDir
        | Name::CaFile
        | Name::MqttLoginFile
        | Name::Socket
        | Name::Compiler
        | Name::CeilingFile
        | Name::ObserveDir => path(text).is_some(),
        Name::UpdateUrl | Name::ReportUrl | Name::OtlpUrl => url(text).is_some(),
        Name::MqttUrl => mqtt(text).is_some(),
        Name::Ack => ack(text).is_some(),
        Name::RootSha256 => text.parse::<Sha256>().is_ok(),
        Name::Groups => groups(text).is_some(),
        Name::RefreshEvery | Name::OtlpEvery => span(text).is_some(),
        Name::CpuBudget => share(text).is_some(),
        Name::MemoryBudget => memory(text).is_some(),
    }
}

fn path(text: &str) -> Option<PathBuf> {
    let path = PathBuf::from(text);
    (path.is_absolute() && !text.contains('\0')).then_some(path)
}

fn url(text: &str) -> Option<String> {
    address(text, "https://")
}

fn mqtt(text: &str) -> Option<String> {
    let bare = |text: &str| text.trim_end_matches('/').matches('/').count() == 2;
    match address(text, "mqtts://") {
        Some(address) => bare(&address).then_some(address),
        None => address(text, "wss://"),
    }
}

fn ack(text: &str) -> Option<Ack> {
    [Ack::Receipt, Ack::Broker]
        .into_iter()
        .find(|ack| ack.as_str() == text)
}

fn address(text: &str, scheme: &str) -> Option<String> {
    let rest = text.strip_prefix(scheme)?;
    let host = rest.split('/').next()?;
    let fits = !host.is_empty()
        && text.len() <= 2_048
        && text.bytes().all(|b| b.is_ascii_graphic())
        && !text.contains(['?', '#', '@', '\\'])
        && !rest.split('/').any(|part| part == "..");
    fits.then(|| text.to_owned())
}

fn groups(text: &str) -> Option<BTreeSet<GroupName>> {
    if text.is_empty() {
        return Some(BTreeSet::new());
    }
    text.split(',')
        .map(|name| name.trim().parse().ok())
        .collect()
}

fn span(text: &str) -> Option<Span> {
    let bounds = Span::new(Duration::from_secs(1))..=Span::new(Duration::from_secs(30 * 86_400));
    text.parse().ok().filter(|span| bounds.contains(span))
}

fn share(text: &str) -> Option<CpuShare> {
    text.parse().ok()
}

fn memory(text: &str) -> Option<ByteCount> {
    let bounds = ByteCount::new(1_000_000)..=ByteCount::new(1_000_000_000_000);
    text.parse().ok().filter(|size| bounds.contains(size))
}

/// The winning text of each setting.
pub(super) struct Merged<'a> {
    layers: &'a [Layer],
}

impl<'a> Merged<'a> {
    pub(super) fn new(layers: &'a [Layer]) -> Self {
        Self { layers }
    }

    fn found(&self, name: Name) -> Option<(&'a str, Origin)> {
        self.layers
            .iter()
            .rev()
            .find_map(|layer| layer.values.get(&name))
            .map(|(text, origin)| (text.as_str(), origin.clone()))
    }

    fn read<T>(
        &self,
        name: Name,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, SettingsError> {
        let Some((text, origin)) = self.found(name) else {
            return Ok(None);
        };
        read(text).map(Some).ok_or_else(|| SettingsError::Value {
            name,
            origin,
            value: text.chars().take(80).collect(),
            rule: name.rule(),
        })
    }

    fn required<T>(
        &self,
        name: Name,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, SettingsError> {
        self.read(name, read)?
            .ok_or_else(|| SettingsError::Missing {
                name,
                variable: name.variable(),
                rule: name.rule(),
            })
    }

    pub(super) fn data_dir(&self) -> Result<PathBuf, SettingsError> {
        Ok(self
            .read(Name::DataDir, path)?
            .unwrap_or_else(|| PathBuf::from("/var/lib/bailiwick")))
    }

    pub(super) fn socket(&self) -> Result<PathBuf, SettingsError> {
        match self.read(Name::Socket, path)? {
            Some(socket) => Ok(socket),
            None => Ok(self.data_dir()?.join("agent.sock")),
        }
    }

    pub(super) fn groups(&self) -> Result<BTreeSet<GroupName>, SettingsError> {
        Ok(self.read(Name::Groups, groups)?.unwrap_or_default())
    }

    fn budget(&self) -> Result<Budget, SettingsError> {
        let Budget { cpu, memory: size } = Budget::default();
        Ok(Budget {
            cpu: self.read(Name::CpuBudget, share)?.unwrap_or(cpu),
            memory: self.read(Name::MemoryBudget, memory)?.unwrap_or(size),
        })
    }

    pub(super) fn settings(&self) -> Result<Settings, SettingsError> {
        let data_dir = self.data_dir()?;
        let with_slash = |url: String| if url.ends_with('/') { url } else { url + "/" };
        let mut settings = Settings {
            update_url: with_slash(self.required(Name::UpdateUrl, url)?),
            root_sha256: self.required(Name::RootSha256, |text| text.parse().ok())?,
            ca_file: self.read(Name::CaFile, path)?,
            report_url: self.read(Name::ReportUrl, url)?,
            mqtt_url: self.read(Name::MqttUrl, mqtt)?,
            mqtt_login_file: self.read(Name::MqttLoginFile, path)?,
            ack: self.read(Name::Ack, ack)?.unwrap_or_default(),
            groups: self.groups()?,
            refresh_every: self
                .read(Name::RefreshEvery, span)?
                .unwrap_or(Span::new(Duration::from_secs(3_600))),
            otlp_url: self.read(Name::OtlpUrl, url)?,
            otlp_every: self
                .read(Name::OtlpEvery, span)?
                .unwrap_or(Span::new(Duration::from_secs(60))),
            socket: self.socket()?,
            compiler: self.read(Name::Compiler, path)?,
            ceiling_file: self.read(Name::CeilingFile, path)?,
            observe_dir: self.read(Name::ObserveDir, path)?,
            budget: self.budget()?,
            data_dir,
            listed: Vec::new(),
        };
        settings.listed = Name::ALL
            .into_iter()
            .map(|name| Listed {
                name,
                value: shown(&settings, name),
                origin: self
                    .found(name)
                    .map_or(Origin::Default, |(_, origin)| origin),
            })
            .collect();
        Ok(settings)
    }
}

/// The value in use as text.
fn shown(settings: &Settings, name: Name) -> String {
    let optional = |path: &Option<PathBuf>| {
        path.as_ref()
            .map_or_else(String::new, |path| path.display().to_string())
    };
    match name {
        Name::DataDir => settings.data_dir.display().to_string(),
        Name::UpdateUrl => settings.update_url.clone(),
        Name::RootSha256 => settings.root_sha256.to_string(),
        Name::CaFile => optional(&settings.ca_file),
        Name::ReportUrl => settings.report_url.clone().unwrap_or_default(),
        Name::MqttUrl => settings.mqtt_url.clone().unwrap_or_default(),
        Name::MqttLoginFile => optional(&settings.mqtt_login_file),
        Name::Ack => settings.ack.as_str().to_owned(),
        Name::Groups => {
            let names: Vec<_> = settings.groups.iter().map(GroupName::as_str).collect();
            names.join(",")
        }
        Name::RefreshEvery => settings.refresh_every.to_string(),
        Name::OtlpUrl => settings.otlp_url.clone().unwrap_or_default(),
        Name::OtlpEvery => settings.otlp_every.to_string(),
        Name::Socket => settings.socket.display().to_string(),
        Name::Compiler => optional(&settings.compiler),
        Name::CeilingFile => optional(&settings.ceiling_file),
        Name::ObserveDir => optional(&settings.observe_dir),
        Name::CpuBudget => settings.budget.cpu.to_string(),
        Name::MemoryBudget => settings.budget.memory.to_string(),
    }
}
