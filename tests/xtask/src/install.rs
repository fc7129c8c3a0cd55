//! Installs what the tests need, or says exactly how.

use std::process::Command;

use anyhow::{Context as _, bail};
use bailiwick_needs::{PROGRAMS, Program};

use crate::step::{cargo, shown};

/// The version that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// Installs every missing program of the tests' list with apt-get, if this is root; else
/// prints the command. What is missing after that is skipped by the tests that need it.
///
/// # Errors
///
/// apt-get failed.
pub(crate) fn programs() -> anyhow::Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().map(|program| program.package).collect();
    if !can_install()? {
        println!("Some tests will be skipped. To install what they need:");
        println!(
            "  sudo apt-get update && sudo apt-get install --yes --no-install-recommends {}",
            packages.join(" ")
        );
        return Ok(());
    }
    fetch(&packages)
}

/// Installs `name` of the same list, without which what was asked for can't be done.
///
/// # Errors
///
/// apt-get failed, or this user may not install: the message has the command.
pub(crate) fn needed(name: &str) -> anyhow::Result<()> {
    let missing = missing();
    let Some(program) = missing.iter().find(|program| program.name == name) else {
        return Ok(());
    };
    if !can_install()? {
        let package = program.package;
        bail!("`{name}` is not there: sudo apt-get install {package}");
    }
    fetch(&[program.package])
}

fn fetch(packages: &[&str]) -> anyhow::Result<()> {
    apt("package lists", &["update", "--quiet"])?;
    let mut install = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    install.extend(packages);
    apt("packages that are needed", &install)
}

fn missing() -> Vec<&'static Program> {
    PROGRAMS
        .iter()
        .filter(|program| program.find().is_none())
        .collect()
}

/// Whether this is root on a system with apt-get.
fn can_install() -> anyhow::Result<bool> {
    let output = Command::new("id")
        .arg("-u")
        .output()
        .context("can't ask `id` who this is")?;
    let apt = Program {
        name: "apt-get",
        package: "apt",
        why: "",
    };
    Ok(output.stdout == b"0\n" && apt.find().is_some())
}

fn apt(name: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    shown(name, &mut command).map(drop)
}

/// cargo-deny at the version that the project is checked with, built once into the build
/// folder. Built for little compile time: it runs for a second.
///
/// # Errors
///
/// It can't be built.
pub(crate) fn cargo_deny() -> anyhow::Result<Command> {
    let folder = crate::build::target().join("tools");
    let program = folder.join("bin/cargo-deny");
    if !program.is_file() {
        let mut install = cargo(&["install", "cargo-deny", "--locked", "--quiet", "--version"]);
        install
            .arg(CARGO_DENY)
            .args(["--config", "profile.release.lto=false"])
            .args(["--config", "profile.release.opt-level=1"])
            .arg("--root")
            .arg(&folder);
        shown("cargo-deny, built once", &mut install)?;
    }
    if !program.is_file() {
        bail!("cargo install left no {}", program.display());
    }
    let mut command = Command::new(program);
    command.current_dir(crate::step::root());
    Ok(command)
}
