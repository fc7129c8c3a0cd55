//! What a record tells against a policy: what is granted and never used, limits that are far
//! above what was used, and what was refused.

use std::time::Duration;

use bailiwick_core::{
    bytes::ByteCount,
    policy::{Capability, Effect},
};

use super::Case;
use crate::{PolicyFile, Rule, record::Deeds};

/// Shorter records say nothing of what is never used: some work comes once a week.
const LONG_ENOUGH: Duration = Duration::from_secs(7 * 86_400);

/// So many times what was used is far above it.
const FAR: u64 = 4;

/// A limit below that harms nobody.
const SMALL: ByteCount = ByteCount::mib(8);

/// Denials that are named in a finding.
const NAMED: usize = 3;

pub(super) fn judge(case: &mut Case<'_>, policy: &PolicyFile) {
    let Some(deeds) = case.deeds else { return };
    let last = deeds.last.as_ms().saturating_sub(deeds.first.as_ms());
    if Duration::from_millis(last) >= LONG_ENOUGH && deeds.used.calls > 0 {
        never_used(case, policy, deeds);
        memory(case, policy, deeds);
    }
    refused(case, policy, deeds);
}

fn never_used(case: &mut Case<'_>, policy: &PolicyFile, deeds: &Deeds) {
    // Which ones it used is told by later agents alone.
    let Some(used) = deeds.used.capabilities else {
        return;
    };
    let grants = policy.policy().grants.iter().enumerate();
    let mut told: Vec<Capability> = Vec::new();
    for (index, grant) in grants {
        let capability = grant.capability;
        if grant.effect == Effect::Deny || used.has(capability) || told.contains(&capability) {
            continue;
        }
        told.push(capability);
        let text = format!(
            "`{capability}` was not called once in {} calls of the plugin",
            deeds.used.calls
        );
        case.find(
            Rule::UnusedGrant,
            policy.place(&format!("grant.{index}")),
            text,
        );
    }
}

fn memory(case: &mut Case<'_>, policy: &PolicyFile, deeds: &Deeds) {
    let (limit, used) = (policy.policy().limits.memory, deeds.used.memory_high_bytes);
    if used == 0 || limit <= SMALL || limit.get() / FAR <= used {
        return;
    }
    let text = format!(
        "`memory` is {limit}, and no instance held more than {} KiB",
        used.div_ceil(1024)
    );
    case.find(Rule::UnusedLimit, policy.place("limits.memory"), text);
}

fn refused(case: &mut Case<'_>, policy: &PolicyFile, deeds: &Deeds) {
    let counted: u64 = deeds.denials.iter().map(|deed| deed.count).sum();
    let all = counted.saturating_add(deeds.more_denials);
    if all == 0 {
        return;
    }
    let named: Vec<_> = deeds
        .denials
        .iter()
        .take(NAMED)
        .map(|deed| format!("`{}`", deed.call))
        .collect();
    let text = match named.as_slice() {
        [] => format!("{all} calls were refused"),
        named => format!("{all} calls were refused, most often {}", named.join(", ")),
    };
    case.find(Rule::RefusedCalls, policy.place("plugin"), text);
}
