//! The least policy for what was observed, as text.
//!
//! The policy under which the plugin was observed is rewritten, grant by grant, so that its
//! reasons, approvers and ends stay with what they are about. Files, programs and neighbours are
//! written out one by one; of other capabilities the host does not see which part a plugin needs,
//! so their grants stay as they are, or go. Those of `watch` stay: what did not change meanwhile
//! may be what a plugin waits for. Every grant and every limit says in a comment what it rests on.

mod blocks;
mod grant;
mod limits;
mod scopes;

use std::{collections::BTreeMap, fmt::Write as _};

use blocks::{Kind, blocks};
use grant::grant;
use limits::limits;

use super::{Observed, Verdict};
use crate::{
    document::DocumentError,
    policy::{Call, Grant, GrantSource, Policy, shown},
    time::Timestamp,
};

/// Why nothing can be proposed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProposalError {
    /// The text is no policy.
    #[error(transparent)]
    Policy(#[from] DocumentError),
    /// It is another plugin's.
    #[error("the policy is of `{policy}`, and `{observed}` was observed")]
    OtherPlugin {
        /// Whose policy it is.
        policy: String,
        /// Who was observed.
        observed: String,
    },
    /// Its limits are not a table of their own.
    #[error("the policy writes its limits elsewhere than beneath a line `[limits]`")]
    Limits,
}

/// Rewrites the policy `text`, called `file` in errors, to the least that covers what was
/// `observed` and allowed by it.
///
/// # Errors
/// It is not the policy of that plugin, or is written so that it can't be rewritten.
pub fn propose(file: &str, text: &str, observed: &Observed) -> Result<String, ProposalError> {
    let policy = Policy::parse(file, text)?;
    if policy.plugin != observed.plugin {
        return Err(ProposalError::OtherPlugin {
            policy: policy.plugin.to_string(),
            observed: observed.plugin.to_string(),
        });
    }
    let used = by_grant(&policy, observed);
    let mut out = heading(observed);
    for block in blocks(text) {
        match block.kind {
            Kind::Limits => out.push_str(&limits(&policy, block.text, observed)),
            Kind::Grant(line) => out.push_str(&grant(&policy, line, block.text, &used)),
            Kind::Other => out.push_str(block.text),
        }
    }
    if !text.lines().any(|line| line.trim() == "[limits]") {
        return Err(ProposalError::Limits);
    }
    out.push_str(&refused(observed));
    Ok(out)
}

fn heading(observed: &Observed) -> String {
    let (from, until) = (shown::day(observed.since), shown::day(observed.until));
    let mut text = format!(
        "# Proposed from what {} {} did from {from} to {until}, in {} calls. Nobody approved it: \
         read it,\n# try its cases, and sign it like any policy.\n",
        observed.plugin, observed.version, observed.peaks.calls
    );
    if observed.more > 0 {
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "# {} calls were too different from each other to be noted: this is not all.",
            observed.more
        );
    }
    text
}

/// What each grant was used for, by its line; how often.
type UsedBy = BTreeMap<u32, Vec<(Call, u64)>>;

/// Each call that was allowed, with the first grant that covers it.
fn by_grant(policy: &Policy, observed: &Observed) -> UsedBy {
    let mut used = UsedBy::new();
    for (call, verdict, count) in observed.calls() {
        if verdict != Verdict::Allowed {
            continue;
        }
        // Where a link leads may be granted elsewhere: by its name it belongs to one grant.
        let by_name = match &call {
            Call::File { path, .. } => Call::File {
                path: path.clone(),
                link: None,
            },
            other => other.clone(),
        };
        // Whatever has expired since was in force then.
        let explanation = policy.explain(&by_name, Timestamp::EPOCH);
        let line = explanation.allowing().next().map(line);
        if let Some(line) = line {
            used.entry(line).or_default().push((call, count));
        }
    }
    used
}

const fn line(grant: &Grant) -> u32 {
    match grant.source {
        GrantSource::Policy { line } | GrantSource::Ceiling { line } => line,
    }
}

/// What was asked for and refused, as comments: nothing is proposed of it.
fn refused(observed: &Observed) -> String {
    let mut text = String::new();
    for (call, verdict, count) in observed.calls() {
        let why = match verdict {
            Verdict::Allowed => continue,
            Verdict::Refused => "refused",
            Verdict::LedAstray => "refused where a link led",
        };
        let _ = writeln!(text, "#   {call}   {why} {count} times");
    }
    match text.as_str() {
        "" => text,
        _ => format!(
            "\n# Asked for and refused. Nothing here gives it: if it is needed, ask why, and write a \
             grant.\n{text}"
        ),
    }
}
