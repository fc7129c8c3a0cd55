//! The ceiling: what the owner of a device takes from plugins, whatever is granted. It
//! narrows and can't widen.

use crate::{
    bytes::ByteCount,
    document::{DocumentError, FORMAT, Key, Source, Value},
    ids::PluginName,
    limits::Limits,
    policy::{
        Capability, Effect, FileRoot, Grant, GrantSource, Policy, Risk, Scope, limit_keys as keys,
    },
    time::Span,
};

/// Longest ceiling file that is read.
pub const LONGEST: ByteCount = ByteCount::kib(256);

/// One ceiling file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ceiling {
    /// All entries that name a plugin or none count for it.
    pub entries: Vec<CeilingEntry>,
}

/// What is taken from one plugin or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CeilingEntry {
    /// From which plugin; `None` is all.
    pub plugin: Option<PluginName>,
    /// Capabilities that are denied whole.
    pub deny: Vec<Capability>,
    /// Files that are denied.
    pub deny_files: Vec<FileRoot>,
    /// Limits that are lowered.
    pub limits: LimitsCeiling,
    /// Why, for people.
    pub reason: String,
    /// Line of the entry in the file.
    pub line: u32,
}

/// Highest values of some limits. See [`Limits`] for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "`Limits` documents each")]
pub struct LimitsCeiling {
    pub memory: Option<ByteCount>,
    pub deadline: Option<Span>,
    pub cpu_per_mille: Option<u16>,
    pub output: Option<ByteCount>,
    pub host_calls: Option<u32>,
    pub log_lines: Option<u32>,
    pub state: Option<ByteCount>,
}

const CEILING: Key = Key::new("ceiling", "", "`[[ceiling]]` entries, at most 256");
const PLUGIN: Key = Key::new(
    "plugin",
    "\"inventory\"",
    "the plugin's name; without this key it counts for all",
);
const DENY: Key = Key::new(
    "deny",
    "[\"network\"]",
    "some of log, clock, state, config, system, files, network, processes, sessions",
);
const DENY_FILES: Key = Key::new(
    "deny-files",
    "[{ root = \"/etc\", paths = [\"passwd\"] }]",
    "roots with the paths beneath them that are denied",
);
const LIMITS: Key = Key::new(
    "limits",
    "{ memory = \"8 MiB\" }",
    "highest values of some limits",
);
const REASON: Key = Key::new(
    "reason",
    "\"The owner's privacy.\"",
    "why, on one line of at most 1000 bytes",
);
const ENTRY_KEYS: [&Key; 5] = [&PLUGIN, &DENY, &DENY_FILES, &LIMITS, &REASON];
const LIMIT_KEYS: [&Key; 7] = [
    &keys::MEMORY,
    &keys::DEADLINE,
    &keys::CPU_PER_MILLE,
    &keys::OUTPUT,
    &keys::HOST_CALLS,
    &keys::LOG_LINES,
    &keys::STATE,
];

