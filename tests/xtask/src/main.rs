//! The project's own commands. `cargo xtask --help` lists them.

mod bench;
mod build;
mod demo;
mod desk;
mod fuzz;
mod install;
mod lanes;
mod operator;
mod program;
mod step;
mod test;

use clap::{Parser, Subcommand};

/// Build, show and test Bailiwick.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show one device at work: pull, run, report, swap, refuse
    ///
    /// Builds what is needed, makes a repository with separate keys, serves it on loopback
    /// and starts an agent whose data folder is empty. Nothing outside the build folder is
    /// touched. It goes on until Ctrl-C, or stops by itself with --for.
    Demo(demo::Arguments),
    /// Run every test there is, and install what they need
    Test,
    /// Feed what reads bytes from strangers with all that libFuzzer finds
    ///
    /// Fails on a panic, on what takes too long or too much memory, and where what was
    /// written does not read as it was. What was found is kept in tests/fuzz/corpus, and
    /// the next run goes on from there.
    Fuzz(fuzz::Arguments),
    /// Measure what the project promises, and fail if a figure is over
    ///
    /// Builds the programs as devices get them, runs each benchmark and prints one table.
    /// The method of each stands in tests/benches/README.md.
    Bench(bench::Arguments),
}

fn main() -> std::process::ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test => test::run(),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
