//! `cargo xtask test`: every test there is.

use std::{process::Command, time::Duration};

use crate::{
    build,
    step::{cargo, shown},
};

/// Crates that must compile for Windows too, as far as they do without a C compiler for it.
const ON_WINDOWS: [&str; 4] = [
    "bailiwick-core",
    "bailiwick-audit",
    "bailiwick-report",
    "bailiwick-device",
];

pub(crate) fn run() -> anyhow::Result<()> {
    let mut took: Vec<(&str, Duration)> = Vec::new();
    let mut step = |name: &'static str, command: &mut Command| {
        took.push((name, shown(name, command)?));
        anyhow::Ok(())
    };
    step("compilation targets", &mut build::add_targets())?;
    step("formatting", &mut cargo(&["fmt", "--all", "--check"]))?;
    step(
        "lints",
        &mut cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ]),
    )?;
    for package in build::PROGRAMS {
        step(package, &mut build::program(package))?;
    }
    step(
        "tests",
        &mut cargo(&[
            "test",
            "--workspace",
            "--exclude",
            "bailiwick-compile",
            "--no-fail-fast",
        ]),
    )?;
    step(
        "tests of the compiler",
        &mut cargo(&["test", "--package", "bailiwick-compile"]),
    )?;
    step("compilation for Windows", &mut for_windows())?;
    step("the demo, checked", &mut xtask(&["demo", "--for", "120s"]))?;
    println!("\nWhat took how long:");
    for (name, time) in took {
        println!("{:>6} s  {name}", time.as_secs());
    }
    Ok(())
}

/// Checks without linking, so that no Windows linker is needed.
fn for_windows() -> Command {
    let mut command = cargo(&["check", "--target", "x86_64-pc-windows-gnu"]);
    for package in ON_WINDOWS {
        command.args(["--package", package]);
    }
    command
}

/// One of our own commands, as a person would start it.
fn xtask(arguments: &[&str]) -> Command {
    let mut command = cargo(&["run", "--quiet", "--package", "xtask", "--"]);
    command.args(arguments);
    command
}
