//! The command line of `bailiwick-audit`.

use std::path::PathBuf;

use bailiwick_core::{digest::Sha256, time::Timestamp};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::policy::Policy;

/// Tells what plugins may do, who allowed it, and what to mend. Runs no plugin.
///
/// Ends with 0 if nothing was found, with 1 if something was, with 2 if something could not
/// be judged.
#[derive(Debug, Parser)]
#[command(
    name = "bailiwick-audit",
    version,
    propagate_version = true,
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Cli {
    /// What is asked for; `check` if none is named.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// What `check` takes.
    #[command(flatten)]
    pub(crate) check: Check,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compare components with their policies by every rule; the same as without a command
    Check(Check),
    /// Compare policies, explain them, and try their cases
    #[command(subcommand)]
    Policy(Policy),
}

/// `bailiwick-audit check`.
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// Folder of policies, each a .toml file named as its plugin; or one such file
    #[arg(long, value_name = "DIR")]
    pub(crate) policy: Option<PathBuf>,
    /// Public folder of a repository: tells who signed, judges what is assigned, and tells what
    /// the next versions change
    ///
    /// It is verified as by a device. With --policy as well, those policies count in place of
    /// the ones that are signed.
    #[arg(long, value_name = "DIR")]
    pub(crate) repository: Option<PathBuf>,
    /// Digest of the repository's first root [default: trust the one in the folder, and tell
    /// its digest]
    #[arg(long, value_name = "HEX", requires = "repository")]
    pub(crate) root_sha256: Option<Sha256>,
    /// Folder of devices' logs, as `bailiwick log export --to DIR` writes them: tells what the
    /// plugins really did
    ///
    /// Each log is verified. A file `heads` in the folder, with a device and a head of its log in
    /// each line, as `bailiwick-console device heads` prints them, also finds a log that was
    /// written anew as a whole.
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
    /// How to tell it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Judge as of the beginning of this day (UTC) [default: now]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(crate) at: Option<Timestamp>,
    /// Components (.wasm files); PLUGIN=FILE where the file is not named as its plugin
    #[arg(value_name = "COMPONENT")]
    pub(crate) components: Vec<String>,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a terminal
    Text,
    /// One object, for programs
    Json,
    /// SARIF 2.1.0, for what shows findings of many tools
    Sarif,
    /// One page without scripts, to read and to print
    Html,
}

pub(crate) fn day(text: &str) -> Result<Timestamp, String> {
    let mut parts = text.splitn(3, '-');
    let mut number = |length| {
        let part = parts.next()?;
        (part.len() == length && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<u16>().ok())
            .flatten()
    };
    let (year, month, day) = (number(4), number(2), number(2));
    year.zip(month.and_then(|month| u8::try_from(month).ok()))
        .zip(day.and_then(|day| u8::try_from(day).ok()))
        .and_then(|((year, month), day)| Timestamp::start_of_day(year, month, day))
        .ok_or_else(|| format!("`{text}` is no day: write one such as 2027-12-31"))
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
    fn check_is_what_is_meant_where_no_command_is_named() {
        let bare = parse("bailiwick-audit --policy p --format html a.wasm b=c.wasm").unwrap();
        assert!(bare.command.is_none());
        assert_eq!(bare.check.policy, Some("p".into()));
        assert_eq!(bare.check.format, Format::Html);
        assert_eq!(bare.check.components, ["a.wasm", "b=c.wasm"]);
        let named = parse("bailiwick-audit check --policy p a.wasm").unwrap();
        let Some(Command::Check(check)) = named.command else {
            panic!("{named:?}");
        };
        assert_eq!(check.components, ["a.wasm"]);
    }

    #[test]
    fn days_are_of_the_calendar() {
        let at = |text| day(text).map(Timestamp::as_ms);
        assert_eq!(at("1970-01-02"), Ok(86_400_000));
        for wrong in [
            "2027-02-30",
            "2027-1-1",
            "2027-01-01T",
            "27-01-01",
            "+027-01-01",
            "",
        ] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
