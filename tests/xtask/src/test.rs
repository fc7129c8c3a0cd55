//! `cargo xtask test`: every test there is.

use std::time::Duration;

use crate::{
    build,
    step::{cargo, shown},
};

pub(crate) fn run() -> anyhow::Result<()> {
    let mut took: Vec<(&str, Duration)> = Vec::new();
    let mut step = |name: &'static str, command: &mut std::process::Command| {
        took.push((name, shown(name, command)?));
        anyhow::Ok(())
    };
    step("compilation targets", &mut build::add_targets())?;
    step("formatting", &mut cargo(&["fmt", "--all", "--check"]))?;
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
    println!("\nWhat took how long:");
    for (name, time) in took {
        println!("{:>6} s  {name}", time.as_secs());
    }
    Ok(())
}
