//! Reading of a policy's `[[grant]]` entries.

use super::{
    Capability, Effect, FileRoot, Grant, GrantSource, LONGEST_PATH, PathPattern, Risk, Scope,
    parse_controls::{EXECUTABLES, VERBS, WHOSE, controls},
    parse_messages::{FROM, USERS, messages},
    parse_powers::{PAUSE, WARN_FOR, WHEN_USERS, powers},
    parse_programs::{PROGRAMS, programs},
    parse_requests::{METHODS, NETWORKS, ORIGINS, PREFIXES, requests},
    parse_seen::{FIELDS, OF, REDACT, seen},
    parse_wakes::{LINKS, MACS, PER_MINUTE, wakes},
};
use crate::{
    document::{DocumentError, Key, Table, Value},
    ids::VendorName,
};

const CAPABILITY: Key = Key::new(
    "capability",
    "\"files\"",
    "one of log, clock, state, config, system, files, network, processes, sessions, exec, wake, \
     process-control, http, message, power, watch",
);

/// Most folders that one grant of `watch` names.
const MOST_FOLDERS: usize = 64;

const EFFECT: Key = Key::new("effect", "\"allow\"", "allow or deny");
const ROOTS: Key = Key::new(
    "roots",
    "[{ root = \"/etc\", paths = [\"os-release\"] }]",
    "the roots that are meant, at most 64; `files` and `watch` have them",
);
const ROOT: Key = Key::new(
    "root",
    "\"/etc\"",
    "the absolute path of a directory, without `*`, `.`, `..` and a slash at the end",
);
const PATHS: Key = Key::new(
    "paths",
    "[\"os-release\", \"apt/*\", \"systemd/**\"]",
    "paths beneath the root, at most 256; `*` within a part, `**` only as the last part",
);
const REASON: Key = Key::new(
    "reason",
    "\"Names the operating system.\"",
    "why, on one line of at most 1000 bytes",
);
const APPROVED_BY: Key = Key::new(
    "approved-by",
    "\"policies-2026\"",
    "the name of the approver's key",
);
const EXPIRES: Key = Key::new(
    "expires",
    "2027-12-31",
    "the last day on which it holds (UTC), a date without quotation marks",
);
const RISK: Key = Key::new("risk", "\"low\"", "low, medium or high");
const KEYS: [&Key; 26] = [
    &CAPABILITY,
    &EFFECT,
    &ROOTS,
    &OF,
    &FIELDS,
    &REDACT,
    &PROGRAMS,
    &MACS,
    &LINKS,
    &PER_MINUTE,
    &VERBS,
    &EXECUTABLES,
    &WHOSE,
    &ORIGINS,
    &METHODS,
    &PREFIXES,
    &NETWORKS,
    &USERS,
    &FROM,
    &WHEN_USERS,
    &WARN_FOR,
    &PAUSE,
    &REASON,
    &APPROVED_BY,
    &EXPIRES,
    &RISK,
];

/// Keys of parts, and a capability that has them.
const OWNED: [(&Key, Capability); 20] = [
    (&ROOTS, Capability::Files),
    (&OF, Capability::Processes),
    (&FIELDS, Capability::Processes),
    (&REDACT, Capability::Processes),
    (&PROGRAMS, Capability::Exec),
    (&MACS, Capability::Wake),
    (&LINKS, Capability::Wake),
    (&PER_MINUTE, Capability::Wake),
    (&VERBS, Capability::ProcessControl),
    (&EXECUTABLES, Capability::ProcessControl),
    (&WHOSE, Capability::ProcessControl),
    (&ORIGINS, Capability::Http),
    (&METHODS, Capability::Http),
    (&PREFIXES, Capability::Http),
    (&NETWORKS, Capability::Http),
    (&USERS, Capability::Message),
    (&FROM, Capability::Message),
    (&WHEN_USERS, Capability::Power),
    (&WARN_FOR, Capability::Power),
    (&PAUSE, Capability::Power),
];

pub(super) fn grant(entry: Value<'_>) -> Result<Grant, DocumentError> {
    let table = entry.table("`[[grant]]`", &KEYS)?;
    let capability = table.required(&CAPABILITY)?;
    let capability = Capability::named(capability.text()?).ok_or_else(|| capability.refuse())?;
    let effect = table
        .required(&EFFECT)?
        .word(&[("allow", Effect::Allow), ("deny", Effect::Deny)])?;
    let expires = match (table.optional(&EXPIRES), effect) {
        (Some(date), Effect::Allow) => Some(date.end_of_day()?),
        (Some(date), Effect::Deny) => {
            return Err(date.error(
                "a denial does not expire",
                "remove `expires`, and the denial itself when it shall end",
            ));
        }
        (None, _) => None,
    };
    Ok(Grant {
        capability,
        effect,
        scope: scope(&table, capability, effect)?,
        reason: table.required(&REASON)?.prose(1_000)?,
        // The names of keys and of vendors follow one rule.
        approved_by: table
            .required(&APPROVED_BY)?
            .parsed::<VendorName>()?
            .to_string(),
        expires,
        risk: table.required(&RISK)?.word(&[
            ("low", Risk::Low),
            ("medium", Risk::Medium),
            ("high", Risk::High),
        ])?,
        source: GrantSource::Policy { line: table.line() },
    })
}