impl Ceiling {
    /// Reads a ceiling file.
    pub fn parse(file: &str, text: &str) -> Result<Self, DocumentError> {
        let source = Source { file, text };
        let tree = source.tree(LONGEST)?;
        let document = source.document(&tree, &[&FORMAT, &CEILING])?;
        document.format()?;
        let entries = match document.optional(&CEILING) {
            Some(entries) => entries
                .elements(256)?
                .into_iter()
                .map(entry)
                .collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        Ok(Self { entries })
    }
}

fn entry(value: Value<'_>) -> Result<CeilingEntry, DocumentError> {
    let table = value.table("`[[ceiling]]`", &ENTRY_KEYS)?;
    let deny = match table.optional(&DENY) {
        Some(deny) => deny
            .elements(Capability::ALL.len())?
            .into_iter()
            .map(|name| Capability::named(name.text()?).ok_or_else(|| name.refuse()))
            .collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    let entry = CeilingEntry {
        plugin: table
            .optional(&PLUGIN)
            .map(|name| name.parsed())
            .transpose()?,
        deny,
        deny_files: table
            .optional(&DENY_FILES)
            .map(|roots| roots.file_roots())
            .transpose()?
            .unwrap_or_default(),
        limits: table
            .optional(&LIMITS)
            .map(limits)
            .transpose()?
            .unwrap_or_default(),
        reason: table.required(&REASON)?.prose(1_000)?,
        line: table.line(),
    };
    let takes_something = !entry.deny.is_empty()
        || !entry.deny_files.is_empty()
        || entry.limits != LimitsCeiling::default();
    if takes_something {
        Ok(entry)
    } else {
        Err(table.error(
            "this entry takes nothing",
            "write at least one of `deny`, `deny-files` and `limits`",
        ))
    }
}

fn limits(value: Value<'_>) -> Result<LimitsCeiling, DocumentError> {
    let table = value.table("`limits`", &LIMIT_KEYS)?;
    let size = |key, bounds| {
        table
            .optional(key)
            .map(|value| value.within::<ByteCount>(bounds))
            .transpose()
    };
    let number = |key, bounds| {
        table
            .optional(key)
            .map(|value| value.small_integer(bounds))
            .transpose()
    };
    Ok(LimitsCeiling {
        memory: size(&keys::MEMORY, keys::MEMORIES)?,
        deadline: table
            .optional(&keys::DEADLINE)
            .map(|value| value.within(keys::DEADLINES))
            .transpose()?,
        cpu_per_mille: number(&keys::CPU_PER_MILLE, keys::SHARES)?
            .and_then(|share| u16::try_from(share).ok()),
        output: size(&keys::OUTPUT, keys::BUFFERS)?,
        host_calls: number(&keys::HOST_CALLS, keys::HOST_CALL_COUNTS)?,
        log_lines: number(&keys::LOG_LINES, keys::LOG_LINE_COUNTS)?,
        state: size(&keys::STATE, keys::BUFFERS)?,
    })
}

/// `policy` without what `ceiling` takes.
pub fn narrow(policy: &Policy, ceiling: &Ceiling) -> Policy {
    let mut narrowed = policy.clone();
    for entry in &ceiling.entries {
        if entry
            .plugin
            .as_ref()
            .is_some_and(|name| *name != policy.plugin)
        {
            continue;
        }
        narrowed.limits = lower(&narrowed.limits, &entry.limits);
        for capability in &entry.deny {
            deny(&mut narrowed, entry, *capability, Scope::Whole);
        }
        if !entry.deny_files.is_empty() {
            for capability in [Capability::Files, Capability::Watch] {
                let scope = Scope::Files(entry.deny_files.clone());
                deny(&mut narrowed, entry, capability, scope);
            }
        }
    }
    narrowed
}

/// A capability that was never granted is absent, which is less than denied: it stays so.
fn deny(policy: &mut Policy, entry: &CeilingEntry, capability: Capability, scope: Scope) {
    if policy.grants_of(capability).next().is_none() {
        return;
    }
    policy.grants.push(Grant {
        capability,
        effect: Effect::Deny,
        scope,
        reason: entry.reason.clone(),
        approved_by: "owner".to_owned(),
        expires: None,
        risk: Risk::Low,
        source: GrantSource::Ceiling { line: entry.line },
    });
}

fn lower(limits: &Limits, ceiling: &LimitsCeiling) -> Limits {
    fn least<T: Ord>(limit: T, ceiling: Option<T>) -> T {
        match ceiling {
            Some(ceiling) => limit.min(ceiling),
            None => limit,
        }
    }
    let memory = least(limits.memory, ceiling.memory);
    let mut cpu = limits.cpu;
    cpu.per_mille = least(cpu.per_mille, ceiling.cpu_per_mille);
    Limits {
        memory,
        deadline: least(limits.deadline, ceiling.deadline),
        cpu,
        output: least(limits.output, ceiling.output).min(memory),
        host_calls: least(limits.host_calls, ceiling.host_calls),
        log_lines: least(limits.log_lines, ceiling.log_lines),
        state: least(limits.state, ceiling.state),
    }
}

#[cfg(test)]
mod tests;
