//! Sizes of the reports of the fixture: the test of the report crate tells them.

use std::process::Stdio;

use anyhow::{Context as _, ensure};

use super::{Bench, table::Figure};
use crate::step::cargo;

pub(crate) fn measure(_: &Bench, _: &str) -> anyhow::Result<Vec<Figure>> {
    let test = ["test", "--package", "bailiwick-report", "--test", "figures"];
    let output = cargo(&test)
        .args(["--features", "json,zstd", "--", "--nocapture"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "its test fails:\n{text}");
    let told = |what: &str| {
        let (_, rest) = text.split_once(what)?;
        rest.split(' ').next()?.parse::<f64>().ok()
    };
    ["full", "differential"]
        .into_iter()
        .map(|kind| {
            let bytes = told(&format!("{kind} report "))
                .with_context(|| format!("the test tells no size of a {kind} report"))?;
            Ok(Figure::new(kind, bytes))
        })
        .collect()
}
