//! The verbs of `bailiwick-console device`.

use std::path::PathBuf;

use bailiwick_core::{
    ids::{DeviceId, GroupName},
    time::Span,
};
use clap::{Args, Subcommand};

/// What is done about devices.
#[derive(Debug, Subcommand)]
pub(crate) enum DeviceVerb {
    Invite(Invite),
    /// List the tokens that were made: which wait, which were used and by whom.
    Tokens(Desk),
    /// Take back a token, by its id.
    Withdraw(Withdraw),
    /// List enrolled devices, until when their certificates hold, and tokens that were refused.
    List(Desk),
    Revoke(Revoke),
    /// Print the head of each device's log as it was told last, for the file `heads` beside the
    /// logs that `bailiwick-audit --record` reads.
    Heads(Desk),
}

/// Which console, and how to answer.
#[derive(Args, Debug)]
pub(crate) struct Desk {
    /// Folder of the console, as given to `serve`
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print a token with which one device is enrolled: `bailiwick enrol TOKEN` on the device.
///
/// It works once. It carries the console's address, a secret, and the digests of the
/// console's authority and of the repository's first root, so that the device trusts nobody
/// whom it was not told of; whoever has it can enrol a device, so hand it over like a
/// password. This console keeps the digest of the secret alone.
#[derive(Args, Debug)]
pub(crate) struct Invite {
    #[command(flatten)]
    pub(crate) desk: Desk,
    /// The group that the device joins
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<GroupName>,
    /// How long the token can be used, 1 s to 30 d
    #[arg(long, value_name = "SPAN", default_value = "24 h")]
    pub(crate) valid: Span,
    /// Enrol this device anew, and no other one: after its certificate expired or was
    /// revoked, or with another key (32 hexadecimal digits)
    #[arg(long, value_name = "ID")]
    pub(crate) device: Option<DeviceId>,
    /// Where devices reach this console, `https://host:port/`; can be repeated, and is tried
    /// in this order [default: where `serve` was last, unless it listens everywhere]
    #[arg(long, value_name = "URL")]
    pub(crate) address: Vec<String>,
    /// Folder of the repository's public files [default: DIR/public]
    #[arg(long, value_name = "DIR")]
    pub(crate) public: Option<PathBuf>,
    /// Folder with ca.pem [default: DIR/tls]
    #[arg(long, value_name = "DIR")]
    pub(crate) tls: Option<PathBuf>,
}

/// Take back a token. One that was used answers nobody any more; the device that used it stays
/// enrolled.
#[derive(Args, Debug)]
pub(crate) struct Withdraw {
    #[command(flatten)]
    pub(crate) desk: Desk,
    /// The token's id as `device tokens` shows it, 8 digits of it at least
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

/// Revoke a device: it is listened to no more, and its connection to the broker ends.
///
/// Somebody else's broker knows nothing of it: what the device publishes there is left out by
/// `serve`, and what it may subscribe to is for that broker's rules.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) desk: Desk,
    /// The device (32 hexadecimal digits)
    #[arg(value_name = "ID")]
    pub(crate) device: DeviceId,
}
