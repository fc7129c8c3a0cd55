//! The program `bailiwick-console`: update endpoint, report ingest and repository
//! authoring for one desk.
//!
//! `serve` hands out the public files of a repository and takes reports and events; it
//! reads no signing key. `repo` writes the repository, on the machine that holds the keys,
//! and serves nobody. `reports` reads what `serve` has stored, also while it runs.

mod actions;
mod approvals;
mod broker;
mod cli;
mod cli_action;
mod cli_device;
mod cli_policy;
mod cli_repo;
mod clock;
mod commands;
mod enrolment;
mod page;
mod server;
mod store;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match commands::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bailiwick-console: {error:#}");
            ExitCode::FAILURE
        }
    }
}
