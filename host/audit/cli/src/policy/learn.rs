//! `bailiwick-audit policy learn`.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, bail};
use bailiwick_core::{
    bytes::ByteCount,
    policy::{
        LONGEST,
        learn::{Observed, Verdict, propose},
    },
};
use serde_json::json;

use super::{Answer, Code, Learn, read};

/// Longest record that is read: the longest one that a device writes is below 40 MB.
const LONGEST_RECORD: ByteCount = ByteCount::mib(64);

/// Proposes the least policy for what a plugin was observed to ask for.
///
/// # Errors
/// There is no such record or no such policy, or they are not of one plugin.
pub(super) fn learn(asked: &Learn) -> anyhow::Result<Answer> {
    let path = record(asked)?;
    let named = || path.display().to_string();
    let text = read::text(&path, LONGEST_RECORD)?;
    let observed = Observed::parse(&text).with_context(named)?;
    if observed.plugin != asked.plugin {
        bail!("{} is the record of `{}`", named(), observed.plugin);
    }
    let policy = read::text(&asked.policy, LONGEST)?;
    let proposal = propose(&asked.policy.display().to_string(), &policy, &observed)?;
    let count = |wanted: bool| -> u64 {
        let is_it = |verdict| (verdict == Verdict::Allowed) == wanted;
        let calls = observed.calls().filter(|(_, verdict, _)| is_it(*verdict));
        calls.map(|(_, _, count)| count).sum()
    };
    Ok(Answer {
        json: json!({
            "plugin": observed.plugin,
            "version": observed.version,
            "since-ms": observed.since,
            "until-ms": observed.until,
            "allowed": count(true),
            "refused": count(false),
            "not-noted": observed.more,
            "peaks": observed.peaks,
            "policy": proposal,
        }),
        text: proposal,
        code: Code::Good,
    })
}

/// The one record of the plugin, or that of the version that is named.
fn record(asked: &Learn) -> anyhow::Result<PathBuf> {
    let folder = asked.observed.display();
    let entries = fs::read_dir(&asked.observed)
        .with_context(|| format!("the records in {folder} can't be read"))?;
    let begin = format!("{}-", asked.plugin);
    let mut found = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("{folder} can't be read"))?
            .path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let version = name
            .strip_prefix(&begin)
            .and_then(|rest| rest.strip_suffix(".observed"))
            .and_then(|version| version.parse::<semver::Version>().ok());
        if let Some(version) = version
            && asked
                .of_version
                .as_ref()
                .is_none_or(|wanted| *wanted == version)
        {
            found.push((version, path));
        }
    }
    match found.as_slice() {
        [(_, path)] => Ok(path.clone()),
        [] => bail!(
            "there is no record of `{}` in {folder}: name a folder with `observe-dir` in the \
             settings of a device that runs it, and start the agent again",
            asked.plugin
        ),
        several => {
            let versions: Vec<_> = several
                .iter()
                .map(|(version, _)| version.to_string())
                .collect();
            bail!(
                "there are records of {} in {folder}: name one with --of-version",
                versions.join(", ")
            )
        }
    }
}
