//! The project's own commands. `cargo xtask --help` lists them.

mod build;
mod demo;
mod install;
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
}

fn main() -> std::process::ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test => test::run(),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
