//! The verbs of `bailiwick-console repo`.

use std::path::PathBuf;

use bailiwick_core::{
    ids::{GroupName, PluginName, VendorName},
    release::World,
};
use clap::{Args, Subcommand};
use semver::{Version, VersionReq};

/// Every verb signs with key files from the folders `keys` and `online-keys` of the
/// repository, checks the result with the reader that devices use, and writes only what
/// passed. A change that needs keys that are elsewhere waits in the folder `drafts`.
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
    /// Make a signing key for a role.
    Key {
        #[command(subcommand)]
        verb: KeyVerb,
    },
    Role(Role),
    Rotate(Rotate),
    /// Say who may sign actions.
    Operator {
        #[command(subcommand)]
        verb: OperatorVerb,
    },
    Sign(Sign),
    /// Give up the change that waits for signatures.
    Drop(Place),
    /// Sign snapshot and timestamp anew without another change.
    ///
    /// Devices refuse a timestamp that is older than 7 days. `serve` does this by itself when
    /// it has the online keys; without them run this daily.
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
/// you alone), `online-keys` (those of snapshot and timestamp, which a server may have) and
/// `tls` (a certificate authority and a server certificate).
/// The fingerprints that devices need are printed. Move the folder `keys` and
/// tls/ca-key.pem to a machine that is not connected: serving does not need them.
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
    /// World of the contract that it implements
    #[arg(long, value_name = "WORLD", default_value = "collector", value_parser = world)]
    pub(crate) world: World,
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

fn world(name: &str) -> Result<World, String> {
    let known: Vec<_> = World::ALL.into_iter().map(World::name).collect();
    World::named(name).ok_or_else(|| format!("write one of {}", known.join(", ")))
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

#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    New(KeyNew),
}

/// Make a key, on the machine of the person who will sign with it.
///
/// NAME.json is the key and stays there; NAME.pub is handed to whoever runs `repo role`,
/// which lets it sign. No repository is needed.
#[derive(Args, Debug)]
pub(crate) struct KeyNew {
    /// For which role, as in root, targets, policies or vendor-acme
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: String,
    /// What people will call the key: `a-z`, `0-9` and `-`
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// Folder for both files
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Change which keys sign for a role, and how many of them must.
///
/// For root, targets, snapshot and timestamp this makes the next root, which the keys of the
/// old root must sign as well; for a vendor or policies it makes the next targets. Devices
/// follow at their next refresh, however many changes they slept through.
#[derive(Args, Debug)]
pub(crate) struct Role {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Which role
    #[arg(value_name = "ROLE")]
    pub(crate) role: String,
    /// Let this key sign: a file that `repo key new` made; can be repeated
    #[arg(long, value_name = "NAME.pub")]
    pub(crate) add: Vec<PathBuf>,
    /// Let the key of this name or id sign no more; can be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) remove: Vec<String>,
    /// How many of the keys must sign
    #[arg(long, value_name = "N")]
    pub(crate) threshold: Option<u64>,
}

/// A role that the root names.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Top {
    Root,
    Targets,
    Snapshot,
    Timestamp,
}

/// Make the next root, with new keys for the named roles.
///
/// Each gets as many new keys as it had, in the folders `keys` and `online-keys`; the old
/// ones sign nothing any more. Without --role the root is signed anew for a year.
#[derive(Args, Debug)]
pub(crate) struct Rotate {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Replace the keys of this role; can be repeated
    #[arg(long, value_name = "ROLE", value_enum)]
    pub(crate) role: Vec<Top>,
}

/// Sign the change that waits, and publish it when the signatures are enough.
///
/// Where the repository is: `repo sign --repo DIR` adds the signatures of the keys there. On
/// another machine: copy the file from `drafts` there, `repo sign --draft FILE --key KEY`,
/// copy it back, and run `repo sign --repo DIR`. Both can be repeated until all have signed.
#[derive(Args, Debug)]
pub(crate) struct Sign {
    /// Folder of the repository
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present = "draft",
        conflicts_with = "draft"
    )]
    pub(crate) repo: Option<PathBuf>,
    /// A file from `drafts`, to be signed in place
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) draft: Option<PathBuf>,
    /// The key to sign the draft with
    #[arg(long, value_name = "NAME.json", requires = "draft")]
    pub(crate) key: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OperatorVerb {
    Add(OperatorAdd),
    Remove(OperatorRemove),
}

/// Let an operator sign actions, signed by the key of `policies`, in place of what was
/// listed of the same name or key.
///
/// Devices take the operator's actions from their next refresh on. Nothing is everything
/// unless `*` is written.
#[derive(Args, Debug)]
pub(crate) struct OperatorAdd {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The public key: a file that `action key` made
    #[arg(value_name = "NAME.pub")]
    pub(crate) key: PathBuf,
    /// What people call the operator [default: the name of the key]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// A plugin that the operator may give orders, or `*`; can be repeated
    #[arg(long, value_name = "PLUGIN", required = true)]
    pub(crate) handler: Vec<String>,
    /// A group on whose devices the operator may, or `*`; can be repeated
    #[arg(long, value_name = "GROUP", required = true)]
    pub(crate) group: Vec<String>,
    /// The last day on which the operator may, in UTC, as in 2027-12-31
    #[arg(long, value_name = "DAY")]
    pub(crate) until: jiff::civil::Date,
}

/// Let an operator sign actions no more: devices refuse them from their next refresh on.
#[derive(Args, Debug)]
pub(crate) struct OperatorRemove {
    #[command(flatten)]
    pub(crate) place: Place,
    /// What people call the operator
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}
