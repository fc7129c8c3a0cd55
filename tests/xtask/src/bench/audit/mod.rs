//! How long `bailiwick-audit` takes: for a hundred plugins with their policies, for the same in
//! a repository, and for one component of 18 MB.

mod inputs;
mod larger;

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{Bench, table::Figure};
use crate::{build::Profile, step::quiet};
use inputs::Inputs;

const PACKAGE: &str = "bailiwick-audit-cli";
const PROGRAM: &str = "bailiwick-audit";

/// What it ends with where something was found, as it is in some of the project's own policies.
const FOUND: i32 = 1;

const RUNS: usize = 21;
const RUNS_SHORT: usize = 5;

pub(crate) fn measure(bench: &Bench, name: &str) -> anyhow::Result<Vec<Figure>> {
    // As auditors get it: at a desk, like the console.
    let profile = Profile::Device.of_console();
    if !bench.as_built {
        quiet(PROGRAM, &mut profile.build(PACKAGE, PROGRAM))?;
    }
    let inputs = Inputs::lay_down(&bench.desk(name)?)?;
    let audit = Audit {
        program: profile.built(PROGRAM),
        runs: if bench.short { RUNS_SHORT } else { RUNS },
    };
    let mut hundred = vec!["--policy".into(), inputs.policies];
    hundred.extend(inputs.hundred);
    let repository = ["--repository".into(), inputs.repository];
    let large = ["--policy".into(), inputs.project, inputs.large];
    let mut figures = audit.figures("audit-hundred", &hundred, inputs::PLUGINS)?;
    figures.extend(audit.figures("audit-repository", &repository, inputs::PLUGINS)?);
    figures.extend(audit.figures("audit-large", &large, 1)?);
    Ok(figures)
}

struct Audit {
    program: PathBuf,
    runs: usize,
}

impl Audit {
    /// The median of the runs under `name`, and beneath it the shortest and the longest. Before,
    /// one run that is not counted shows that `components` different ones were really judged.
    fn figures(
        &self,
        name: &str,
        arguments: &[PathBuf],
        components: usize,
    ) -> anyhow::Result<Vec<Figure>> {
        let judged = self.judged(arguments)?;
        ensure!(
            judged == components,
            "{name}: {judged} components were judged, and not {components}"
        );
        let mut took = (0..self.runs)
            .map(|_| Ok(self.run(arguments, "text")?.0.as_secs_f64() * 1e3))
            .collect::<anyhow::Result<Vec<f64>>>()?;
        took.sort_by(f64::total_cmp);
        Ok(vec![
            Figure::new(name, took[took.len() / 2]),
            Figure::new(&format!("{name}-shortest-ms"), took[0]),
            Figure::new(&format!("{name}-longest-ms"), took[took.len() - 1]),
        ])
    }

    /// How many components with different bytes have a policy and a verdict.
    fn judged(&self, arguments: &[PathBuf]) -> anyhow::Result<usize> {
        let told: Value = serde_json::from_slice(&self.run(arguments, "json")?.1)?;
        let plugins = told["plugins"].as_array().context("it tells no plugins")?;
        let mut digests: Vec<_> = plugins
            .iter()
            .filter(|plugin| plugin["policy"].is_object())
            .filter_map(|plugin| plugin["component"]["inspection"]["sha256"].as_str())
            .collect();
        digests.sort_unstable();
        digests.dedup();
        Ok(digests.len())
    }

    /// From its start to its end, with what it printed.
    fn run(&self, arguments: &[PathBuf], format: &str) -> anyhow::Result<(Duration, Vec<u8>)> {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .args(["--format", format])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        let begun = Instant::now();
        let output = command
            .output()
            .with_context(|| format!("can't start {}", self.program.display()))?;
        let took = begun.elapsed();
        let judged = matches!(output.status.code(), Some(0 | FOUND));
        ensure!(judged, "{PROGRAM} ended with {}", output.status);
        Ok((took, output.stdout))
    }
}
