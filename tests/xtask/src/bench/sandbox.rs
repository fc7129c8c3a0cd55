//! The benchmarks of `tests/benches`, which run in a process of their own.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{Bench, table::Figure};
use crate::{
    build::Profile,
    step::{quiet, root},
};

const PACKAGE: &str = "bailiwick-benches";

pub(crate) fn measure(bench: &Bench, name: &str) -> anyhow::Result<Vec<Figure>> {
    if !bench.as_built {
        quiet(PACKAGE, &mut Profile::Device.build(PACKAGE, PACKAGE))?;
    }
    let mut command = Command::new(Profile::Device.built(PACKAGE));
    command
        .arg("--compiler")
        .arg(Profile::Device.built("bailiwick-compile"))
        .arg("--plugins")
        .arg(plugins(bench)?)
        .arg("--policies")
        .arg(root().join("policies"))
        .arg(name)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    if bench.short {
        command.arg("--short");
    }
    let output = command.output()?;
    ensure!(output.status.success(), "it ended with {}", output.status);
    String::from_utf8(output.stdout)?
        .lines()
        .map(|line| {
            let figure: Value = serde_json::from_str(line)?;
            let name = figure["figure"].as_str().context("a figure has no name")?;
            let measured = figure["measured"]
                .as_f64()
                .with_context(|| format!("{name} has no value"))?;
            Ok(Figure::new(name, measured))
        })
        .collect()
}

/// A folder with the plugins that are called, freshly built.
fn plugins(bench: &Bench) -> anyhow::Result<PathBuf> {
    let desk = bench.desk("sandbox")?;
    for (plugin, version) in [
        ("inventory", "0.1.0"),
        ("pressure", "0.1.0"),
        ("pressure", "0.2.0"),
    ] {
        desk.build(plugin, version)?;
    }
    let built = desk.component("inventory", "0.1.0");
    built
        .parent()
        .map(PathBuf::from)
        .context("a component has no folder")
}