fn scope(
    table: &Table<'_>,
    capability: Capability,
    effect: Effect,
) -> Result<Scope, DocumentError> {
    let mine: &[&'static Key] = match capability {
        Capability::Files | Capability::Watch => &[&ROOTS],
        Capability::Processes | Capability::Sessions => &[&OF, &FIELDS, &REDACT],
        Capability::System | Capability::Network => &[&FIELDS, &REDACT],
        Capability::Exec => &[&PROGRAMS],
        Capability::Wake => &[&MACS, &LINKS, &PER_MINUTE],
        Capability::Message => &[&USERS, &FROM, &PER_MINUTE],
        Capability::Power => &[&VERBS, &WHEN_USERS, &WARN_FOR, &PAUSE],
        Capability::ProcessControl => &[&VERBS, &EXECUTABLES, &WHOSE, &PER_MINUTE],
        Capability::Http => &[&ORIGINS, &METHODS, &PREFIXES, &NETWORKS, &PER_MINUTE],
        Capability::Log | Capability::Clock | Capability::State | Capability::Config => &[],
    };
    for (key, owner) in OWNED {
        if let Some(value) = table.optional(key)
            && !mine.iter().any(|mine| mine.name == key.name)
        {
            let parts = if capability.has_parts() {
                "has parts of its own"
            } else {
                "has no parts"
            };
            return Err(value.error(
                format!("`{capability}` {parts}, so it takes no `{}`", key.name),
                format!("remove `{}`, or write `capability = \"{owner}\"`", key.name),
            ));
        }
    }
    match capability {
        Capability::Files => table.required(&ROOTS)?.file_roots().map(Scope::Files),
        Capability::Watch => watched(table, effect).map(Scope::Files),
        Capability::Processes | Capability::Sessions | Capability::System | Capability::Network => {
            seen(table, capability, effect)
        }
        Capability::Exec => programs(&table.required(&PROGRAMS)?, effect).map(Scope::Programs),
        Capability::Wake => wakes(table, effect).map(Scope::Wakes),
        Capability::Message => messages(table, effect).map(Scope::Messages),
        Capability::Power => powers(table, effect).map(Scope::Powers),
        Capability::ProcessControl => controls(table, effect).map(Scope::Controls),
        Capability::Http => requests(table, effect).map(Scope::Requests),
        Capability::Log | Capability::Clock | Capability::State | Capability::Config => {
            Ok(Scope::Whole)
        }
    }
}

/// What is watched is one folder each: which folders a star will mean, nobody knows beforehand.
fn watched(table: &Table<'_>, effect: Effect) -> Result<Vec<FileRoot>, DocumentError> {
    let value = table.required(&ROOTS)?;
    let roots = value.file_roots()?;
    let is_of_a_folder = |pattern: &PathPattern| {
        let mut parts: Vec<&str> = pattern.parts().collect();
        let last = parts.pop().unwrap_or_default();
        last != "**" && !parts.iter().any(|part| part.contains('*'))
    };
    let fits = roots
        .iter()
        .flat_map(|root| &root.patterns)
        .all(is_of_a_folder);
    if effect == Effect::Allow && !fits {
        return Err(value.error(
            "`watch` takes paths whose only `*` are in the last part, and no `**`",
            "name each folder that is meant",
        ));
    }
    let mut folders: Vec<String> = roots.iter().flat_map(FileRoot::folders).collect();
    folders.sort_unstable();
    folders.dedup();
    if effect == Effect::Allow && folders.len() > MOST_FOLDERS {
        return Err(value.error(
            format!("these are {} folders", folders.len()),
            format!("name at most {MOST_FOLDERS}"),
        ));
    }
    Ok(roots)
}

impl Value<'_> {
    /// Roots with the paths beneath them, as policies and ceilings write them.
    pub(crate) fn file_roots(&self) -> Result<Vec<FileRoot>, DocumentError> {
        self.elements(64)?.into_iter().map(file_root).collect()
    }
}

fn file_root(value: Value<'_>) -> Result<FileRoot, DocumentError> {
    let table = value.table("`roots`", &[&ROOT, &PATHS])?;
    let root = table.required(&ROOT)?;
    let patterns = table
        .required(&PATHS)?
        .elements(256)?
        .into_iter()
        .map(|path| {
            path.text()?
                .parse()
                .map_err(|error| path.refuse_because(&format!("{error}")))
        })
        .collect::<Result<_, _>>()?;
    Ok(FileRoot {
        root: root_path(root)?,
        patterns,
    })
}

fn root_path(value: Value<'_>) -> Result<String, DocumentError> {
    let text = value.text()?;
    let Some(relative) = text.strip_prefix('/') else {
        return Err(value.refuse_because("it is not absolute"));
    };
    let parts_fit = relative.is_empty()
        || relative
            .split('/')
            .all(|part| !matches!(part, "" | "." | ".."));
    let characters_fit = !text
        .chars()
        .any(|c| c.is_control() || "*?[]{}\\".contains(c));
    if parts_fit && characters_fit && text.len() <= LONGEST_PATH {
        Ok(text.to_owned())
    } else {
        Err(value.refuse())
    }
}
