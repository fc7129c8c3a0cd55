//! The project's own commands. `cargo xtask --help` lists them.

mod build;
mod step;
mod test;

use clap::{Parser, Subcommand};

/// Build, show and test Bailiwick.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every test there is, and install what they need
    Test,
}

fn main() -> std::process::ExitCode {
    let result = match Arguments::parse().command {
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
