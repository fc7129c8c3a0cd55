//! The verbs of `bailiwick-console repo`.

use std::path::PathBuf;

use bailiwick_core::ids::{GroupName, PluginName, VendorName};
use clap::{Args, Subcommand};
use semver::{Version, VersionReq};

/// Every verb signs with key files from the folder `keys` of the repository, checks the
/// result with the reader that devices use, and writes only what passed.
#[derive(Debug, Subcommand)]
pub(crate) enum RepoVerb {
    Init(Init),
    Publish(Publish),
    /// Publish a policy, signed by the key of `policies`.
    Policy {
        #[command(subcommand)]
        verb: PolicyVerb,
    },
    Assign(Assign),
    Unassign(Unassign),
    Revoke(Revoke),
    /// Add or remove a vendor.
    Vendor {
        #[command(subcommand)]
        verb: VendorVerb,
    },
    /// Sign snapshot and timestamp anew without another change.
    ///
    /// Devices refuse a timestamp that is older than 7 days, so run this daily.
    Refresh(Place),
    /// Show roles, their keys and expiry, the assignment and what is published.
    Status(Place),
}

/// Which repository, and how to answer.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// Folder of the repository
    #[arg(long, value_name = "DIR")]
    pub(crate) repo: PathBuf,
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Make a new repository with its keys and certificates.
///
/// The folder gets `public` (to be served), `keys` (one file per signing key, readable by
/// you alone) and `tls` (a certificate authority and a server certificate).
/// The fingerprints that devices need are printed. Move the keys of root and targets, and
/// tls/ca-key.pem, to a machine that is not connected: daily work does not need them.
#[derive(Args, Debug)]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) place: Place,
    /// A vendor that may publish; can be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) vendor: Vec<VendorName>,
    /// Host name or address of the server, besides localhost and 127.0.0.1; can be repeated
    #[arg(long, value_name = "HOST")]
    pub(crate) server_name: Vec<String>,
}

/// Publish a component, signed by its vendor's key.
///
/// A release manifest binds its digest, contract version and minimum host version. No
/// device runs it before `repo assign`.
#[derive(Args, Debug)]
pub(crate) struct Publish {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Whose release it is
    #[arg(long, value_name = "NAME")]
    pub(crate) vendor: VendorName,
    /// Which plugin it is
    #[arg(long, value_name = "NAME")]
    pub(crate) plugin: PluginName,
    /// Its version, which must be new
    #[arg(id = "release", long = "version", value_name = "VERSION")]
    pub(crate) version: Version,
    /// Version of the contract that it was built against
    #[arg(long, value_name = "VERSION", default_value_t = bailiwick_core::CONTRACT)]
    pub(crate) contract: Version,
    /// Oldest host that can run it
    #[arg(long, value_name = "VERSION", default_value = "0.1.0")]
    pub(crate) minimum_host: Version,
    /// The component
    #[arg(value_name = "COMPONENT.wasm")]
    pub(crate) component: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    Put(PolicyPut),
}

/// Publish a policy file, signed by the key of `policies`, in place of an older one of the
/// same name.
#[derive(Args, Debug)]
pub(crate) struct PolicyPut {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The policy; its file name is what `repo assign --policy` takes
    #[arg(value_name = "POLICY.toml")]
    pub(crate) policy: PathBuf,
}

/// Tell devices to run a published version under a published policy.
///
/// Without --group and --percentage it replaces every other assignment of the plugin.
#[derive(Args, Debug)]
pub(crate) struct Assign {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Whose release
    #[arg(long, value_name = "NAME")]
    pub(crate) vendor: VendorName,
    /// Which plugin
    #[arg(long, value_name = "NAME")]
    pub(crate) plugin: PluginName,
    /// Which version
    #[arg(id = "release", long = "version", value_name = "VERSION")]
    pub(crate) version: Version,
    /// Name of a published policy
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) policy: String,
    /// Only devices of this group; can be repeated [default: every device]
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Vec<GroupName>,
    /// For how many in a hundred of these devices
    #[arg(long, value_name = "1-100", default_value_t = 100,
          value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) percentage: u8,
}

/// Take a plugin out of the assignment: devices stop it at their next refresh.
#[derive(Args, Debug)]
pub(crate) struct Unassign {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Which plugin
    #[arg(long, value_name = "NAME")]
    pub(crate) plugin: PluginName,
}

/// Forbid versions of a plugin for good.
///
/// Devices stop them at their next refresh, keep that in mind offline too, and no rollback
/// returns to them.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Whose release
    #[arg(long, value_name = "NAME")]
    pub(crate) vendor: VendorName,
    /// Which plugin
    #[arg(long, value_name = "NAME")]
    pub(crate) plugin: PluginName,
    /// Which versions, as in `=0.2.0` or `<0.3`
    #[arg(long, value_name = "REQUIREMENT")]
    pub(crate) versions: VersionReq,
    /// Why; devices show it
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VendorVerb {
    /// Give a vendor a role and a key of its own.
    Add(Vendor),
    /// Take a vendor's role away: devices fetch nothing of it any more.
    Remove(Vendor),
}

/// Which vendor.
#[derive(Args, Debug)]
pub(crate) struct Vendor {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The vendor
    #[arg(value_name = "NAME")]
    pub(crate) vendor: VendorName,
}
