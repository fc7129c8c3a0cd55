//! The workspace's tests, two programs at a time.
//!
//! cargo runs them one behind the other, and some of them wait for most of their time: for a
//! connection that is cut for a minute, for a pause between two attempts. Those run in a lane
//! beside the others, so that all take about as long as the others alone.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::{build, step::cargo};

/// Tests that wait more than they work, and share nothing with others but the processor.
const WAITING: [&str; 4] = ["cut", "disk", "faults", "faults_clock"];

/// A program of tests.
struct Program {
    name: String,
    path: PathBuf,
    /// Its package: where it is started.
    folder: PathBuf,
}

/// Builds and runs every program of tests that `cargo test` with these arguments would run, and
/// then the examples in documentation.
///
/// # Errors
/// Something can't be built, or tests failed: which programs, behind the output of all.
pub(crate) fn run(selected: &[&str], environment: (&str, &Path)) -> anyhow::Result<()> {
    let programs = built(selected)?;
    let (waiting, others): (Vec<_>, Vec<_>) = programs
        .into_iter()
        .partition(|program| WAITING.contains(&program.name.as_str()));
    let beside = build::target().join("tests-that-wait.txt");
    let output = File::create(&beside).with_context(|| format!("{}", beside.display()))?;
    let failed = thread::scope(|scope| {
        let waiting = scope.spawn(|| lane(&waiting, environment, Some(&output)));
        let failed = lane(&others, environment, None)?;
        let waiting = waiting.join().unwrap_or_else(|_| bail!("a lane broke off"));
        println!("{}", fs::read_to_string(&beside)?);
        anyhow::Ok([failed, waiting?].concat())
    })?;
    let documentation = cargo(&[&["test", "--doc", "--no-fail-fast"], selected].concat())
        .env(environment.0, environment.1)
        .status()?;
    if !failed.is_empty() || !documentation.success() {
        bail!("tests failed; programs: {failed:?}; documentation: {documentation}");
    }
    Ok(())
}

/// Runs one program behind the other, and says which failed.
fn lane(
    programs: &[Program],
    environment: (&str, &Path),
    output: Option<&File>,
) -> anyhow::Result<Vec<String>> {
    let mut failed = Vec::new();
    for program in programs {
        let stream = || match output {
            Some(file) => file.try_clone().map(Stdio::from),
            None => Ok(Stdio::inherit()),
        };
        let mut named = Command::new("echo");
        named.arg(format!("     Running {}", program.path.display()));
        named.stdout(stream()?).status()?;
        let status = Command::new(&program.path)
            .current_dir(&program.folder)
            // As cargo would have it.
            .env("CARGO_MANIFEST_DIR", &program.folder)
            .env(environment.0, environment.1)
            .stdin(Stdio::null())
            .stdout(stream()?)
            .stderr(stream()?)
            .status()
            .with_context(|| format!("can't start {}", program.path.display()))?;
        if !status.success() {
            failed.push(format!("{} ({status})", program.name));
        }
    }
    Ok(failed)
}

/// Builds the programs, and finds out which they are.
fn built(selected: &[&str]) -> anyhow::Result<Vec<Program>> {
    let mut command = cargo(&[&["test", "--no-run"], selected].concat());
    let mut building = command
        .arg("--message-format=json-render-diagnostics")
        .stdout(Stdio::piped())
        .spawn()?;
    let told = building.stdout.take().context("it has an output")?;
    let mut programs = Vec::new();
    for line in BufReader::new(told).lines() {
        programs.extend(program(&serde_json::from_str(&line?)?));
    }
    let status = building.wait()?;
    if !status.success() {
        bail!("the tests can't be built: {command:?} ended with {status}");
    }
    Ok(programs)
}

/// The program of tests that cargo's message tells of, if it tells of one.
fn program(message: &Value) -> Option<Program> {
    let is_test = message["profile"]["test"].as_bool()?;
    let path = message["executable"].as_str().filter(|_| is_test)?;
    let manifest = Path::new(message["manifest_path"].as_str()?);
    Some(Program {
        name: message["target"]["name"].as_str()?.to_owned(),
        path: path.into(),
        folder: manifest.parent()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(test: bool, executable: Value) -> Value {
        json!({
            "reason": "compiler-artifact",
            "manifest_path": "/w/tests/scenarios/Cargo.toml",
            "target": { "name": "cut" },
            "profile": { "test": test },
            "executable": executable,
        })
    }

    #[test]
    fn programs_of_tests_are_told_from_all_else_that_cargo_says() {
        let cut = program(&told(true, json!("/w/target/debug/deps/cut-1"))).unwrap();
        assert_eq!(
            (cut.name.as_str(), cut.folder.as_path()),
            ("cut", Path::new("/w/tests/scenarios"))
        );
        assert!(program(&told(true, Value::Null)).is_none());
        assert!(program(&told(false, json!("/w/target/debug/bailiwick"))).is_none());
        assert!(program(&json!({ "reason": "build-finished", "success": true })).is_none());
    }

    #[test]
    fn each_that_waits_is_there() {
        let stories = crate::step::root().join("tests/scenarios/tests");
        for name in WAITING {
            assert!(stories.join(name).with_extension("rs").is_file(), "{name}");
        }
    }
}
