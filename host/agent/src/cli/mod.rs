//! The command line of `bailiwick`.

mod since;

use std::{ffi::OsString, path::PathBuf};

use bailiwick_core::{chain::Head, ids::PluginName, settings::Name, time::Span};
use clap::{Args, Parser, Subcommand};

use crate::look::{FEW, LogKind};
pub(crate) use since::Since;

/// Runs signed plugins on this device, each within what its policy grants.
#[derive(Debug, Parser)]
#[command(name = "bailiwick", version, propagate_version = true)]
#[command(
    after_help = "Start the agent with `bailiwick run`. The other commands ask the agent \
    that runs; only its own user and root may, except for `sessions` and `log`, which show \
    others what concerns them. `plugin inspect` needs no agent."
)]
pub(crate) struct Cli {
    /// What is asked for.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// What every command takes.
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Flags of every command.
#[derive(Args, Debug, Clone)]
pub(crate) struct Common {
    /// Folder in which the agent keeps everything [default: that of the settings, or
    /// /var/lib/bailiwick]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// File with settings (TOML) [default: /etc/bailiwick/bailiwick.toml, if it is there]
    #[arg(long = "settings-file", global = true, value_name = "FILE")]
    pub(crate) settings_file: Option<PathBuf>,
    /// Print JSON for scripts: one object, or one a line where there are many
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the agent until it is stopped
    ///
    /// It keeps to the repository of the settings: pulls what is assigned to this device,
    /// verifies and audits it, runs it, and sends the reports. Without a connection it runs
    /// what is on disk. A changed settings file or ceiling counts at once.
    #[command(after_long_help = settings_help())]
    Run(Run),
    /// Make this device one of a console's, with a token of `bailiwick-console device invite`
    ///
    /// Makes a key, which does not leave the device, and gets a certificate for it. The
    /// console is trusted by the digest in the token, and nobody else meanwhile. Afterwards
    /// `bailiwick run` needs no settings: addresses, the repository's first root and the group
    /// come with the token. The agent must not run meanwhile. After an error nothing is
    /// different, and the same token can be tried again; after a lost answer, too.
    Enrol(Enrol),
    /// Look at plugins
    #[command(subcommand)]
    Plugin(Plugin),
    /// Judge policies and components, as bailiwick-audit does, which is installed apart
    #[command(disable_help_flag = true)]
    Audit(HandedOver),
    /// Compare, explain and try policies, as bailiwick-audit does, which is installed apart
    #[command(disable_help_flag = true)]
    Policy(HandedOver),
    /// Run the inventory now and print it
    Inventory,
    /// Look at the update endpoint, or read it now
    #[command(subcommand)]
    Update(Update),
    /// List the sessions of users: all for root, their own for others
    Sessions,
    /// Look at what is sent
    #[command(subcommand)]
    Outbox(Outbox),
    /// Tell what happened on this device, from its own record
    Log(Log),
    /// Collect, run and send nothing, for a while or until `resume`; root alone
    ///
    /// No plugin is called and no action runs. What was made stays on the device and is sent
    /// afterwards; only events are sent meanwhile, this pause among them. Updates and
    /// revocations arrive. A pause outlives the agent's restart.
    Pause(Pause),
    /// End the pause; root alone
    Resume,
    /// Tell how the agent is: plugins, sessions, updates, reports that wait, how it is confined
    Status(Status),
}

/// What another program is asked.
#[derive(Args, Debug)]
pub(crate) struct HandedOver {
    /// What bailiwick-audit takes: see `bailiwick-audit --help`
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENT"
    )]
    pub(crate) arguments: Vec<OsString>,
}

/// `bailiwick run`.
#[derive(Args, Debug)]
pub(crate) struct Run {
    /// Set one setting for this run; it wins over the file and the environment
    ///
    /// May be given more than once.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_setting)]
    pub(crate) set: Vec<(String, String)>,
}

