//! `bailiwick-audit policy explain`.

use std::path::Path;

use anyhow::Context as _;
use bailiwick_audit::visible;
use bailiwick_core::{
    policy::{
        Access, Bearing, Call, Capability, Effect, Explanation, Grant, GrantSource, Permit, Policy,
        Risk,
    },
    time::Timestamp,
};
use serde_json::json;

use super::{Answer, Code, read};

/// Tells what a policy allows at `now`, or of one call why it is allowed or refused.
///
/// # Errors
/// The policy can't be read, or the words are no call.
pub(super) fn explain(path: &Path, words: &[String], now: Timestamp) -> anyhow::Result<Answer> {
    let policy = read::policy(path)?;
    let file = path.display().to_string();
    if words.is_empty() {
        return Ok(all(&file, &policy, now));
    }
    let call = Call::from_words(words).context("the call can't be read")?;
    Ok(one(&file, &policy.explain(&call, now)))
}

fn line(grant: &Grant) -> u32 {
    let (GrantSource::Policy { line } | GrantSource::Ceiling { line }) = grant.source;
    line
}

const fn risk(grant: &Grant) -> &'static str {
    match grant.risk {
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "high",
    }
}

/// Why, by whom and until when.
fn approval(grant: &Grant) -> String {
    let until = match grant.last_day() {
        Some(day) => format!("until {day}"),
        None => "without an end".to_owned(),
    };
    format!(
        "{} ({}, risk {}, {until})",
        grant.reason,
        grant.approved_by,
        risk(grant)
    )
}

fn one(file: &str, explanation: &Explanation<'_>) -> Answer {
    let (code, word, why) = match &explanation.answer {
        Ok(permit) => (Code::Good, "allowed", how(permit)),
        Err(refusal) => (Code::Bad, "refused", refusal.to_string()),
    };
    let call = explanation.call.to_string();
    let mut text = format!("{call}: {word}\n  {why}\n");
    let mut others = Vec::new();
    for (grant, bearing) in &explanation.bearings {
        match bearing {
            Bearing::Allows | Bearing::Expired(_) | Bearing::Denies => {
                text.push_str(&format!(
                    "{file}:{}: {bearing}\n    {}\n",
                    line(grant),
                    approval(grant)
                ));
            }
            Bearing::DoesNotCover(_) | Bearing::DeniesSomethingElse => {
                others.push((grant, bearing))
            }
        }
    }
    for (grant, bearing) in others {
        text.push_str(&format!("{file}:{}: {bearing}\n", line(grant)));
    }
    let grants = explanation.bearings.iter().map(|(grant, bearing)| {
        json!({
            "file": file,
            "line": line(grant),
            "bearing": match bearing {
                Bearing::Allows => "allows",
                Bearing::Expired(_) => "expired",
                Bearing::DoesNotCover(_) => "does-not-cover",
                Bearing::Denies => "denies",
                Bearing::DeniesSomethingElse => "denies-something-else",
            },
            "text": bearing.to_string(),
            "reason": grant.reason,
            "approved-by": grant.approved_by,
            "last-day": grant.last_day(),
            "risk": risk(grant),
        })
    });
    Answer {
        text: lines(&text),
        json: json!({
            "call": call,
            "allowed": code == Code::Good,
            "why": why,
            "grants": grants.collect::<Vec<_>>(),
        }),
        code,
    }
}

/// With what an allowed call is done.
fn how(permit: &Permit) -> String {
    match permit {
        Permit::Whole => "a grant in force covers it".to_owned(),
        Permit::File { root } => format!("beneath {root}, which no link leads out of"),
        Permit::Seen(fields) => match fields.in_words() {
            words if words.is_empty() => "no field of persons is seen".to_owned(),
            words => format!("seen of persons: {words}"),
        },
        Permit::Run(program) => program.in_short(),
        Permit::Request(allowed) => match allowed.networks.as_slice() {
            [] => format!(
                "to a public address, at most {} times a minute",
                allowed.per_minute
            ),
            networks => {
                let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
                format!(
                    "to a public address or one of {}, at most {} times a minute",
                    networks.join(", "),
                    allowed.per_minute
                )
            }
        },
        Permit::Control(allowed) => format!("at most {} times a minute", allowed.per_minute),
        Permit::Wake(allowed) => format!("at most {} times a minute", allowed.per_minute),
        Permit::Message(allowed) => format!(
            "said by {}, at most {} times a minute",
            allowed.from, allowed.per_minute
        ),
        Permit::Power(allowed) => format!(
            "{} s after users are warned, at most once in {} s",
            allowed.warn_for.as_secs(),
            allowed.pause.as_secs()
        ),
    }
}

fn all(file: &str, policy: &Policy, now: Timestamp) -> Answer {
    let mut text = format!(
        "{file}: `{}` of `{}`, versions {}\n  {}\n",
        policy.plugin, policy.vendor, policy.versions, policy.summary
    );
    let mut absent = Vec::new();
    for capability in Capability::ALL {
        let state = match policy.access(capability, now) {
            Access::Absent => {
                absent.push(capability.name());
                continue;
            }
            Access::Linked => String::new(),
            Access::Denied(denial) => format!(": every call is refused, because {denial}"),
        };
        text.push_str(&format!("{capability}{state}\n"));
        for grant in policy.grants_of(capability) {
            let may = match (grant.effect, grant.expired(now)) {
                (Effect::Allow, false) => "may",
                (Effect::Allow, true) => "could, until it expired,",
                (Effect::Deny, _) => "may never",
            };
            for what in grant.in_words() {
                text.push_str(&format!("  {may} {what}\n"));
            }
            text.push_str(&format!(
                "    {file}:{}: {}\n",
                line(grant),
                approval(grant)
            ));
        }
    }
    if !absent.is_empty() {
        text.push_str(&format!(
            "never granted: {}: a plugin that imports one of them is not started\n",
            absent.join(", ")
        ));
    }
    Answer {
        text: lines(&text),
        json: in_whole(file, policy, now),
        code: Code::Good,
    }
}

fn in_whole(file: &str, policy: &Policy, now: Timestamp) -> serde_json::Value {
    let grants = policy.grants.iter().map(|grant| {
        json!({
            "file": file,
            "line": line(grant),
            "capability": grant.capability.name(),
            "effect": match grant.effect { Effect::Allow => "allow", Effect::Deny => "deny" },
            "expired": grant.expired(now),
            "may": grant.in_words(),
            "reason": grant.reason,
            "approved-by": grant.approved_by,
            "last-day": grant.last_day(),
            "risk": risk(grant),
        })
    });
    json!({
        "plugin": policy.plugin.as_str(),
        "vendor": policy.vendor.as_str(),
        "versions": policy.versions.to_string(),
        "summary": policy.summary,
        "grants": grants.collect::<Vec<_>>(),
    })
}

/// What others wrote shall not be obeyed by a terminal; the ends of lines are ours.
fn lines(text: &str) -> String {
    let lines = text.lines().map(|line| format!("{}\n", visible(line)));
    lines.collect()
}
