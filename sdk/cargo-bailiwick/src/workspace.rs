//! Finding plugins: the packages that have a `plugin.toml` beside their Cargo.toml.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use semver::Version;
use serde::Deserialize;

use crate::{Error, Manifest};

/// A plugin's package.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// Name of its package.
    pub package: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its `plugin.toml`.
    pub manifest: Manifest,
    /// Where cargo builds. Another folder keeps its builds out of the way of others.
    pub target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Located {
    root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Version,
    manifest_path: PathBuf,
}

/// The cargo that runs this program, or the one of the path.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

pub(crate) fn not_started(cause: std::io::Error) -> Error {
    Error::NotStarted {
        program: "cargo".to_owned(),
        cause,
    }
}

/// Every plugin of the workspace that holds `folder`.
///
/// # Errors
/// Whatever keeps cargo from describing the workspace, and a `plugin.toml` that can't be
/// accepted.
pub fn plugins(folder: &Path) -> Result<Vec<Plugin>, Error> {
    let metadata = metadata(folder)?;
    let target_directory = metadata.target_directory;
    metadata
        .packages
        .into_iter()
        .filter_map(|package| plugin(package, &target_directory).transpose())
        .collect()
}

/// The folder of the workspace that holds `folder`. It need not have a member yet.
pub(crate) fn root(folder: &Path) -> Result<PathBuf, Error> {
    let output = answer(
        folder,
        "find the workspace",
        &["locate-project", "--workspace", "--message-format", "json"],
    )?;
    let located: Located = serde_json::from_slice(&output)?;
    Ok(located
        .root
        .parent()
        .map_or_else(PathBuf::new, Path::to_owned))
}

fn metadata(folder: &Path) -> Result<Metadata, Error> {
    let output = answer(
        folder,
        "describe the workspace",
        &["metadata", "--no-deps", "--format-version", "1"],
    )?;
    Ok(serde_json::from_slice(&output)?)
}

/// What cargo prints, in `folder`, when asked with `arguments`.
fn answer(folder: &Path, doing: &str, arguments: &[&str]) -> Result<Vec<u8>, Error> {
    let output = cargo()
        .args(arguments)
        .current_dir(folder)
        .stderr(Stdio::inherit())
        .output()
        .map_err(not_started)?;
    if !output.status.success() {
        return Err(Error::Cargo {
            doing: doing.to_owned(),
            hint: "",
        });
    }
    Ok(output.stdout)
}

fn plugin(package: Package, target_directory: &Path) -> Result<Option<Plugin>, Error> {
    let Some(folder) = package.manifest_path.parent() else {
        return Ok(None);
    };
    let path = folder.join("plugin.toml");
    if !path.is_file() {
        return Ok(None);
    }
    let manifest = Manifest::read(&path)?;
    if manifest.version != package.version {
        let reason = format!(
            "the version is {} here and {} in Cargo.toml: write the same",
            manifest.version, package.version
        );
        return Err(Error::Manifest { path, reason });
    }
    Ok(Some(Plugin {
        package: package.name,
        folder: folder.to_owned(),
        manifest,
        target_directory: target_directory.to_owned(),
    }))
}

/// Runs the plugin's unit tests, compiled for this machine: the capabilities are fakes.
///
/// # Errors
/// If cargo can't be started, or a test failed; cargo has printed which.
pub fn unit_tests(plugin: &Plugin) -> Result<(), Error> {
    let status = cargo()
        .args(["test", "--package", &plugin.package])
        .current_dir(&plugin.folder)
        .status()
        .map_err(not_started)?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Cargo {
            doing: format!("test `{}`", plugin.package),
            hint: "",
        })
    }
}
