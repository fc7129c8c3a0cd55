//! What each command does.

mod action;
pub(crate) mod decode;
mod device;
mod fresh;
mod login;
mod mqtt;
mod policy;
mod policy_refuse;
mod repo;
mod repo_keys;
mod repo_operator;
mod repo_status;
mod reports;
mod retention;
mod serve;

use crate::cli::{Cli, Command};

/// Runs the command to its end.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Login(arguments) => login::run(&arguments),
        Command::Policy { verb } => policy::run(&verb),
        Command::Reports(arguments) => reports::run(&arguments),
        Command::Device { verb } => device::run(&verb),
        Command::Action { verb } => action::run(&verb),
        Command::Repo { verb } => repo::run(&verb),
    }
}
