//! Where settings come from, in the order in which the later wins: defaults, the settings
//! file, the environment, flags.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bailiwick_core::settings::{Layer, Name, Settings};

use crate::cli::Common;

/// The settings file that is read if none is named and it is there.
const FILE: &str = "/etc/bailiwick/bailiwick.toml";

/// Reads every layer.
///
/// # Errors
/// A file that can't be read, or a value that its setting does not take.
pub(crate) fn read(common: &Common, set: &[(String, String)]) -> anyhow::Result<Settings> {
    let mut layers = Vec::new();
    if let Some(file) = file(common) {
        layers.push(layer(&file)?);
    }
    layers.push(Layer::environment(std::env::vars())?);
    let mut flags = Vec::new();
    if let Some(data) = &common.data {
        flags.push((Name::DataDir, data.display().to_string()));
    }
    for (name, value) in set {
        flags.push((name.parse::<Name>()?, value.clone()));
    }
    layers.push(Layer::flags(flags));
    Ok(Settings::merge(&layers)?)
}

/// The settings file, if there is one to read.
pub(crate) fn file(common: &Common) -> Option<PathBuf> {
    common
        .settings_file
        .clone()
        .or_else(|| Path::new(FILE).exists().then(|| FILE.into()))
}

fn layer(file: &Path) -> anyhow::Result<Layer> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("the settings file {} can't be read", file.display()))?;
    Ok(Layer::file(&file.display().to_string(), &text)?)
}
