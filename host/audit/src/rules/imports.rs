//! What a component imports and exports, held against its policy: core's verdict, as
//! findings.

use bailiwick_core::{
    CONTRACT,
    audit::{self, Finding as Fact},
    policy::{Effect, Grant},
    release::World,
};

use super::Case;
use crate::{Place, Rule};

pub(super) fn judge(case: &mut Case<'_>) {
    let subject = case.subject;
    let Some(component) = &subject.component else {
        return;
    };
    let whole = Place::file(&component.file);
    let imports = component.inspection.component_imports();
    let Some(policy) = &subject.policy else {
        return;
    };
    for fact in audit::verdict(&imports, policy.policy(), case.now).findings {
        match fact {
            Fact::NotGranted {
                capability,
                functions,
            } => {
                let text = format!(
                    "`{capability}` is imported ({}) and never granted",
                    functions.join(", ")
                );
                case.find(Rule::ImportWithoutGrant, case.place("plugin"), text);
            }
            Fact::NotImported { capability } => {
                let allowed = |(_, grant): &(usize, &Grant)| {
                    grant.capability == capability
                        && grant.effect == Effect::Allow
                        && !grant.expired(case.now)
                };
                let grants = policy.policy().grants.iter().enumerate();
                let places: Vec<_> = grants
                    .filter(allowed)
                    .map(|(index, _)| policy.place(&format!("grant.{index}.capability")))
                    .collect();
                for place in places {
                    let text =
                        format!("`{capability}` is granted and the component does not import it");
                    case.find(Rule::GrantWithoutImport, place, text);
                }
            }
            Fact::WasiRefused { import } => {
                let text = format!("`{import}` is imported, and is never linked");
                case.find(Rule::WasiBeyondBaseline, whole.clone(), text);
            }
            Fact::Version { import } => {
                let text = format!("`{import}` is of another version than {}", CONTRACT);
                case.find(Rule::UnknownImport, whole.clone(), text);
            }
            Fact::Unknown { import } => {
                let text = format!("`{import}` is nothing that hosts know");
                case.find(Rule::UnknownImport, whole.clone(), text);
            }
            Fact::NoWorld => {
                let text = "it exports none of the contract's worlds";
                case.find(Rule::NoWorld, whole.clone(), text);
            }
            // A denial is meant, and an expiry is told by its own rule.
            Fact::Granted { .. } | Fact::Stub { .. } | Fact::WasiBaseline { .. } => {}
            // Core can learn to tell more: whatever refuses a plugin is never passed over.
            other if other.refuses() => {
                case.find(Rule::UnknownImport, whole.clone(), other.to_string());
            }
            _ => {}
        }
    }
    let exports = imports.exports.iter().map(String::as_str);
    let released = subject.release.as_ref().map(|release| release.world);
    let world = released.or_else(|| World::of_exports(exports));
    if let Some(world) = world
        && let Err(mismatch) = world.check_schedule(policy.policy())
    {
        let text = mismatch.to_string();
        case.find(Rule::Schedule, policy.place("schedule"), text);
    }
}