/// `bailiwick enrol`.
#[derive(Args, Debug)]
pub(crate) struct Enrol {
    /// The token; it works once. `-` reads it from the standard input, where other users of
    /// this device do not see it in the list of processes
    pub(crate) token: String,
}

/// `bailiwick plugin`.
#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// List the plugins of this device: version, state, calls, what they used, grants
    List(List),
    /// Read a component without running it: imports, grants, verdict
    ///
    /// Prints every function that the component imports, the WASI baseline that it brings,
    /// and, with a policy, what that grants and whether this host would start it.
    Inspect(Inspect),
}

/// `bailiwick plugin list`.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct List {
    /// Go on until Ctrl-C: a table of what each has used, looked up once a second
    ///
    /// On a terminal the table stays in its place; elsewhere a plugin has a new line when
    /// something about it is different, and with --json all of them have one object a line.
    #[arg(long)]
    pub(crate) watch: bool,
}

/// `bailiwick plugin inspect`.
#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// The component (a .wasm file)
    pub(crate) component: PathBuf,
    /// Judge it by this policy (a .toml file)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

/// `bailiwick outbox`.
#[derive(Debug, Subcommand)]
pub(crate) enum Outbox {
    /// List what waits to be sent and what was sent lately; root alone
    ///
    /// Where no agent runs the store is read as it is.
    Show(Show),
}

/// `bailiwick outbox show`.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// Tell what is in each of them, as the console gets it
    #[arg(long)]
    pub(crate) decoded: bool,
    /// At most so many that wait and so many that were sent
    #[arg(long, value_name = "NUMBER", default_value_t = FEW)]
    pub(crate) last: u32,
    /// Only the one with this key
    #[arg(long)]
    pub(crate) key: Option<String>,
}

/// `bailiwick log`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Log {
    #[command(subcommand)]
    pub(crate) command: Option<LogCommand>,
    #[command(flatten)]
    pub(crate) show: ShowLog,
}

/// `bailiwick log …`; without one it shows.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Tell what happened, as without a command
    Show(ShowLog),
    /// Find out whether an entry was edited, removed or moved; ends with 1 if so
    Verify(VerifyLog),
    /// Write the log to a folder, with its chain, for `bailiwick-audit --record`
    Export(ExportLog),
}

/// `bailiwick log export`.
#[derive(Args, Debug)]
pub(crate) struct ExportLog {
    /// The folder; the file in it is named after the device, and one of before is replaced
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
}

/// `bailiwick log verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyLog {
    /// Also hold the log against this head, which was noted before: the console keeps them
    /// with the events of a device, as `log-head`
    #[arg(long, value_name = "NUMBER:SHA256")]
    pub(crate) head: Option<Head>,
}

/// `bailiwick log show`.
#[derive(Args, Debug)]
pub(crate) struct ShowLog {
    /// Events of this plugin only
    #[arg(long)]
    pub(crate) plugin: Option<PluginName>,
    /// Events of this time up to now, as in `1h`, or since 2026-11-30 (UTC), or since
    /// 2026-11-30T12:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<Since>,
    /// Events of this kind only
    #[arg(long)]
    pub(crate) kind: Option<LogKind>,
    /// Go on with what happens from now on, until Ctrl-C
    #[arg(long)]
    pub(crate) follow: bool,
}

/// `bailiwick pause`.
#[derive(Args, Debug)]
pub(crate) struct Pause {
    /// End by itself after this time, as in `2h`
    #[arg(long = "for", value_name = "SPAN")]
    pub(crate) span: Option<Span>,
}

/// `bailiwick update`.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Update {
    /// Tell when the repository was last verified and when it is read next
    Status,
    /// Read the repository now, follow it, and tell how that went
    Refresh,
}

/// `bailiwick status`.
#[derive(Args, Debug)]
pub(crate) struct Status {
    /// Print each setting, its value and where it came from, instead
    #[arg(long)]
    pub(crate) settings: bool,
}

