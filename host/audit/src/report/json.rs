//! An audit as one object, for programs.

use serde_json::{Value, json};

use super::{Judged, Outcome, Report, Trust, grounds};
use bailiwick_core::{ids::DeviceId, refusal::Refused};

use crate::{
    Finding, Place, Rule,
    record::{Deed, Deeds},
    visible::is_plain,
    words,
};

/// The object, `format` 1.
pub fn json(report: &Report) -> Value {
    json!({
        "format": 1,
        "at-ms": report.at.as_ms(),
        "outcome": match report.outcome() {
            Outcome::Clean => "clean",
            Outcome::Findings => "findings",
            Outcome::NotJudged => "not-judged",
        },
        "grounds": grounds(report),
        "repository": report.repository.as_ref().map(|repository| json!({
            "folder": repository.folder,
            "root-sha256": repository.root,
            "root-is-named": repository.trust == Trust::Named,
            "policies-keys": repository.signers.policies,
            "roles": repository.signers.roles.iter().map(|role| json!({
                "name": role.name,
                "version": role.version,
                "expires": role.expires,
                "signed-by": role.signed_by,
            })).collect::<Vec<_>>(),
            "refused": repository.refused.iter().map(refusal).collect::<Vec<_>>(),
        })),
        "record": report.record.as_ref().map(|record| json!({
            "folder": record.folder,
            "devices": record.devices.iter().map(|device| json!({
                "device": device.device.to_string(),
                "entries": device.entries,
                "first-ms": device.first.as_ms(),
                "last-ms": device.last.as_ms(),
                "head": device.head,
                "made-room-up-to": device.made_room,
                "head-agrees": device.is_held,
            })).collect::<Vec<_>>(),
            "plugins": record.plugins.iter().map(|(plugin, deeds)| {
                (plugin.clone(), self::deeds(deeds))
            }).collect::<serde_json::Map<_, _>>(),
        })),
        "plugins": report.judged.iter().map(plugin).collect::<Vec<_>>(),
        "not-judged": report.unjudged.iter().map(|unjudged| json!({
            "place": place(&unjudged.place),
            "reason": unjudged.reason,
        })).collect::<Vec<_>>(),
        "rules": Rule::ALL.map(|rule| json!({
            "id": rule.id(),
            "name": rule.name(),
            "level": rule.level().name(),
            "title": rule.title(),
            "why": rule.why(),
            "mend": rule.mend(),
        })),
    })
}

/// A refusal, as the console's commands tell it too.
pub fn refusal(refused: &Refused) -> Value {
    json!({
        "plugin": refused.plugin,
        "vendor": refused.vendor,
        "version": refused.version.to_string(),
        "component-sha256": refused.component_sha256,
        "by": refused.by,
        "on": refused.day(),
        "reason": refused.reason,
    })
}

/// `object` as text of several lines that a terminal can be shown: what is not seen, or would
/// be obeyed, is an escape of JSON, so whoever reads the text gets it as it was.
pub fn printed(object: &Value) -> String {
    let mut printed = String::new();
    for character in format!("{object:#}\n").chars() {
        // Outside of texts JSON has only ASCII.
        if character == '\n' || is_plain(character) {
            printed.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                printed.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    printed
}

fn plugin(judged: &Judged) -> Value {
    let subject = &judged.subject;
    json!({
        "plugin": subject.plugin,
        "policy": subject.policy.as_ref().map(|file| json!({
            "file": file.file(),
            "vendor": file.policy().vendor.as_str(),
            "versions": file.policy().versions.to_string(),
            "summary": file.policy().summary,
            "grants": file.policy().grants.iter().enumerate().map(|(index, grant)| {
                let (may, particulars) = words::grant(grant);
                json!({
                    "capability": grant.capability.name(),
                    "effect": match grant.effect {
                        bailiwick_core::policy::Effect::Allow => "allow",
                        bailiwick_core::policy::Effect::Deny => "deny",
                    },
                    "what": may,
                    "particulars": particulars,
                    "reason": grant.reason,
                    "approved-by": grant.approved_by,
                    "last-day": grant.last_day(),
                    "risk": words::risk(grant.risk),
                    "place": place(&file.place(&format!("grant.{index}"))),
                })
            }).collect::<Vec<_>>(),
        })),
        "component": subject.component.as_ref().map(|component| json!({
            "file": component.file,
            "inspection": component.inspection,
        })),
        "release": subject.release.as_ref().map(|release| json!({
            "version": release.version.to_string(),
            "world": release.world.name(),
            "role": release.role,
            "signed-by": release.signed_by,
            "assigned": release.assigned,
            "forbidden": release.forbidden,
            "changes": release.changes.as_ref().map(|changes| json!({
                "from": changes.from.to_string(),
                "wider": changes.wider,
                "narrower": changes.narrower,
                "other": changes.other,
            })),
        })),
        "findings": judged.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn deeds(deeds: &Deeds) -> Value {
    let used = &deeds.used;
    json!({
        "devices": deeds.devices.iter().map(DeviceId::to_string).collect::<Vec<_>>(),
        "versions": deeds.versions,
        "turned-down": deeds.turned_down.iter().map(deed).collect::<Vec<_>>(),
        "first-ms": deeds.first.as_ms(),
        "last-ms": deeds.last.as_ms(),
        "used": {
            "calls": used.calls,
            "traps": used.traps,
            "host-calls": used.host_calls,
            "denials": used.denials,
            "cpu-us": used.cpu_us,
            "memory-high-bytes": used.memory_high_bytes,
            "out-bytes": used.out_bytes,
            "capabilities": used.capabilities,
        },
        "denials": deeds.denials.iter().map(deed).collect::<Vec<_>>(),
        "effects": deeds.effects.iter().map(deed).collect::<Vec<_>>(),
        "more-denials": deeds.more_denials,
        "more-effects": deeds.more_effects,
    })
}

fn deed(deed: &Deed) -> Value {
    json!({
        "call": deed.call,
        "outcome": deed.outcome,
        "allowed-by": deed.allowed_by,
        "count": deed.count,
        "devices": deed.devices.len(),
        "last-ms": deed.last.as_ms(),
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "rule": finding.rule.id(),
        "level": finding.rule.level().name(),
        "text": finding.text,
        "place": place(&finding.place),
    })
}

fn place(place: &Place) -> Value {
    json!({
        "file": place.file,
        "line": place.at.map(|at| at.line),
        "column": place.at.map(|at| at.column),
    })
}
