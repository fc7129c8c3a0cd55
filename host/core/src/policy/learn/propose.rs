//! The least policy for what was observed, as text.
//!
//! The policy under which the plugin was observed is rewritten, grant by grant, so that its
//! reasons, approvers and ends stay with what they are about. Files, programs and neighbours are
//! written out one by one; of other capabilities the host does not see which part a plugin needs,
//! so their grants stay as they are, or go. Those of `watch` stay: what did not change meanwhile
//! may be what a plugin waits for. Every grant and every limit says in a comment what it rests on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::{Observed, Verdict};
use crate::{
    document::DocumentError,
    policy::{
        Call, Capability, Effect, Grant, GrantSource, PathPattern, Policy, Program, Risk, Run,
        RunAs, Scope, Wakes, shown,
    },
    time::{Span, Timestamp},
};

/// Most paths of one folder, folders of one grant, and lists of arguments that a policy takes.
const MOST_PATHS: usize = 256;
const MOST_ROOTS: usize = 64;
const MOST_LISTS: usize = 64;

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
            Kind::Limits => out.push_str(&limits(&policy, block.text, observed)?),
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
    let (from, until) = (day(observed.since), day(observed.until));
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

fn day(at: Timestamp) -> String {
    let (year, month, day) = at.date();
    format!("{year:04}-{month:02}-{day:02}")
}

/// A part of the text that begins with a heading.
struct Block<'a> {
    kind: Kind,
    text: &'a str,
}

enum Kind {
    Limits,
    /// The line of `[[grant]]`, from 1.
    Grant(u32),
    Other,
}

/// The text, cut before each heading; tables within a grant stay with it.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut cuts = vec![(0, Kind::Other)];
    let mut at = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let heading = line.trim();
        if heading == "[limits]" {
            cuts.push((at, Kind::Limits));
        } else if heading == "[[grant]]" {
            cuts.push((at, Kind::Grant(number)));
        } else if is_heading(heading) {
            cuts.push((at, Kind::Other));
        }
        at += line.len();
    }
    let ends: Vec<usize> = cuts
        .iter()
        .skip(1)
        .map(|(at, _)| *at)
        .chain([text.len()])
        .collect();
    cuts.into_iter()
        .zip(ends)
        .map(|((begin, kind), end)| Block {
            kind,
            text: &text[begin..end],
        })
        .collect()
}

