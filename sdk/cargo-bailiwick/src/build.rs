//! From a plugin's source to its component.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use bailiwick_core::release::World;
use semver::Version;
use serde::Deserialize;
use wit_component::DecodedWasm;

use crate::{
    Error, Plugin,
    workspace::{cargo, not_started},
    wrap,
};

/// The profile `plugin`, given here so that each workspace builds plugins alike: small, and
/// without what a component can't use.
const PROFILE: [&str; 6] = [
    "profile.plugin.inherits=\"release\"",
    "profile.plugin.opt-level=\"s\"",
    "profile.plugin.lto=\"fat\"",
    "profile.plugin.codegen-units=1",
    "profile.plugin.panic=\"abort\"",
    "profile.plugin.strip=true",
];

/// For what a plugin is compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// No operating system: the component imports the capabilities that it calls, and
    /// nothing else.
    #[default]
    Unknown,
    /// WASI 0.2: for code that needs it; the host gives it an inert baseline.
    Wasip2,
}

impl Target {
    /// Rust's name for it.
    pub const fn triple(self) -> &'static str {
        match self {
            Self::Unknown => "wasm32-unknown-unknown",
            Self::Wasip2 => "wasm32-wasip2",
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            Self::Unknown => "; if the target is missing: rustup target add wasm32-unknown-unknown",
            Self::Wasip2 => "; if the target is missing: rustup target add wasm32-wasip2",
        }
    }
}

/// How to build.
#[derive(Clone, Debug, Default)]
pub struct Build {
    /// For what.
    pub target: Target,
    /// Where the component goes; by default `bailiwick` in cargo's target directory.
    pub out: Option<PathBuf>,
    /// A version in place of the manifest's, which the plugin's source sees as
    /// `BAILIWICK_PLUGIN_VERSION`: to build two versions of one source.
    pub version: Option<Version>,
    /// Keep cargo from printing its progress.
    pub quiet: bool,
}

/// A component, ready to be published.
#[derive(Clone, Debug)]
pub struct Built {
    /// The component: `<name>-<version>.wasm`.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its version.
    pub version: Version,
    /// What it imports, to the function.
    pub imports: Vec<String>,
}

/// Builds `plugin`, wraps it and writes the component.
///
/// # Errors
/// [`Error`] names the step that failed.
pub fn build(plugin: &Plugin, how: &Build) -> Result<Built, Error> {
    let module = compile(plugin, how)?;
    let module = fs::read(&module).map_err(|cause| Error::File {
        path: module,
        cause,
    })?;
    let component = wrap(module).map_err(|reason| Error::Wrap {
        package: plugin.package.clone(),
        reason,
    })?;
    let imports = imports(plugin, &component)?;
    check_asks(plugin, &imports)?;

    let version = how
        .version
        .clone()
        .unwrap_or_else(|| plugin.manifest.version.clone());
    let folder = how
        .out
        .clone()
        .unwrap_or_else(|| plugin.target_directory.join("bailiwick"));
    let path = folder.join(format!("{}-{version}.wasm", plugin.manifest.name));
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&path, &component))
        .map_err(|cause| Error::File {
            path: path.clone(),
            cause,
        })?;
    Ok(Built {
        path,
        size: component.len() as u64,
        version,
        imports,
    })
}

/// A line of `cargo build --message-format json`, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<MessageTarget>,
    manifest_path: Option<PathBuf>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct MessageTarget {
    #[serde(default)]
    crate_types: Vec<String>,
}

