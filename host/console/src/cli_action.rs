//! The verbs of `bailiwick-console action`.

use std::{net::Ipv4Addr, path::PathBuf};

use bailiwick_core::{
    action::ActionId,
    ids::{DeviceId, GroupName, PluginName},
    time::Span,
};
use bailiwick_transport::{Address, BrokerAddress};
use clap::{ArgGroup, Args, Subcommand};

/// An action is drafted by anybody, signed by an operator with a key that no server has, and
/// handed to `serve`, which passes it on and could not have made it. A device checks who
/// signed it, that the signer may, that it is meant, not expired and new, and its policy, in
/// this order, and does it at most once.
#[derive(Debug, Subcommand)]
pub(crate) enum ActionVerb {
    Key(Key),
    Draft(Draft),
    Sign(Sign),
    Send(Send),
    Wake(Wake),
    Watch(Watch),
    List(List),
    Cancel(Cancel),
}

/// Make an operator's key.
///
/// NAME.json is the key: it stays on this machine, readable by you alone. NAME.pub is handed
/// to whoever holds the key of `policies`, who runs `repo operator add`.
#[derive(Args, Debug)]
pub(crate) struct Key {
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

/// For whom, and for how long.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("audience").required(true).args(["device", "group"])))]
pub(crate) struct Meant {
    /// A device that is meant (32 hexadecimal digits); can be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) device: Vec<DeviceId>,
    /// A group whose devices are meant
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<GroupName>,
    /// From the signature on, it may begin within this
    #[arg(long, value_name = "SPAN", default_value = "1 h")]
    pub(crate) expires_in: Span,
}

/// Write down what an operator is to sign.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("order").required(true).args(["arguments", "every"])))]
pub(crate) struct Draft {
    /// The plugin that is meant
    #[arg(long, value_name = "PLUGIN")]
    pub(crate) handler: PluginName,
    #[command(flatten)]
    pub(crate) meant: Meant,
    /// What the handler is to do: a JSON object in its own words, at most 64 KiB
    #[arg(long, value_name = "JSON")]
    pub(crate) arguments: Option<String>,
    /// Sample the plugin this often, from 1 s on, instead
    #[arg(long, value_name = "SPAN", requires = "lasting")]
    pub(crate) every: Option<Span>,
    /// For this long, at most 24 h
    #[arg(long = "for", id = "lasting", value_name = "SPAN", requires = "every")]
    pub(crate) lasting: Option<Span>,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Sign a draft, on the machine of the operator. No server needs to be reached.
#[derive(Args, Debug)]
pub(crate) struct Sign {
    /// The operator's key: NAME.json of `action key`
    #[arg(long, value_name = "NAME.json")]
    pub(crate) key: PathBuf,
    /// The draft, as `action draft` or the page wrote it; `-` is standard input
    #[arg(value_name = "DRAFT")]
    pub(crate) draft: PathBuf,
    /// File for the signed envelope [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Hand a signed action in: to `serve`, or, without a console between, to a broker.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("way").required(true).args(["to", "broker"])))]
pub(crate) struct Send {
    /// The envelope that `action sign` wrote; `-` is standard input
    #[arg(value_name = "ENVELOPE")]
    pub(crate) envelope: PathBuf,
    /// Address at which `serve` takes reports, as it prints it
    #[arg(long, value_name = "https://HOST:PORT/")]
    pub(crate) to: Option<Address>,
    /// Publish it at this broker for the devices that it names, `mqtts://host:port` or
    /// `wss://host/path`
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) broker: Option<BrokerAddress>,
    /// PEM file of an authority that signed the certificate there, as tls/ca.pem of `repo
    /// init`, if the operating system does not know it
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// File with the user and the password that the broker asks for, a line each
    #[arg(long, value_name = "FILE", requires = "broker")]
    pub(crate) login: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Wake a sleeping device through its neighbours.
///
/// Asks the devices how fit they are to wake it, then has the best two or three send magic
/// packets: both are signed with your key, and shown to you. That packets were sent does not
/// mean that it woke: whoever wakes checks in by itself.
///
/// Exit code 0: all that were chosen sent packets. 3: no device is fit, or one that was chosen
/// failed or refused. 4: one ran out of time, was called off, or was interrupted. 5: nobody
/// answered, or --within is over.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("asked").required(true).args(["device", "group"])))]
pub(crate) struct Wake {
    /// Ethernet address of the card that sleeps
    #[arg(long, value_name = "00:11:22:33:44:55", value_parser = card)]
    pub(crate) mac: String,
    /// Its last known IPv4 address: who is in its network is fit to wake it
    #[arg(long, value_name = "IP")]
    pub(crate) target: Ipv4Addr,
    /// SecureOn password like 01:02:03:04, if the card wants one. It is no secret: it is in the
    /// signed action, and in the packets
    #[arg(long, value_name = "BYTES", value_parser = secure_on)]
    pub(crate) password: Option<String>,
    /// A device that may wake it (32 hexadecimal digits); can be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) device: Vec<DeviceId>,
    /// A group whose devices may wake it
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<GroupName>,
    /// The operator's key: NAME.json of `action key`
    #[arg(long, value_name = "NAME.json")]
    pub(crate) key: PathBuf,
    /// Address at which `serve` takes reports, as it prints it
    #[arg(long, value_name = "https://HOST:PORT/")]
    pub(crate) to: Address,
    /// PEM file of an authority that signed the certificate there, as tls/ca.pem of `repo
    /// init`, if the operating system does not know it
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Folder of the console, as given to `serve`
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Wait this long for answers about fitness; less if every named device has answered
    #[arg(long, value_name = "SPAN", default_value = "10 s")]
    pub(crate) settle: Span,
    /// Give up after this, both steps together
    #[arg(long, value_name = "SPAN", default_value = "30 s")]
    pub(crate) within: Span,
    /// Have at most so many devices send, 1 to 3
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub(crate) bridges: u8,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

fn card(text: &str) -> Result<String, String> {
    let bytes = bytes(text).filter(|bytes| bytes.len() == 6 && bytes[0] & 1 == 0);
    bytes
        .map(|_| text.to_owned())
        .ok_or_else(|| "it is no address of a card: write one like 00:11:22:33:44:55".to_owned())
}

fn secure_on(text: &str) -> Result<String, String> {
    let bytes = bytes(text).filter(|bytes| matches!(bytes.len(), 4 | 6));
    bytes
        .map(|_| text.to_owned())
        .ok_or_else(|| "it is 4 or 6 bytes: write it like 01:02:03:04".to_owned())
}

/// The bytes of `aa:bb:cc`; `-` is taken as well.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let byte = |part: &str| {
        let two = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
        two.then(|| u8::from_str_radix(part, 16).ok()).flatten()
    };
    text.split([':', '-']).map(byte).collect()
}

/// Follow an action until every device that it names has told how it ended.
///
/// Exit code 0: all did it. 3: one failed or refused. 4: one ran out of time, was called off,
/// or was interrupted. 5: --within is over.
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// Folder of the console, as given to `serve`
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Which action
    #[arg(value_name = "ID")]
    pub(crate) action: ActionId,
    /// Of an action for a group, wait for so many devices
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) devices: usize,
    /// Give up after this
    #[arg(long, value_name = "SPAN", default_value = "24 h")]
    pub(crate) within: Span,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// List the latest actions and drafts, newest first. Works while `serve` runs.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Folder of the console, as given to `serve`
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Only what this device is asked
    #[arg(long, value_name = "ID")]
    pub(crate) device: Option<DeviceId>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) last: u32,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write down that an action is to be called off: a draft, to be signed and sent like any
/// other. What has begun is ended, with all that it started; what waits does not begin.
#[derive(Args, Debug)]
pub(crate) struct Cancel {
    /// Which action
    #[arg(value_name = "ID")]
    pub(crate) action: ActionId,
    /// The plugin that handles it
    #[arg(long, value_name = "PLUGIN")]
    pub(crate) handler: PluginName,
    #[command(flatten)]
    pub(crate) meant: Meant,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_and_a_password_are_read_before_anybody_is_asked() {
        for right in ["52:54:00:01:02:03", "52-54-00-01-02-aB"] {
            assert_eq!(card(right).as_deref(), Ok(right));
        }
        for wrong in ["", "52:54:00", "ff:ff:ff:ff:ff:ff", "+1:54:00:01:02:03"] {
            assert!(card(wrong).is_err(), "{wrong}");
        }
        assert!(secure_on("01:02:03:04").is_ok() && secure_on("01:02:03:04:05").is_err());
    }
}