/// Whether a line begins a table that is no part of a grant. Elements of lists of lists begin
/// with a bracket, too, but name nothing.
fn is_heading(line: &str) -> bool {
    let name = line.trim_start_matches('[');
    line.starts_with('[')
        && name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !name.starts_with("grant.")
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

fn grant(policy: &Policy, at: u32, text: &str, used: &UsedBy) -> String {
    let Some(grant) = policy.grants.iter().find(|grant| line(grant) == at) else {
        return text.to_owned();
    };
    if grant.effect == Effect::Deny {
        return text.to_owned();
    }
    if grant.capability == Capability::Watch {
        return format!("# Who waits for changes is not observed; as it was.\n{text}");
    }
    let Some(calls) = used.get(&at) else {
        return commented("Not used while it was observed, so it is left out:", text);
    };
    let times: u64 = calls.iter().map(|(_, count)| count).sum();
    let narrowed = match &grant.scope {
        Scope::Files(_) => files(calls),
        Scope::Programs(programs) => self::programs(programs, calls),
        Scope::Wakes(wakes) => Some(self::wakes(wakes, calls)),
        Scope::Whole
        | Scope::Seen(_)
        | Scope::Controls(_)
        | Scope::Messages(_)
        | Scope::Powers(_)
        | Scope::Requests(_) => None,
    };
    match narrowed {
        Some(scopes) if scopes.is_empty() => commented(
            "Used, but for nothing that can be written, so it is left out:",
            text,
        ),
        Some(scopes) => scopes
            .iter()
            .map(|scope| written(grant, scope, times))
            .collect(),
        None => format!("# Used {times} times; as it was.\n{text}"),
    }
}

fn commented(why: &str, text: &str) -> String {
    let lines: String = text
        .lines()
        .map(|line| match line.trim_end() {
            "" => "#\n".to_owned(),
            line => format!("# {line}\n"),
        })
        .collect();
    format!("# {why}\n{lines}\n")
}

fn written(grant: &Grant, scope: &str, times: u64) -> String {
    let expires = match grant.last_day() {
        Some(day) => format!("expires = {day}\n"),
        None => String::new(),
    };
    format!(
        "# Used {times} times.\n[[grant]]\ncapability = \"{}\"\neffect = \"allow\"\n{scope}reason = \
         {}\napproved-by = {}\n{expires}risk = \"{}\"\n\n",
        grant.capability,
        quoted(&grant.reason),
        quoted(&grant.approved_by),
        match grant.risk {
            Risk::Low => "low",
            Risk::Medium => "medium",
            Risk::High => "high",
        },
    )
}

/// A text as TOML takes it: JSON's escapes are among those of its basic strings.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}

/// The paths, each folder with the names that were asked for in it; those that no policy can
/// write without meaning others are told in comments. `None` if they are too many: then the grant
/// stays.
fn files(calls: &[(Call, u64)]) -> Option<Vec<String>> {
    let mut paths: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut unwritten = BTreeSet::new();
    for (call, _) in calls {
        let Call::File { path, link } = call else {
            continue;
        };
        let to = link.as_ref().map(|link| link.to.as_str());
        let all = [Some(path.as_str()), to].into_iter().flatten();
        match folder(path, to) {
            Some(folder) => paths.entry(folder).or_default().extend(all.map(|path| {
                let name = path.strip_prefix(folder).unwrap_or(path);
                name.trim_start_matches('/')
            })),
            None => unwritten.extend(all),
        }
    }
    if paths.len() > MOST_ROOTS || paths.values().any(|names| names.len() > MOST_PATHS) {
        return None;
    }
    let mut scope = String::new();
    for path in unwritten {
        // Writing to a String can't fail.
        let _ = writeln!(
            scope,
            "# Left out, for it can't be written: {}",
            quoted(path)
        );
    }
    if paths.is_empty() {
        return Some(Vec::new());
    }
    scope.push_str("roots = [\n");
    for (root, names) in &paths {
        let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
        let _ = writeln!(
            scope,
            "  {{ root = {}, paths = [{}] }},",
            quoted(root),
            names.join(", ")
        );
    }
    scope.push_str("]\n");
    Some(vec![scope])
}

/// The folder in which a grant names `path`, and `to`, where it leads, if both can be named there
/// and mean themselves alone.
fn folder<'a>(path: &'a str, to: Option<&str>) -> Option<&'a str> {
    let folder = match to {
        None => parent(path)?,
        Some(to) => shared_parent(path, to)?,
    };
    let is_written = |path: &str| {
        let name = path
            .strip_prefix(folder)
            .map(|name| name.trim_start_matches('/'));
        name.is_some_and(|name| {
            name.parse::<PathPattern>()
                .is_ok_and(|pattern| pattern.is_literal())
        })
    };
    let is_root = folder == "/" || format!("{folder}/x")[1..].parse::<PathPattern>().is_ok();
    let all = is_root && is_written(path) && to.is_none_or(is_written);
    all.then_some(folder)
}

/// The folder of `path`, without a slash at the end unless it is the root.
fn parent(path: &str) -> Option<&str> {
    match path.rsplit_once('/')? {
        ("", _) => Some("/"),
        (folder, _) => Some(folder),
    }
}

/// The deepest folder that has both, beneath which a link may lead from one to the other.
fn shared_parent<'a>(path: &'a str, other: &str) -> Option<&'a str> {
    let mut folder = parent(path)?;
    let holds = |folder: &str| {
        folder == "/"
            || other
                .strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    while !holds(folder) {
        folder = parent(folder)?;
    }
    Some(folder)
}

/// Each program with the lists of arguments that it was given, and the variables.
fn programs(programs: &[Program], calls: &[(Call, u64)]) -> Option<Vec<String>> {
    let mut scope = String::from("programs = [\n");
    for program in programs {
        let mut runs: BTreeSet<(&[String], BTreeSet<&str>)> = BTreeSet::new();
        for (call, _) in calls {
            let Call::Run(run) = call else { continue };
            if run.program == program.path && is_as(program, run) {
                let names = run.environment.iter().map(String::as_str).collect();
                runs.insert((&run.arguments, names));
            }
        }
        // Variables are granted with every list: where they differ, each is an entry.
        let mut by_names: BTreeMap<&BTreeSet<&str>, Vec<&[String]>> = BTreeMap::new();
        for (arguments, names) in &runs {
            by_names.entry(names).or_default().push(arguments);
        }
        for (names, lists) in by_names {
            if lists.len() > MOST_LISTS {
                return None;
            }
            scope.push_str(&entry(program, names, &lists)?);
        }
    }
    scope.push_str("]\n");
    Some(vec![scope])
}

fn is_as(program: &Program, run: &Run) -> bool {
    (program.run_as == RunAs::Session) == run.session
}

