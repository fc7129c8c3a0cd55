//! `bailiwick-audit policy`: compares policies, explains them, tries their cases, and proposes.

mod diff;
mod explain;
mod learn;
mod read;
mod test;

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use bailiwick_core::{ids::PluginName, policy::CALLS, time::Timestamp};
use clap::{Args, Subcommand};

use crate::{cli::day, clock};

/// `bailiwick-audit policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Compare two policies, or what two components ask for
    ///
    /// Tells in plain language what is wider and what narrower: each capability, each limit,
    /// the versions, the schedule. The functions that decide on a device decide here. What
    /// can't be compared, such as two patterns of arguments, counts as wider.
    ///
    /// Ends with 0 if NEW is the same or narrower, with 1 if it is wider in anything, with 2
    /// if that could not be judged.
    Diff(Diff),
    /// Tell what a policy allows, or why it allows or refuses a call
    ///
    /// Names the line of each grant that decides. With a CALL, ends with 0 if it is allowed,
    /// with 1 if it is refused, with 2 if that could not be judged.
    #[command(after_help = calls())]
    Explain(Explain),
    /// Try the cases that policies name
    ///
    /// A case is part of the policy, signed with it, and does nothing on a device:
    ///
    ///     [[case]]
    ///     call = ["files", "/etc/shadow"]
    ///     expect = "deny"
    ///     reason = "Passwords stay on the device."
    ///
    /// `on = 2027-12-31` tries it as of that day. `policy explain --help` has what a call can be.
    ///
    /// Ends with 0 if all cases hold, with 1 if one does not, with 2 if a file is no policy or
    /// names no case.
    #[command(verbatim_doc_comment)]
    Test(Test),
    /// Propose the least policy for what a plugin was observed to ask for
    ///
    /// A device whose settings name a folder with `observe-dir` writes there what each plugin
    /// asks for, under its real policy: what that denies stays denied. From that and the policy
    /// comes a proposal: files, programs and neighbours that were used, one by one; grants that
    /// were not used, and calls that were refused, as comments; limits half above what was seen,
    /// and the deadline four times. It never gives more than the policy, and nothing applies it.
    ///
    /// Ends with 0, or with 2 if nothing can be proposed.
    Learn(Learn),
}

/// `bailiwick-audit policy learn`.
#[derive(Args, Debug)]
pub(crate) struct Learn {
    /// The plugin
    pub(crate) plugin: PluginName,
    /// The folder of `observe-dir`, or a copy of it
    #[arg(long, value_name = "DIR")]
    pub(crate) observed: PathBuf,
    /// The policy under which it was observed (a .toml file)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// Which version was observed, if there are records of several
    #[arg(long, value_name = "VERSION")]
    pub(crate) of_version: Option<semver::Version>,
    /// Print one object, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `bailiwick-audit policy diff`.
#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// The policy (.toml) or component (.wasm) in use
    pub(crate) old: PathBuf,
    /// The one that shall take its place
    pub(crate) new: PathBuf,
    /// Print one object, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// `bailiwick-audit policy explain`.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// Judge as of the beginning of this day (UTC) [default: now]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(crate) at: Option<Timestamp>,
    /// Print one object, for programs
    #[arg(long)]
    pub(crate) json: bool,
    /// The policy (a .toml file)
    pub(crate) policy: PathBuf,
    /// The words of a call; without it, all that is allowed is told
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) call: Vec<String>,
}

/// `bailiwick-audit policy test`.
#[derive(Args, Debug)]
pub(crate) struct Test {
    /// Try cases that name no day as of the beginning of this one (UTC) [default: now]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(crate) at: Option<Timestamp>,
    /// Print one object, for programs
    #[arg(long)]
    pub(crate) json: bool,
    /// Policies (.toml files)
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

fn calls() -> String {
    let mut text = "Calls:\n".to_owned();
    for line in CALLS.lines() {
        text.push_str(&format!("  {line}\n"));
    }
    text.push_str("The options stand before the policy; all that follows it is the call.");
    text
}

/// How a question is answered.
struct Answer {
    /// For people.
    text: String,
    /// For programs.
    json: serde_json::Value,
    code: Code,
}

/// What the program ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Code {
    /// The same or narrower; allowed; all cases hold.
    Good = 0,
    /// Wider; refused; a case does not hold.
    Bad = 1,
    /// It could not be judged.
    NotJudged = crate::NOT_JUDGED as isize,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(match code {
            Code::Good => 0,
            Code::Bad => 1,
            Code::NotJudged => crate::NOT_JUDGED,
        })
    }
}

/// Answers what is asked.
///
/// # Errors
/// It can't be judged at all, or not be printed.
pub(crate) fn policy(asked: &Policy) -> anyhow::Result<ExitCode> {
    let now = |at: Option<Timestamp>| at.unwrap_or_else(clock::now);
    let (answer, json) = match asked {
        Policy::Diff(asked) => (diff::diff(&asked.old, &asked.new)?, asked.json),
        Policy::Explain(asked) => {
            let answer = explain::explain(&asked.policy, &asked.call, now(asked.at))?;
            (answer, asked.json)
        }
        Policy::Test(asked) => (test::test(&asked.files, now(asked.at)), asked.json),
        Policy::Learn(asked) => (learn::learn(asked)?, asked.json),
    };
    let told = match json {
        true => format!("{}\n", serde_json::to_string_pretty(&answer.json)?),
        false => answer.text,
    };
    std::io::stdout()
        .write_all(told.as_bytes())
        .context("the answer can't be printed")?;
    Ok(answer.code.into())
}
