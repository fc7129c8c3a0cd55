//! The program `cargo bailiwick`.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use bailiwick_core::{
    ids::{PluginName, VendorName},
    release::World,
};
use cargo_bailiwick::{
    Build, Built, Plugin, Target, Told, Trial, Tried, build, new, plugins, unit_tests,
};
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
    /// Make a new plugin that builds, with a test and a policy to run under
    New(NewArguments),
    /// Build plugins and wrap them as components
    Build(BuildArguments),
    /// Run a plugin's unit tests, then the plugin itself in the sandbox, on this machine
    Test(TestArguments),
}

#[derive(Args)]
struct NewArguments {
    /// Its name, as in policies: lower-case letters, digits and `-`
    name: PluginName,
    /// Who will publish it
    #[arg(long, value_name = "NAME")]
    vendor: VendorName,
    /// Its kind: `collector` or `session-collector`
    #[arg(long, value_name = "WORLD", default_value = "collector", value_parser = world)]
    world: World,
}

fn world(name: &str) -> Result<World, String> {
    let known: Vec<_> = World::ALL.into_iter().map(World::name).collect();
    World::named(name).ok_or_else(|| format!("write one of {}", known.join(", ")))
}

#[derive(Args)]
struct BuildArguments {
    /// A plugin or its package; by default the one of this folder, or all below it
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

#[derive(Args)]
struct TestArguments {
    #[command(flatten)]
    build: BuildArguments,
    /// The policy to run under; by default policies/<plugin>.toml of the workspace
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The program bailiwick-compile; by default the one beside this program
    #[arg(long, value_name = "FILE")]
    compiler: Option<PathBuf>,
    /// Leave the rows out
    #[arg(long)]
    no_rows: bool,
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

fn main() -> ExitCode {
    let Cargo::Bailiwick { command } = Cargo::parse();
    let result = match command {
        Command::New(arguments) => new_one(&arguments),
        Command::Build(arguments) => build_all(arguments),
        Command::Test(arguments) => test_all(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn new_one(arguments: &NewArguments) -> Result<()> {
    let here = env::current_dir().context("the current folder can't be found")?;
    let made = new(&here, &arguments.name, &arguments.vendor, arguments.world)?;
    let shown = |path: &Path| {
        path.strip_prefix(&here)
            .unwrap_or(path)
            .display()
            .to_string()
    };
    println!(
        "{}: what it does (src/lib.rs), what it asks for (plugin.toml)",
        shown(&made.folder)
    );
    println!("{}: what it may do", shown(&made.policy));
    println!("Try it: cargo bailiwick test --package {}", arguments.name);
    Ok(())
}

fn build_all(arguments: BuildArguments) -> Result<()> {
    let plugins = chosen(arguments.package.as_deref())?;
    let how = arguments.how()?;
    for plugin in plugins {
        build_one(&plugin, &how)?;
    }
    Ok(())
}

impl BuildArguments {
    fn how(self) -> Result<Build> {
        Ok(Build {
            target: self.target.into(),
            // Cargo is started in the plugin's folder: the path must not depend on it.
            out: self.out.map(std::path::absolute).transpose()?,
            version: self.as_version,
            quiet: false,
        })
    }
}

fn build_one(plugin: &Plugin, how: &Build) -> Result<Built> {
    let built = build(plugin, how)?;
    println!("{} {}", plugin.manifest.name, built.version);
    println!("  {} ({} bytes)", built.path.display(), built.size);
    match built.imports.as_slice() {
        [] => println!("  imports nothing"),
        imports => imports
            .iter()
            .for_each(|import| println!("  imports {import}")),
    }
    Ok(built)
}

fn test_all(arguments: TestArguments) -> Result<()> {
    let plugins = chosen(arguments.build.package.as_deref())?;
    if arguments.policy.is_some() && plugins.len() > 1 {
        bail!("--policy is for one plugin: name it with --package");
    }
    let compiler = match arguments.compiler {
        Some(compiler) => std::path::absolute(compiler)?,
        None => env::current_exe()
            .context("this program can't be found")?
            .with_file_name(format!("bailiwick-compile{}", env::consts::EXE_SUFFIX)),
    };
    if !compiler.is_file() {
        bail!(
            "{} is missing: cargo build --package bailiwick-compile",
            compiler.display()
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let how = arguments.build.how()?;
    for plugin in plugins {
        unit_tests(&plugin)?;
        let built = build_one(&plugin, &how)?;
        let policy = match &arguments.policy {
            Some(policy) => policy.clone(),
            None => policy_of(&plugin)?,
        };
        let trial = Trial {
            policy,
            compiler: compiler.clone(),
        };
        let tried = runtime.block_on(trial.run(&plugin, &built.path))?;
        print(&trial, &tried, !arguments.no_rows);
    }
    Ok(())
}

fn print(trial: &Trial, tried: &Tried, with_rows: bool) {
    println!("  in the sandbox, under {}:", trial.policy.display());
    tried
        .limits()
        .iter()
        .for_each(|line| println!("    {line}"));
    for (level, line) in &tried.log {
        println!("    logged {level:?}: {line}");
    }
    let rows = match &tried.told {
        Told::Rows(rows) => rows,
        Told::Arguments(schema) => {
            println!("    takes, as a JSON Schema of {} bytes:", schema.len());
            println!("{schema}");
            return;
        }
    };
    println!("    {} rows", rows.row_count());
    if with_rows {
        print!("{}", bailiwick_report::render::text(rows));
    }
}

/// policies/<plugin>.toml in the nearest folder above the plugin's that has one.
fn policy_of(plugin: &Plugin) -> Result<PathBuf> {
    let file = format!("policies/{}.toml", plugin.manifest.name);
    plugin
        .folder
        .ancestors()
        .map(|folder| folder.join(&file))
        .find(|path| path.is_file())
        .with_context(|| {
            format!(
                "there is no {file} above {}: name one with --policy",
                plugin.folder.display()
            )
        })
}

/// The plugins that are meant: those called `name`, or the one whose folder this is, or
/// all below this folder.
fn chosen(name: Option<&str>) -> Result<Vec<Plugin>> {
    let here = env::current_dir().context("the current folder can't be found")?;
    let mut plugins = plugins(&here)?;
    if let Some(name) = name {
        plugins.retain(|plugin| plugin.package == name || plugin.manifest.name.as_str() == name);
        if plugins.is_empty() {
            bail!("no plugin `{name}` in this workspace: a plugin's folder has a plugin.toml");
        }
    } else {
        plugins
            .retain(|plugin| here.starts_with(&plugin.folder) || plugin.folder.starts_with(&here));
    }
    if plugins.is_empty() {
        bail!("no plugin in this folder or below it: a plugin's folder has a plugin.toml");
    }
    Ok(plugins)
}
