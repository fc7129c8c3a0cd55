//! The verbs of `bailiwick-console policy`: what approvers do, each with a key of their own.

use std::path::PathBuf;

use bailiwick_core::ids::{PluginName, VendorName};
use clap::{Args, Subcommand};
use semver::Version;

use crate::cli_repo::Place;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    Sign(Sign),
    Refuse(Refuse),
    Withdraw(Withdraw),
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

/// Refuse a version of a plugin, with your reason and your own key.
///
/// Tells what the version asks for beyond its policy, and publishes the refusal in the list of
/// what no device may run: who refused which component, when and why. From their next refresh on
/// devices that waited for approval say that, and no policy that is signed later lets the version
/// run, until `policy withdraw` takes the refusal back. What runs goes on.
///
/// Where a policy grants the version all that it asks for already, devices run it, and the refusal
/// stops it there: nothing is refused then unless you say so with --stops.
///
/// The folder of online keys must be in the repository, as for `policy sign`.
#[derive(Args, Debug)]
pub(crate) struct Refuse {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Your key: a file that `repo key new --role policies` made
    #[arg(long, value_name = "NAME.json")]
    pub(crate) key: PathBuf,
    /// Why; devices show it, and so do the page and the audit
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Refuse what devices run, too: they stop it
    #[arg(long)]
    pub(crate) stops: bool,
    #[command(flatten)]
    pub(crate) version: Release,
}

/// Take the refusal of a version back: devices judge it anew, by its policy.
///
/// That it was refused, by whom and why, stays in the earlier versions of the role `policies`.
#[derive(Args, Debug)]
pub(crate) struct Withdraw {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Your key: a file that `repo key new --role policies` made
    #[arg(long, value_name = "NAME.json")]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) version: Release,
}

/// Which version of which plugin.
#[derive(Args, Debug)]
pub(crate) struct Release {
    /// Whose release, where several vendors have a plugin of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) vendor: Option<VendorName>,
    /// Which plugin
    #[arg(value_name = "PLUGIN")]
    pub(crate) plugin: PluginName,
    /// Which version
    #[arg(id = "release", value_name = "VERSION")]
    pub(crate) version: Version,
}
