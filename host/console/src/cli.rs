//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use bailiwick_core::{
    ids::{DeviceId, PluginName},
    time::Span,
};
use bailiwick_transport::BrokerAddress;
use clap::{Args, Parser, Subcommand};

use crate::{
    cli_action::ActionVerb, cli_device::DeviceVerb, cli_policy::PolicyVerb, cli_repo::RepoVerb,
    enrolment::Strictness, page::Role,
};

/// Update endpoint, report ingest and repository authoring for one desk.
#[derive(Debug, Parser)]
#[command(name = "bailiwick-console", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Serve),
    Login(Login),
    Reports(Reports),
    /// Ask devices to do something: draft, sign, send, watch.
    Action {
        #[command(subcommand)]
        verb: ActionVerb,
    },
    /// Invite devices, see which are enrolled, and revoke them. Works while `serve` runs.
    Device {
        #[command(subcommand)]
        verb: DeviceVerb,
    },
    /// Approve what plugins may do, with your own key.
    Policy {
        #[command(subcommand)]
        verb: PolicyVerb,
    },
    /// Write a repository: keys, releases, policies, and which device runs what.
    Repo {
        #[command(subcommand)]
        verb: RepoVerb,
    },
}

/// Serve the repository's public files beneath /updates/, and take reports and events.
///
/// Needs the certificate and key that `repo init` makes. With the online keys (snapshot and
/// timestamp) it signs those two anew every day, so that devices do not take the server for
/// one that withholds something; it refuses to start where a key of root, targets, policies
/// or a vendor lies among them, or among the files that it serves. A report is
/// acknowledged after it is committed to the disk. Ctrl-C or SIGTERM ends the program
/// after the requests under way.
///
/// Devices can send over MQTT too: to the broker that this is, or, with --broker, through
/// somebody else's. A message to this broker is acknowledged after its commit; at another
/// one a receipt is published after it.
///
/// Devices show who they are with a certificate, which they get with a token of `device
/// invite` from this server, as long as the authority's key is among the certificates.
///
/// The operator's page has an address of its own. A link that logs an operator in is
/// printed at the start; `login` prints another, for any role.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Folder of this console: the database is kept here, and, unless the options below
    /// say otherwise, `public` and `tls` are taken from here
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Folder of the repository's public files [default: DIR/public]
    #[arg(long, value_name = "DIR")]
    pub(crate) public: Option<PathBuf>,
    /// Folder with server.pem and server-key.pem [default: DIR/tls]
    #[arg(long, value_name = "DIR")]
    pub(crate) tls: Option<PathBuf>,
    /// Folder with the keys of snapshot and timestamp, and no others [default:
    /// online-keys beside the folder of public files]
    #[arg(long, value_name = "DIR")]
    pub(crate) online_keys: Option<PathBuf>,
    /// Address and port to listen on; port 0 picks a free one and prints it
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    pub(crate) listen: SocketAddr,
    /// Address and port of the MQTT broker [default: port 8883 at the address of --listen, or
    /// a free port there if that one is taken]
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "broker")]
    pub(crate) mqtt: Option<SocketAddr>,
    /// Take what devices publish at another broker, `mqtts://host:port` or `wss://host/path`,
    /// and answer with receipts there, instead of being one
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) broker: Option<BrokerAddress>,
    /// PEM file of an authority that signed that broker's certificate, if the operating
    /// system does not know it
    #[arg(long, value_name = "FILE", requires = "broker")]
    pub(crate) broker_ca: Option<PathBuf>,
    /// File with the user and the password that that broker asks for, a line each
    #[arg(long, value_name = "FILE", requires = "broker")]
    pub(crate) broker_login: Option<PathBuf>,
    /// Address and port of the page. On loopback it is plain HTTP; anywhere else it is
    /// TLS with the console's certificate [default: 127.0.0.1:8480, or a free port of
    /// 127.0.0.1 if that one is taken]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) page: Option<SocketAddr>,
    /// Name under which people reach the page besides its address; can be repeated.
    /// Requests for any other name are refused
    #[arg(long, value_name = "NAME")]
    pub(crate) page_name: Vec<String>,
    /// Which devices are listened to: those that were enrolled, each by its certificate, or
    /// whoever knows the id of a device that never was, too
    #[arg(long, value_name = "WHICH", default_value = "enrolled")]
    pub(crate) devices: Strictness,
    /// How long a device's certificate holds, 2 s to 825 d; devices renew it once two thirds
    /// of that are over
    #[arg(long, value_name = "SPAN", default_value = "90 d")]
    pub(crate) certificate_life: Span,
    /// How long reports, events and what is known of past sessions are kept, a day at least.
    /// How each device is now is known for ever
    #[arg(long, value_name = "SPAN", default_value = "90 d")]
    pub(crate) keep: Span,
    /// Print the addresses and the login link as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print a link that logs someone in on the page of `serve`, once, within ten minutes.
#[derive(Args, Debug)]
pub(crate) struct Login {
    /// Folder of the console, as given to `serve`
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// What the person may do: a viewer looks, an operator also names devices and
    /// drafts actions, an approver has the rights of both
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Role,
}

/// List the latest reports, or events, oldest first. Works while `serve` runs.
#[derive(Args, Debug)]
pub(crate) struct Reports {
    /// Folder of the console, as given to `serve`
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Only this device (32 hexadecimal digits)
    #[arg(long, value_name = "ID")]
    pub(crate) device: Option<DeviceId>,
    /// Only this plugin
    #[arg(long, value_name = "NAME")]
    pub(crate) plugin: Option<PluginName>,
    /// At most this many, the latest
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) last: u32,
    /// Show what each report says: all rows of a full one, the changes of a differential one
    #[arg(long)]
    pub(crate) decode: bool,
    /// List what happened to plugins (pulled, verified, granted, started, swapped,
    /// refused, trapped, suspended …) instead of reports
    #[arg(long, conflicts_with = "decode")]
    pub(crate) events: bool,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}
