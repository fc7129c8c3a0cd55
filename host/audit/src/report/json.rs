//! An audit as one object, for programs.

use serde_json::{Value, json};

use super::{Judged, Outcome, Report, Trust, grounds};
use crate::{Finding, Place, Rule, visible::is_plain, words};

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
