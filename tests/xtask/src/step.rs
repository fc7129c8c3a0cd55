//! One named step of a longer job: runs a program, says how long it took.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

/// A cargo invocation in the workspace's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// The workspace's root.
pub(crate) fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs `command` with its output shown, and returns how long it took.
pub(crate) fn shown(name: &str, command: &mut Command) -> anyhow::Result<Duration> {
    println!("── {name}");
    let begun = Instant::now();
    let status = command.status().with_context(|| format!("{name}: can't start {command:?}"))?;
    if !status.success() {
        bail!("{name}: {command:?} ended with {status}");
    }
    Ok(begun.elapsed())
}