/// Compiles the plugin; the path of its module.
fn compile(plugin: &Plugin, how: &Build) -> Result<PathBuf, Error> {
    let mut command = cargo();
    command
        .args([
            "build",
            "--profile",
            "plugin",
            "--message-format",
            "json-render-diagnostics",
        ])
        .args([
            "--target",
            how.target.triple(),
            "--package",
            &plugin.package,
        ])
        .arg("--target-dir")
        .arg(&plugin.target_directory)
        .args(PROFILE.iter().flat_map(|setting| ["--config", setting]))
        .current_dir(&plugin.folder)
        .stderr(Stdio::inherit());
    if how.quiet {
        command.arg("--quiet");
    }
    match &how.version {
        Some(version) => command.env("BAILIWICK_PLUGIN_VERSION", version.to_string()),
        None => command.env_remove("BAILIWICK_PLUGIN_VERSION"),
    };
    let output = command.output().map_err(not_started)?;
    if !output.status.success() {
        let doing = format!("build `{}`", plugin.package);
        return Err(Error::Cargo {
            doing,
            hint: how.target.hint(),
        });
    }
    let manifest = plugin.folder.join("Cargo.toml");
    module(&output.stdout, &manifest)?.ok_or_else(|| Error::NoModule {
        package: plugin.package.clone(),
    })
}

/// The module that cargo says it made of the package of `manifest`.
fn module(messages: &[u8], manifest: &Path) -> Result<Option<PathBuf>, Error> {
    for line in messages
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let message: Message = serde_json::from_slice(line)?;
        let is_cdylib = message
            .target
            .is_some_and(|target| target.crate_types.iter().any(|kind| kind == "cdylib"));
        if message.reason == "compiler-artifact"
            && is_cdylib
            && message.manifest_path.as_deref() == Some(manifest)
        {
            return Ok(message.filenames.into_iter().find(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "wasm")
            }));
        }
    }
    Ok(None)
}

/// Every function that the component imports, as `bailiwick:plugin/files@0.1.0#read`.
fn imports(plugin: &Plugin, component: &[u8]) -> Result<Vec<String>, Error> {
    let wrong = |reason| Error::Wrap {
        package: plugin.package.clone(),
        reason,
    };
    let decoded = wit_component::decode(component).map_err(|error| wrong(format!("{error:#}")))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err(wrong("it is a package of interfaces".to_owned()));
    };
    let mut imports = Vec::new();
    for key in resolve.worlds[world].imports.keys() {
        let interface = resolve.name_world_key(key);
        let functions = resolve
            .interfaces
            .iter()
            .filter(|(id, _)| resolve.id_of(*id).as_deref() == Some(&interface))
            .flat_map(|(_, interface)| interface.functions.keys());
        imports.extend(functions.map(|function| format!("{interface}#{function}")));
    }
    imports.sort();
    Ok(imports)
}

/// Refuses a plugin that calls what its `plugin.toml` does not ask for.
fn check_asks(plugin: &Plugin, imports: &[String]) -> Result<(), Error> {
    for import in imports {
        // What is not of the contract (WASI) is the audit's business.
        let Some(rest) = import.strip_prefix("bailiwick:plugin/") else {
            continue;
        };
        let capability = rest.split(['@', '#']).next().unwrap_or(rest);
        // The world of handlers brings it.
        if capability == "progress" && plugin.manifest.world == World::ActionHandler.name() {
            continue;
        }
        if !plugin
            .manifest
            .asks
            .iter()
            .any(|ask| ask.capability == capability)
        {
            return Err(Error::NotAsked {
                package: plugin.package.clone(),
                capability: capability.to_owned(),
                path: plugin.folder.join("plugin.toml"),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_that_of_the_package_and_not_of_a_dependency() {
        let line = |manifest: &str, kind: &str, file: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"{manifest}","target":{{"crate_types":["{kind}"]}},"filenames":["{file}"],"fresh":true}}"#
            )
        };
        let messages = [
            line("/a/Cargo.toml", "cdylib", "/t/a.wasm"),
            line("/b/Cargo.toml", "custom-build", "/t/build-script"),
            line("/b/Cargo.toml", "cdylib", "/t/b.wasm"),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ]
        .join("\n");
        let found = module(messages.as_bytes(), Path::new("/b/Cargo.toml")).unwrap();
        assert_eq!(found.as_deref(), Some(Path::new("/t/b.wasm")));
        assert_eq!(
            module(messages.as_bytes(), Path::new("/c/Cargo.toml")).unwrap(),
            None
        );
    }
}
