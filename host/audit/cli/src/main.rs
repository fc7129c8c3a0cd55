//! The program `bailiwick-audit`: what plugins may do, told to those who answer for it.
//!
//! It runs no plugin and asks no agent. It ends with 0 if nothing was found, with 1 if
//! something was, and with 2 if something could not be judged.

mod check;
mod cli;
mod clock;
mod each;
mod files;
mod policy;
mod record;
mod repository;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};

/// Something could not be judged. What clap answers to a wrong command line, too.
const NOT_JUDGED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Check(check)) => check::check(&check),
        Some(Command::Policy(asked)) => policy::policy(&asked),
        None => check::check(&cli.check),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(NOT_JUDGED)
    })
}
