//! The verbs of `bailiwick-console policy`: what approvers do, each with a key of their own.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli_repo::Place;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    Sign(Sign),
}

/// Look at what a policy changes, and sign and publish it with your own key.
///
/// Reads the policy and tries its cases; tells, as `bailiwick-audit policy diff` does, what it
/// allows more and less than the one in force, which is read as devices read it; and signs with
/// the key that you name and no other. Nothing that is wider is signed unless you say so: with
/// --widens, or with `yes` on a terminal.
///
/// Each grant must name in `approved-by` a key of the role `policies`, and each that is new or
/// changed your own. Where several have to sign, it waits in `drafts` for the others: `repo sign`
/// adds a signature. A policy under a new name takes effect with `repo assign`; one in place of
/// another with the devices' next refresh.
///
/// The folder of online keys must be in the repository: they sign that there is something new.
#[derive(Args, Debug)]
pub(crate) struct Sign {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Your key: a file that `repo key new --role policies` made
    #[arg(long, value_name = "NAME.json")]
    pub(crate) key: PathBuf,
    /// Sign what is wider than the policy in force, too
    #[arg(long)]
    pub(crate) widens: bool,
    /// The policy; its file name is what it is published as
    #[arg(value_name = "POLICY.toml")]
    pub(crate) policy: PathBuf,
}
