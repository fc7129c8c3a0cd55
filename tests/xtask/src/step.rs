//! One named step of a longer job: runs a program, says how long it took.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// A cargo invocation in the workspace's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// The workspace's root.
pub(crate) fn root() -> std::path::PathBuf {
    let mut root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    // People read paths below it: without a way up and down again.
    root.pop();
    root.pop();
    root
}

/// Runs `command` with its output shown, and returns how long it took.
pub(crate) fn shown(name: &str, command: &mut Command) -> anyhow::Result<Duration> {
    println!("── {name}");
    let begun = Instant::now();
    let status = command
        .status()
        .with_context(|| format!("{name}: can't start {command:?}"))?;
    if !status.success() {
        bail!("{name}: {command:?} ended with {status}");
    }
    Ok(begun.elapsed())
}

/// Runs `command` behind one moving line on a terminal, one plain line elsewhere. Its
/// output is shown only if it fails.
pub(crate) fn quiet(name: &str, command: &mut Command) -> anyhow::Result<()> {
    let line = ProgressBar::new_spinner()
        .with_style(ProgressStyle::with_template("{spinner} {msg} ({elapsed})")?);
    line.set_message(name.to_owned());
    line.enable_steady_tick(Duration::from_millis(120));
    let begun = Instant::now();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{name}: can't start {command:?}"))?;
    line.finish_and_clear();
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        bail!("{name}: {command:?} ended with {}", output.status);
    }
    eprintln!("  ✓ {name} ({} s)", begun.elapsed().as_secs());
    Ok(())
}
