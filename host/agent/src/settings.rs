//! Where settings come from, in the order in which the later wins: defaults, what the device
//! was told when it was enrolled, what the `policies` role signed, the settings file, the
//! environment, flags.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use bailiwick_core::{
    ids::GroupName,
    settings::{Layer, Name, Settings},
};

use crate::{cli::Common, enrolment::Record};

/// The settings file that is read if none is named and it is there.
const FILE: &str = "/etc/bailiwick/bailiwick.toml";

/// The layers, to be read as often as one of them changes.
pub(crate) struct Sources {
    file: PathBuf,
    /// A file that was named must be there.
    named: bool,
    environment: Layer,
    flags: Layer,
}

impl Sources {
    /// Takes environment and flags as they are now.
    ///
    /// # Errors
    /// A variable or a flag that is no setting.
    pub(crate) fn new(common: &Common, set: &[(String, String)]) -> anyhow::Result<Self> {
        let mut flags = Vec::new();
        if let Some(data) = &common.data {
            flags.push((Name::DataDir, data.display().to_string()));
        }
        for (name, value) in set {
            flags.push((name.parse::<Name>()?, value.clone()));
        }
        Ok(Self {
            file: common.settings_file.clone().unwrap_or_else(|| FILE.into()),
            named: common.settings_file.is_some(),
            environment: environment()?,
            flags: Layer::flags(flags),
        })
    }

    /// Those of the device's groups alone: the settings file, and what is set in front of it.
    pub(crate) fn of_groups(file: PathBuf, set: Option<&str>) -> Self {
        let set = set.map(|groups| (Name::Groups, groups.to_owned()));
        Self {
            file,
            named: false,
            environment: Layer::default(),
            flags: Layer::flags(set),
        }
    }

    /// The settings file, whether it is there or not.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Reads every layer; `signed` is the text of the signed document, if there is one.
    ///
    /// # Errors
    /// A file that can't be read, or a value that its setting does not take.
    pub(crate) fn read(&self, signed: Option<&str>) -> anyhow::Result<Settings> {
        let mut layers = self.layers(signed)?;
        let folder = Settings::data_dir(&layers)?;
        if let Some(record) = Record::read(&folder)? {
            layers.insert(0, record.layer());
        }
        Ok(Settings::merge(&layers)?)
    }

    /// Where the agent keeps everything.
    ///
    /// # Errors
    /// As [`Self::read`], but for settings that only the agent needs.
    pub(crate) fn data_dir(&self) -> anyhow::Result<PathBuf> {
        Ok(Settings::data_dir(&self.layers(None)?)?)
    }

    /// Where the agent listens.
    ///
    /// # Errors
    /// As [`Self::read`], but for settings that only the agent needs.
    pub(crate) fn socket(&self) -> anyhow::Result<PathBuf> {
        Ok(Settings::socket(&self.layers(None)?)?)
    }

    /// The device's groups, over those of its enrolment.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn groups(&self, enrolment: &Layer) -> anyhow::Result<BTreeSet<GroupName>> {
        let mut layers = self.layers(None)?;
        layers.insert(0, enrolment.clone());
        Ok(Settings::groups(&layers)?)
    }

    fn layers(&self, signed: Option<&str>) -> anyhow::Result<Vec<Layer>> {
        let mut layers = Vec::new();
        if let Some(text) = signed {
            layers.push(Layer::signed(text)?);
        }
        if self.named || self.file.exists() {
            let name = self.file.display().to_string();
            let text = std::fs::read_to_string(&self.file)
                .with_context(|| {
                format!("the settings file {name} can't be read: make it readable, or name another with --settings-file")
            })?;
            layers.push(Layer::file(&name, &text)?);
        }
        layers.push(self.environment.clone());
        layers.push(self.flags.clone());
        Ok(layers)
    }
}

/// Variables whose name or value is not text can't be ours, unless the name begins like
/// one: then it is told.
fn environment() -> anyhow::Result<Layer> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else {
            continue;
        };
        if !name.starts_with("BAILIWICK_") {
            continue;
        }
        let value = value
            .into_string()
            .map_err(|_| anyhow::anyhow!("{name} is not UTF-8 text: set it anew, or unset it"))?;
        variables.push((name, value));
    }
    Ok(Layer::environment(variables)?)
}
