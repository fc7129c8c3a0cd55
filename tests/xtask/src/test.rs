//! `cargo xtask test`: every test there is.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bailiwick_needs::SKIPPED;

use crate::{
    build, install, lanes,
    step::{cargo, shown},
};

/// The programs, and with them every crate of the host.
const ON_WINDOWS: [&str; 5] = [
    "bailiwick-agent",
    "bailiwick-audit-cli",
    "bailiwick-console",
    "bailiwick-compile",
    "cargo-bailiwick",
];

pub(crate) fn run() -> anyhow::Result<()> {
    let mut run = Run::begin()?;
    install::programs()?;
    run.step("compilation targets", &mut build::add_targets())?;
    run.step("formatting", &mut cargo(&["fmt", "--all", "--check"]))?;
    run.step(
        "formatting of the fuzzers",
        &mut cargo(&["fmt", "--check", "--manifest-path", "tests/fuzz/Cargo.toml"]),
    )?;
    run.step("lints", &mut lints())?;
    run.dependencies()?;
    for package in build::PROGRAMS {
        run.step(package, &mut build::program(package))?;
    }
    run.tests()?;
    run.step(
        "tests of the compiler",
        &mut cargo(&["test", "-p", "bailiwick-compile", "-p", "bailiwick-benches"]),
    )?;
    run.step("plugins in the sandbox", &mut plugins())?;
    run.windows()?;
    run.macos()?;
    run.fuzzing()?;
    run.step("the demo, checked", &mut xtask(&["demo", "--for", "120s"]))?;
    run.end()
}

/// What has been done so far.
struct Run {
    took: Vec<(String, Duration)>,
    /// Where tests note what they skip.
    skipped: PathBuf,
    /// What the steps themselves skipped.
    left_out: Vec<String>,
}

impl Run {
    fn begin() -> anyhow::Result<Self> {
        let skipped = build::target().join("skipped.txt");
        fs::create_dir_all(build::target())?;
        fs::write(&skipped, "")?;
        Ok(Self {
            took: Vec::new(),
            skipped,
            left_out: Vec::new(),
        })
    }

    fn step(&mut self, name: &str, command: &mut Command) -> anyhow::Result<()> {
        command.env(SKIPPED, &self.skipped);
        self.took.push((name.to_owned(), shown(name, command)?));
        Ok(())
    }

    /// Without the compiler, which must not bring its features into the others' build.
    fn tests(&mut self) -> anyhow::Result<()> {
        println!("── tests");
        let begun = Instant::now();
        let all = [
            "--workspace",
            "--exclude",
            "bailiwick-compile",
            "--exclude",
            "bailiwick-benches",
        ];
        lanes::run(&all, (SKIPPED, &self.skipped))?;
        self.took.push(("tests".to_owned(), begun.elapsed()));
        Ok(())
    }

    /// What may be in the tree. The advisories come from a server that not every network
    /// reaches: then that part is left out, and said.
    fn dependencies(&mut self) -> anyhow::Result<()> {
        let mut deny = install::cargo_deny()?;
        self.step(
            "dependencies: bans, licences, sources",
            deny.args(["check", "bans", "licenses", "sources"]),
        )?;
        let fetched = install::cargo_deny()?.args(["fetch", "db"]).output();
        if !fetched.context("can't start cargo-deny")?.status.success() {
            self.left_out
                .push("dependencies: advisories, whose server can't be reached".to_owned());
            return Ok(());
        }
        self.step(
            "dependencies: advisories",
            install::cargo_deny()?.args(["check", "advisories"]),
        )
    }

    /// Checks without linking. Some dependencies compile C for their target.
    fn windows(&mut self) -> anyhow::Result<()> {
        const TARGET: &str = "x86_64-pc-windows-gnu";
        if bailiwick_needs::program("x86_64-w64-mingw32-gcc").is_none() {
            self.left_out.push("compilation for Windows".to_owned());
            return Ok(());
        }
        let mut command = cargo(&["clippy", "--quiet", "--target", TARGET]);
        for package in ON_WINDOWS {
            command.args(["--package", package]);
        }
        command.args(["--", "-D", "warnings"]);
        self.step("compilation for Windows", &mut command)
    }

    /// The only user of the operating system. Other crates compile C, which takes Apple's
    /// headers.
    fn macos(&mut self) -> anyhow::Result<()> {
        const TARGET: &str = "x86_64-apple-darwin";
        let mut rustup = Command::new("rustup");
        let added = rustup.args(["target", "add", TARGET]).output();
        if !added.context("can't start rustup")?.status.success() {
            self.left_out.push("compilation for macOS".to_owned());
            return Ok(());
        }
        let mut command = cargo(&["clippy", "--quiet", "--target", TARGET]);
        command.args(["--package", "bailiwick-device", "--", "-D", "warnings"]);
        self.step("compilation for macOS", &mut command)
    }

    /// For a moment each: what grew since the last run is found by `cargo xtask fuzz`.
    fn fuzzing(&mut self) -> anyhow::Result<()> {
        if bailiwick_needs::program("g++").is_none() {
            self.left_out.push("fuzzing".to_owned());
            return Ok(());
        }
        self.step("fuzzing", &mut xtask(&["fuzz", "--for", "5s"]))
    }

    fn end(mut self) -> anyhow::Result<()> {
        println!("\nWhat took how long:");
        for (name, time) in &self.took {
            println!("{:>6} s  {name}", time.as_secs());
        }
        let noted = fs::read_to_string(&self.skipped)
            .with_context(|| format!("can't read {}", self.skipped.display()))?;
        self.left_out.extend(noted.lines().map(str::to_owned));
        self.left_out.sort();
        self.left_out.dedup();
        if self.left_out.is_empty() {
            println!("\nNothing was skipped.");
        } else {
            println!("\nSkipped:");
            for line in &self.left_out {
                println!("  {line}");
            }
        }
        Ok(())
    }
}

fn lints() -> Command {
    let mut command = cargo(&["clippy", "--workspace", "--all-targets", "--quiet"]);
    command.args(["--", "-D", "warnings"]);
    command
}

/// Each plugin under its policy, on this machine.
fn plugins() -> Command {
    let mut command = Command::new(build::built("cargo-bailiwick"));
    command
        .args(["bailiwick", "test", "--no-rows"])
        .current_dir(crate::step::root().join("plugins"));
    command
}

/// One of our own commands, as a person would start it.
fn xtask(arguments: &[&str]) -> Command {
    let mut command = cargo(&["run", "--quiet", "--package", "xtask", "--"]);
    command.args(arguments);
    command
}
