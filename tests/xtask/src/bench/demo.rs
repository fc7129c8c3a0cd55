//! The first demo, building included, in a build folder that is empty.

use std::{fs, time::Instant};

use super::{Bench, table::Figure};
use crate::step::{cargo, shown};

pub(crate) const NAME: &str = "demo";

pub(crate) fn measure(bench: &Bench, _: &str) -> anyhow::Result<Vec<Figure>> {
    let target = bench.folder.join("first-demo");
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    let begun = Instant::now();
    let mut demo = cargo(&["run", "--quiet", "--package", "xtask", "--"]);
    demo.args(["demo", "--for", "60s"])
        .env("CARGO_TARGET_DIR", &target);
    let result = shown("the first demo", &mut demo);
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    fs::remove_dir_all(&target)?;
    result?;
    Ok(vec![Figure::new(NAME, minutes)])
}
