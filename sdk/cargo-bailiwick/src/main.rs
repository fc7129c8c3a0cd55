//! The program `cargo bailiwick`.

use std::{env, path::PathBuf};

use anyhow::{Context, Result, bail};
use cargo_bailiwick::{Build, Plugin, Target, build, plugins};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Cargo starts `cargo-bailiwick bailiwick …` for `cargo bailiwick …`.
#[derive(Parser)]
#[command(name = "cargo", bin_name = "cargo", disable_help_subcommand = true)]
enum Cargo {
    /// Build, wrap, strip and test Bailiwick plugins
    Bailiwick {
        #[command(subcommand)]
        command: Command,
    },
}

#[derive(Subcommand)]
enum Command {
    /// Build plugins and wrap them as components
    Build(BuildArguments),
}

#[derive(Args)]
struct BuildArguments {
    /// A plugin or its package; by default the one of this folder, or all of the workspace
    #[arg(short, long, value_name = "NAME")]
    package: Option<String>,
    /// For what it is compiled
    #[arg(long, value_enum, default_value = "unknown")]
    target: TargetArgument,
    /// Folder for the components; by default `bailiwick` in cargo's target folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Build as this version, in place of the one in plugin.toml
    #[arg(long, value_name = "VERSION")]
    as_version: Option<semver::Version>,
}

#[derive(Clone, Copy, ValueEnum)]
enum TargetArgument {
    /// No WASI: exactly the capabilities that the plugin calls
    #[value(alias = "wasm32-unknown-unknown")]
    Unknown,
    /// WASI 0.2, on the host's inert baseline
    #[value(alias = "wasm32-wasip2")]
    Wasip2,
}

impl From<TargetArgument> for Target {
    fn from(target: TargetArgument) -> Self {
        match target {
            TargetArgument::Unknown => Self::Unknown,
            TargetArgument::Wasip2 => Self::Wasip2,
        }
    }
}

fn main() -> Result<()> {
    let Cargo::Bailiwick { command } = Cargo::parse();
    match command {
        Command::Build(arguments) => build_all(arguments),
    }
}

fn build_all(arguments: BuildArguments) -> Result<()> {
    let how = Build {
        target: arguments.target.into(),
        // Cargo is started in the plugin's folder: the path must not depend on it.
        out: arguments.out.map(std::path::absolute).transpose()?,
        version: arguments.as_version,
        quiet: false,
    };
    for plugin in chosen(arguments.package.as_deref())? {
        let built = build(&plugin, &how)?;
        println!("{} {}", plugin.manifest.name, built.version);
        println!("  {} ({} bytes)", built.path.display(), built.size);
        match built.imports.as_slice() {
            [] => println!("  imports nothing"),
            imports => imports
                .iter()
                .for_each(|import| println!("  imports {import}")),
        }
    }
    Ok(())
}

/// The plugins that are meant: those called `name`, or the one whose folder this is, or
/// all.
fn chosen(name: Option<&str>) -> Result<Vec<Plugin>> {
    let here = env::current_dir().context("the current folder can't be found")?;
    let mut plugins = plugins(&here)?;
    if let Some(name) = name {
        plugins.retain(|plugin| plugin.package == name || plugin.manifest.name.as_str() == name);
        if plugins.is_empty() {
            bail!("no plugin `{name}` in this workspace: a plugin's folder has a plugin.toml");
        }
    } else if plugins
        .iter()
        .any(|plugin| here.starts_with(&plugin.folder))
    {
        plugins.retain(|plugin| here.starts_with(&plugin.folder));
    }
    if plugins.is_empty() {
        bail!("this workspace has no plugin: a plugin's folder has a plugin.toml");
    }
    Ok(plugins)
}
