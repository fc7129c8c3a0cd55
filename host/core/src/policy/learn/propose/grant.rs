//! A grant of a proposal: narrowed, as it was, or left out.

use super::{UsedBy, line, scopes};
use crate::policy::{Capability, Effect, Grant, Policy, Risk, Scope};

pub(super) fn grant(policy: &Policy, at: u32, text: &str, used: &UsedBy) -> String {
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
        Scope::Files(_) => scopes::files(calls),
        Scope::Programs(programs) => scopes::programs(programs, calls),
        Scope::Wakes(wakes) => Some(scopes::wakes(wakes, calls)),
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
        scopes::quoted(&grant.reason),
        scopes::quoted(&grant.approved_by),
        match grant.risk {
            Risk::Low => "low",
            Risk::Medium => "medium",
            Risk::High => "high",
        },
    )
}
