//! Policies and components that the command line names.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use bailiwick_audit::{
    Component, LARGEST, Place, PolicyFile, Position, Subject, inspect, report::Unjudged,
};
use bailiwick_core::{DocumentError, bytes::ByteCount, policy};

use crate::each::each;

/// Files of a folder of policies that are none.
const OTHERS: [&str; 4] = [
    "assignment.toml",
    "operators.toml",
    "revoked.toml",
    "settings.toml",
];

/// What was read.
#[derive(Default)]
pub(crate) struct Read {
    /// What can be judged.
    pub(crate) subjects: Vec<Subject>,
    /// What can't.
    pub(crate) unjudged: Vec<Unjudged>,
}

/// Why a component without a policy is not judged.
pub(crate) fn without_policy(subject: &Subject) -> Option<Unjudged> {
    let component = subject.component.as_ref()?;
    subject.policy.is_none().then(|| Unjudged {
        place: Place::file(&component.file),
        reason: format!(
            "no policy is known for the plugin `{}`: name one with --policy, or the component as \
             PLUGIN=FILE",
            subject.plugin
        ),
    })
}

/// Reads the policies at `policies`, a folder or one file, and `components`, and joins them
/// by the plugins' names.
///
/// # Errors
/// `policies` can't be read. A single file that can't be is not judged, and the rest is.
pub(crate) fn read(policies: Option<&Path>, components: &[String]) -> anyhow::Result<Read> {
    let mut read = Read::default();
    let mut files = Vec::new();
    for policy in each(&paths(policies)?, |path| policy(path)) {
        match policy {
            Ok(file) => files.push(file),
            Err(unjudged) => read.unjudged.push(*unjudged),
        }
    }
    let mut used = vec![false; files.len()];
    let inspected = each(components, |named| component(plugin_of(named).1));
    for (named, inspected) in components.iter().zip(inspected) {
        let (plugin, _) = plugin_of(named);
        let component = match inspected {
            Ok(component) => component,
            Err(unjudged) => {
                read.unjudged.push(*unjudged);
                continue;
            }
        };
        let of_plugin = |file: &PolicyFile| file.policy().plugin.as_str() == plugin;
        let policy = files.iter().position(of_plugin);
        if let Some(index) = policy {
            used[index] = true;
        }
        read.subjects.push(Subject {
            plugin: plugin.to_owned(),
            policy: policy.map(|index| files[index].clone()),
            component: Some(component),
            release: None,
        });
    }
    let unused = files.into_iter().zip(used).filter(|(_, used)| !used);
    read.subjects.extend(unused.map(|(file, _)| Subject {
        plugin: file.policy().plugin.to_string(),
        policy: Some(file),
        component: None,
        release: None,
    }));
    Ok(read)
}

/// The plugin that a COMPONENT of the command line means, and the file. Tools name the file
/// `<plugin>-<version>.wasm`.
fn plugin_of(named: &str) -> (&str, &str) {
    if let Some((plugin, file)) = named.split_once('=')
        && !plugin.contains(['/', '\\', '.'])
    {
        return (plugin, file);
    }
    let name = named.rsplit(['/', '\\']).next().unwrap_or(named);
    let stem = name.strip_suffix(".wasm").unwrap_or(name);
    let versioned = stem.match_indices('-').find(|(at, _)| {
        let version = &stem[at + 1..];
        version.parse::<semver::Version>().is_ok()
    });
    (versioned.map_or(stem, |(at, _)| &stem[..at]), named)
}

/// The policies of a folder by name, or the one file.
fn paths(policies: Option<&Path>) -> anyhow::Result<Vec<PathBuf>> {
    let Some(named) = policies else {
        return Ok(Vec::new());
    };
    let unread = || format!("the policies in {} can't be read", named.display());
    if fs::metadata(named).with_context(unread)?.is_file() {
        return Ok(vec![named.to_owned()]);
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(named).with_context(unread)? {
        let path = entry.with_context(unread)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy());
        let is_policy = name.is_some_and(|name| {
            name.ends_with(".toml") && !name.starts_with('.') && !OTHERS.contains(&&*name)
        });
        if is_policy {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn policy(path: &Path) -> Result<PolicyFile, Box<Unjudged>> {
    let file = path.display().to_string();
    let bytes = bytes(path, policy::LONGEST)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        let reason = "it is no policy: it is not UTF-8".to_owned();
        let place = Place::file(&file);
        Box::new(Unjudged { place, reason })
    })?;
    PolicyFile::parse(&file, &text).map_err(|error| Box::new(not_a_policy(&file, error)))
}

fn not_a_policy(file: &str, error: DocumentError) -> Unjudged {
    let at = Position {
        line: error.line,
        column: error.column,
    };
    Unjudged {
        place: Place {
            file: file.to_owned(),
            at: Some(at),
        },
        reason: format!("it is no policy: {}; {}", error.problem, error.instead),
    }
}

fn component(named: &str) -> Result<Component, Box<Unjudged>> {
    let bytes = bytes(Path::new(named), LARGEST)?;
    match inspect(&bytes) {
        Ok(inspection) => Ok(Component {
            file: named.to_owned(),
            inspection,
        }),
        Err(error) => Err(Box::new(Unjudged {
            place: Place::file(named),
            reason: error.to_string(),
        })),
    }
}

/// The file, if it is no longer than `at_most`: one byte more is read at most.
fn bytes(path: &Path, at_most: ByteCount) -> Result<Vec<u8>, Box<Unjudged>> {
    let unjudged = |reason: String| {
        Box::new(Unjudged {
            place: Place::file(&path.display().to_string()),
            reason,
        })
    };
    let mut bytes = Vec::new();
    let read =
        fs::File::open(path).and_then(|file| file.take(at_most.get() + 1).read_to_end(&mut bytes));
    read.map_err(|error| unjudged(format!("it can't be read: {error}")))?;
    if bytes.len() as u64 > at_most.get() {
        return Err(unjudged(format!("it is longer than {at_most}")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_means_the_plugin_that_it_is_named_after() {
        for (named, plugin, file) in [
            ("inventory-0.1.0.wasm", "inventory", "inventory-0.1.0.wasm"),
            (
                "a/wake-on-lan-0.1.0-rc.1.wasm",
                "wake-on-lan",
                "a/wake-on-lan-0.1.0-rc.1.wasm",
            ),
            ("dir=x/run-program.wasm", "dir", "x/run-program.wasm"),
            (
                "./dir=x/run-program.wasm",
                "run-program",
                "./dir=x/run-program.wasm",
            ),
            ("pressure=/tmp/a=b.wasm", "pressure", "/tmp/a=b.wasm"),
            ("session-7", "session-7", "session-7"),
        ] {
            assert_eq!(plugin_of(named), (plugin, file), "{named}");
        }
    }
}
