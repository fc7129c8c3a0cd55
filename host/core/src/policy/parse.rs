//! Reading of a policy file.

use std::collections::BTreeMap;

use semver::{Op, VersionReq};

use super::{
    Interval, Policy,
    case::{CASE, cases},
    parse_grant::grant,
    parse_limits::limits,
};
use crate::{
    bytes::ByteCount,
    document::{DocumentError, FORMAT, Key, Source, Value},
    sampling::Sampling,
    time::Span,
};

/// Longest policy that is read.
pub const LONGEST: ByteCount = ByteCount::kib(256);

const PLUGIN: Key = Key::new("plugin", "\"inventory\"", "the plugin's name");
const VENDOR: Key = Key::new("vendor", "\"bailiwick\"", "the vendor's name");
const VERSIONS: Key = Key::new(
    "versions",
    "\"^0.1\"",
    "a requirement on versions that has an upper end",
);
const SUMMARY: Key = Key::new(
    "summary",
    "\"Reports what is installed.\"",
    "one line of at most 200 bytes",
);
const LIMITS: Key = Key::new("limits", "", "a `[limits]` table");
const SCHEDULE: Key = Key::new(
    "schedule",
    "",
    "a `[schedule]` table with `every` and `jitter`",
);
const CONFIG: Key = Key::new(
    "config",
    "",
    "`[config]` with at most 64 lines such as `some-key = \"text\"`: keys of `a-z`, `0-9` and \
     `-`, values of at most 16 KiB",
);
const GRANT: Key = Key::new("grant", "", "`[[grant]]` entries, at most 256");
const EVERY: Key = Key::new("every", "\"1 h\"", "a span of time from 1 s to 366 d");
const JITTER: Key = Key::new(
    "jitter",
    "\"10 min\"",
    "a span of time not longer than `every`; `0 s` is none",
);
const SAMPLING: Key = Key::new(
    "sampling",
    "",
    "a `[sampling]` table with `file-every` and `sessions`: for session-collectors",
);
const FILE_EVERY: Key = Key::new("file-every", "\"5 min\"", "a span of time from 5 s to 1 h");
const SESSIONS: Key = Key::new(
    "sessions",
    "64",
    "most sessions that are sampled at a time, 1 to 1024",
);
const KEYS: [&Key; 11] = [
    &FORMAT, &PLUGIN, &VENDOR, &VERSIONS, &SUMMARY, &LIMITS, &SCHEDULE, &SAMPLING, &CONFIG, &GRANT,
    &CASE,
];

impl Policy {
    /// Reads a policy. Whether it is signed is proven elsewhere.
    pub fn parse(file: &str, text: &str) -> Result<Self, DocumentError> {
        let source = Source { file, text };
        let tree = source.tree(LONGEST)?;
        let document = source.document(&tree, &KEYS)?;
        document.format()?;
        let config = match document.optional(&CONFIG) {
            Some(config) => settings(config)?,
            None => BTreeMap::new(),
        };
        let grants = match document.optional(&GRANT) {
            Some(grants) => grants
                .elements(256)?
                .into_iter()
                .map(grant)
                .collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        let policy = Self {
            plugin: document.required(&PLUGIN)?.parsed()?,
            vendor: document.required(&VENDOR)?.parsed()?,
            versions: bounded_versions(document.required(&VERSIONS)?)?,
            summary: document.required(&SUMMARY)?.prose(200)?,
            limits: limits(document.required(&LIMITS)?)?,
            schedule: document.optional(&SCHEDULE).map(interval).transpose()?,
            sampling: document
                .optional(&SAMPLING)
                .map(sampling)
                .transpose()?
                .unwrap_or_default(),
            config,
            grants,
            cases: match document.optional(&CASE) {
                Some(entries) => cases(&entries)?,
                None => Vec::new(),
            },
        };
        // Last: it is about two keys, each of which has to be right before.
        match policy.warned_too_long() {
            Some(warned) => Err(document.required(&LIMITS)?.error(
                format!(
                    "a call ends after {}, before a warning of {warned} does",
                    policy.limits.deadline
                ),
                "raise `deadline`, or have the grant of `power` warn for less",
            )),
            None => Ok(policy),
        }
    }

    /// A warning that a call's deadline would cut off.
    fn warned_too_long(&self) -> Option<Span> {
        let mut grants = self.grants.iter();
        grants.find_map(|grant| grant.warns_beyond(&self.limits))
    }
}

/// A policy approves what its author has seen, so it can't reach every future version.
fn bounded_versions(value: Value<'_>) -> Result<VersionReq, DocumentError> {
    let versions: VersionReq = value.parsed()?;
    let bounds = |op| {
        matches!(
            op,
            Op::Exact | Op::Less | Op::LessEq | Op::Tilde | Op::Caret | Op::Wildcard
        )
    };
    if versions
        .comparators
        .iter()
        .any(|comparator| bounds(comparator.op))
    {
        Ok(versions)
    } else {
        Err(value.refuse_because("it covers every future version"))
    }
}

fn interval(value: Value<'_>) -> Result<Interval, DocumentError> {
    let table = value.table("`[schedule]`", &[&EVERY, &JITTER])?;
    let seconds = |n| Span::new(std::time::Duration::from_secs(n));
    let every = table
        .required(&EVERY)?
        .within(seconds(1)..=seconds(366 * 86_400))?;
    let jitter = table.required(&JITTER)?.within(seconds(0)..=every)?;
    Ok(Interval { every, jitter })
}

fn sampling(value: Value<'_>) -> Result<Sampling, DocumentError> {
    let table = value.table("`[sampling]`", &[&FILE_EVERY, &SESSIONS])?;
    let seconds = |n| Span::new(std::time::Duration::from_secs(n));
    Ok(Sampling {
        file_every: table
            .required(&FILE_EVERY)?
            .within(seconds(5)..=seconds(3_600))?,
        sessions: table.required(&SESSIONS)?.small_integer(1..=1_024)?,
    })
}

fn settings(value: Value<'_>) -> Result<BTreeMap<String, String>, DocumentError> {
    let entries = value.entries()?;
    if entries.len() > 64 {
        return Err(value.refuse());
    }
    let mut config = BTreeMap::new();
    for (name, value) in entries {
        let fits = name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let text = value.text()?;
        if !fits || text.len() > 16 * 1_024 {
            return Err(value.refuse());
        }
        config.insert(name.to_owned(), text.to_owned());
    }
    Ok(config)
}