fn entry(program: &Program, names: &BTreeSet<&str>, lists: &[&[String]]) -> Option<String> {
    let list = |arguments: &&[String]| {
        let arguments: Vec<_> = arguments.iter().map(|text| quoted(text)).collect();
        format!("[{}]", arguments.join(", "))
    };
    let lists: Vec<_> = lists.iter().map(list).collect();
    let mut entry = format!(
        "  {{ path = {}, arguments = [{}]",
        quoted(&program.path),
        lists.join(", ")
    );
    if let Some(digest) = program.sha256 {
        let _ = write!(entry, ", sha256 = \"{digest}\"");
    }
    if !names.is_empty() {
        let values: Option<Vec<_>> = names
            .iter()
            .map(|name| {
                let value = program.environment.get(*name)?;
                Some(format!("{name} = {}", quoted(value)))
            })
            .collect();
        let _ = write!(entry, ", environment = {{ {} }}", values?.join(", "));
    }
    let run_as = match &program.run_as {
        RunAs::User(name) => name,
        RunAs::Session => "@session",
        RunAs::Root => "root",
    };
    let _ = writeln!(
        entry,
        ", run-as = {}, directory = {}, time-limit = \"{}\", output-limit = \"{} B\" }},",
        quoted(run_as),
        quoted(&program.directory),
        Span::new(program.time_limit),
        program.output_limit.get()
    );
    Some(entry)
}

/// Each link with the neighbours that were woken on it, as a grant of its own: a grant means
/// every neighbour on every link that it names. Where no link was named none is: a named one may
/// be a virtual one, which would be more than before.
fn wakes(granted: &Wakes, calls: &[(Call, u64)]) -> Vec<String> {
    let mut links: BTreeMap<Option<&str>, BTreeSet<String>> = BTreeMap::new();
    for (call, _) in calls {
        if let Call::Wake { mac, link, .. } = call {
            let named = (!granted.links.is_empty()).then_some(link.as_str());
            links.entry(named).or_default().insert(shown::mac(mac));
        }
    }
    let grant = |(link, macs): (&Option<&str>, &BTreeSet<String>)| {
        let macs: Vec<_> = macs.iter().map(|mac| quoted(mac)).collect();
        let link = link.map(|link| format!("links = [{}]\n", quoted(link)));
        format!(
            "macs = [{}]\n{}per-minute = {}\n",
            macs.join(", "),
            link.unwrap_or_default(),
            granted.per_minute
        )
    };
    links.iter().map(grant).collect()
}

/// The limits, lowered to what was seen with a margin, and never raised.
fn limits(policy: &Policy, text: &str, observed: &Observed) -> Result<String, ProposalError> {
    let (limits, peaks) = (&policy.limits, &observed.peaks);
    if peaks.calls == 0 {
        return Ok(format!("# No call ended while it was observed.\n{text}"));
    }
    let kib = |peak: u64, least: u64, most: u64| {
        let wanted = half_more(peak).div_ceil(1_024).max(least);
        format!("\"{} KiB\"", wanted.min(most / 1_024).max(1))
    };
    let deadline = peaks.elapsed_us.saturating_mul(4).div_ceil(1_000).max(100);
    let deadline = std::time::Duration::from_millis(deadline).min(limits.deadline.get());
    let lowered = [
        (
            "memory",
            kib(peaks.memory_bytes, 256, limits.memory.get()),
            format!("{} bytes", peaks.memory_bytes),
        ),
        (
            "deadline",
            format!("\"{}\"", Span::new(deadline)),
            format!("{} ms, times four", peaks.elapsed_us.div_ceil(1_000)),
        ),
        (
            "output",
            kib(peaks.output_bytes, 1, limits.output.get()),
            format!("{} bytes", peaks.output_bytes),
        ),
        (
            "host-calls",
            half_more(peaks.host_calls)
                .max(10)
                .min(u64::from(limits.host_calls))
                .to_string(),
            format!("{}", peaks.host_calls),
        ),
        (
            "state",
            kib(peaks.state_bytes, 1, limits.state.get()),
            format!("{} bytes", peaks.state_bytes),
        ),
    ];
    let mut out = String::from(
        "# What was seen at most, and half as much again, but where it says otherwise; the others \
         are as they were.\n",
    );
    for line in text.split_inclusive('\n') {
        let key = line.split('=').next().unwrap_or_default().trim();
        match lowered.iter().find(|(name, ..)| *name == key) {
            // A value of several lines is none of these.
            Some((name, value, seen)) => {
                let _ = writeln!(out, "{name} = {value} # seen: {seen}");
            }
            None => out.push_str(line),
        }
    }
    Ok(out)
}

const fn half_more(peak: u64) -> u64 {
    peak.saturating_add(peak / 2)
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
