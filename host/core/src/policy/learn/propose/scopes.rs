//! What grants of a proposal are for, in the words of policies: each path, list of arguments and
//! neighbour by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::{
    policy::{Call, PathPattern, Program, Run, RunAs, Wakes, shown},
    time::Span,
};

/// Most paths of one folder, folders of one grant, and lists of arguments that a policy takes.
const MOST_PATHS: usize = 256;
const MOST_ROOTS: usize = 64;
const MOST_LISTS: usize = 64;

/// A text as TOML takes it: JSON's escapes are among those of its basic strings.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}

/// The paths, each folder with the names that were asked for in it; those that no policy can
/// write without meaning others are told in comments. `None` if they are too many: then the grant
/// stays.
pub(super) fn files(calls: &[(Call, u64)]) -> Option<Vec<String>> {
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
pub(super) fn programs(programs: &[Program], calls: &[(Call, u64)]) -> Option<Vec<String>> {
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
pub(super) fn wakes(granted: &Wakes, calls: &[(Call, u64)]) -> Vec<String> {
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
