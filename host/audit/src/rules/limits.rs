//! Limits: what can't hold what the component begins with, and what nobody chose.

use std::time::Duration;

use bailiwick_core::{bytes::ByteCount, limits::Limits};

use super::Case;
use crate::{PolicyFile, Rule};

pub(super) fn judge(case: &mut Case<'_>, policy: &PolicyFile) {
    let limits = &policy.policy().limits;
    if let Some(component) = &case.subject.component {
        let start = ByteCount::new(component.inspection.initial_memory());
        if start > limits.memory {
            let text = format!(
                "the component's memories have {start} at the start, and the policy allows {}",
                limits.memory
            );
            case.find(Rule::MemoryBelowStart, policy.place("limits.memory"), text);
        }
    }
    for (key, written) in unchosen(limits) {
        let text = format!("`{key}` is {written}, the most that a policy can write");
        case.find(
            Rule::UnchosenLimit,
            policy.place(&format!("limits.{key}")),
            text,
        );
    }
}

/// Limits that are the upper bounds of the format. An output as large as the memory can't be
/// larger.
fn unchosen(limits: &Limits) -> Vec<(&'static str, String)> {
    let largest_output = limits.memory.min(ByteCount::mib(64));
    let ten_minutes = Duration::from_secs(600);
    [
        (
            limits.memory == ByteCount::mib(1_024),
            "memory",
            limits.memory.to_string(),
        ),
        (
            limits.deadline.get() == ten_minutes,
            "deadline",
            "10 min".to_owned(),
        ),
        (
            limits.cpu.per_mille == 1_000,
            "cpu.per-mille",
            "a whole core".to_owned(),
        ),
        (
            limits.output == largest_output,
            "output",
            limits.output.to_string(),
        ),
        (
            limits.host_calls == 10_000_000,
            "host-calls",
            limits.host_calls.to_string(),
        ),
        (
            limits.log_lines == 100_000,
            "log-lines",
            limits.log_lines.to_string(),
        ),
        (
            limits.state == ByteCount::mib(64),
            "state",
            limits.state.to_string(),
        ),
    ]
    .into_iter()
    .filter(|(unchosen, ..)| *unchosen)
    .map(|(_, key, written)| (key, written))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the bounds are is core's: more than each is refused there.
    #[test]
    fn more_than_what_counts_as_unchosen_is_refused() {
        let text = include_str!("../../../core/fixtures/policy.toml");
        for (key, most, more) in [
            ("memory", "\"1024 MiB\"", "\"1025 MiB\""),
            ("deadline", "\"10 min\"", "\"11 min\""),
            (
                "cpu",
                "{ per-mille = 1000, window = \"60 s\" }",
                "{ per-mille = 1001, window = \"60 s\" }",
            ),
            ("output", "\"16 MiB\"", "\"17 MiB\""),
            ("host-calls", "10000000", "10000001"),
            ("log-lines", "100000", "100001"),
            ("state", "\"64 MiB\"", "\"65 MiB\""),
        ] {
            let with = |value: &str| {
                let lines = text.lines().map(|line| {
                    if line.starts_with(&format!("{key} = ")) {
                        format!("{key} = {value}\n")
                    } else {
                        format!("{line}\n")
                    }
                });
                PolicyFile::parse("p.toml", &lines.collect::<String>())
            };
            let found = unchosen(&with(most).unwrap().policy().limits);
            assert_eq!(found.len(), 1, "{key}: {found:?}");
            assert!(with(more).is_err(), "{key}");
        }
        let chosen = PolicyFile::parse("p.toml", text).unwrap();
        assert!(unchosen(&chosen.policy().limits).is_empty());
    }
}
