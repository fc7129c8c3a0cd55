//! Who approved and who published, held against the keys of a repository.

use super::Case;
use crate::{Place, PolicyFile, Rule};

pub(super) fn judge(case: &mut Case<'_>, file: &PolicyFile) {
    let Some(signers) = case.signers else {
        return;
    };
    for (index, grant) in file.policy().grants.iter().enumerate() {
        if !signers.policies.contains(&grant.approved_by) {
            let text = format!(
                "`{}` is said to have approved the grant of `{}`, and keys of `policies` are {}",
                grant.approved_by,
                grant.capability,
                listed(&signers.policies)
            );
            case.find(
                Rule::UnknownApprover,
                file.place(&format!("grant.{index}.approved-by")),
                text,
            );
        }
    }
    let Some(component) = &case.subject.component else {
        return;
    };
    let vendor = &file.policy().vendor;
    let wanted = format!("vendor-{vendor}");
    let sha256 = component.inspection.sha256;
    let roles: Vec<_> = signers
        .components
        .iter()
        .filter(|(signed, _)| *signed == sha256)
        .map(|(_, role)| role.as_str())
        .collect();
    if roles.contains(&wanted.as_str()) {
        return;
    }
    let text = match roles.first() {
        Some(role) => {
            format!("it is listed by the role `{role}`, and the policy's vendor is `{vendor}`")
        }
        None => format!("no role of the repository lists it; the policy's vendor is `{vendor}`"),
    };
    case.find(Rule::OtherPublisher, Place::file(&component.file), text);
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "none".to_owned(),
        _ => quoted.join(", "),
    }
}