/// Every setting and what it takes.
fn settings_help() -> String {
    let mut help = String::from(
        "Settings, in the file as `name = \"value\"`, in the environment as BAILIWICK_NAME:\n",
    );
    for name in Name::ALL {
        help.push_str(&format!("  {name:14}  {}\n", name.rule()));
    }
    help.push_str(
        "`update-url` and `root-sha256` have no default; an enrolled device has them. `bailiwick status --settings` shows the \
         values in use and where each was written.",
    );
    help
}

/// The name and value of `--set`. Whether there is such a setting is for the settings to say.
fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` has no name: write NAME=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_definition_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_is_read() {
        assert!(matches!(
            parse("bailiwick plugin list").unwrap().command,
            Command::Plugin(Plugin::List(List { watch: false }))
        ));
        assert!(matches!(
            parse("bailiwick plugin list --watch").unwrap().command,
            Command::Plugin(Plugin::List(List { watch: true }))
        ));
        let cli = parse("bailiwick plugin inspect a.wasm --policy p.toml --json").unwrap();
        assert!(cli.common.json);
        let Command::Plugin(Plugin::Inspect(inspect)) = cli.command else {
            panic!("{cli:?}");
        };
        assert_eq!(inspect.policy, Some("p.toml".into()));
        assert!(matches!(
            parse("bailiwick update refresh --data /d").unwrap().command,
            Command::Update(Update::Refresh)
        ));
        assert!(matches!(
            parse("bailiwick status --settings").unwrap().command,
            Command::Status(Status { settings: true })
        ));
        assert!(matches!(
            parse("bailiwick sessions --json").unwrap().command,
            Command::Sessions
        ));
        assert!(matches!(
            parse("bailiwick inventory").unwrap().command,
            Command::Inventory
        ));
        let log = parse("bailiwick log --plugin inventory --since 1h --follow");
        let Command::Log(Log { show: log, .. }) = log.unwrap().command else {
            panic!("no log");
        };
        assert!(matches!(
            parse("bailiwick log verify").unwrap().command,
            Command::Log(Log {
                command: Some(LogCommand::Verify(VerifyLog { head: None })),
                ..
            })
        ));
        let hour = std::time::Duration::from_secs(3_600);
        assert_eq!((log.since, log.follow), (Some(Since::Ago(hour)), true));
        let log = parse("bailiwick log show --kind denial --since 2026-11-30").unwrap();
        let Command::Log(Log {
            command: Some(LogCommand::Show(log)),
            ..
        }) = log.command
        else {
            panic!("no log");
        };
        assert_eq!(log.kind, Some(LogKind::Denial));
        let Command::Pause(pause) = parse("bailiwick pause --for 2h").unwrap().command else {
            panic!("no pause");
        };
        assert_eq!(pause.span.map(Span::get), Some(hour * 2));
        assert!(parse("bailiwick pause --for soon").is_err());
        assert!(matches!(
            parse("bailiwick outbox show --decoded --last 3")
                .unwrap()
                .command,
            Command::Outbox(Outbox::Show(Show {
                decoded: true,
                last: 3,
                key: None
            }))
        ));
    }

    #[test]
    fn another_program_gets_everything_that_follows_its_command() {
        let line = "bailiwick audit --help --format sarif --json --data x -- a.wasm";
        let Command::Audit(handed) = parse(line).unwrap().command else {
            panic!("no audit");
        };
        let told = [
            "--help", "--format", "sarif", "--json", "--data", "x", "--", "a.wasm",
        ];
        assert_eq!(handed.arguments, told);
    }

    #[test]
    fn a_setting_needs_a_name_and_keeps_further_equals_signs() {
        let cli = parse("bailiwick run --set a=b=c --set d=").unwrap();
        let Command::Run(run) = cli.command else {
            panic!("{cli:?}");
        };
        let expected = [("a", "b=c"), ("d", "")].map(|(n, v)| (n.into(), v.into()));
        assert_eq!(run.set, expected);
        assert!(parse("bailiwick run --set =b").is_err());
        assert!(parse("bailiwick run --set b").is_err());
    }
}
