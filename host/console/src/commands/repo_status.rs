//! `bailiwick-console repo status`.

use bailiwick_audit::report::refusal;
use bailiwick_repository::{Repository, RoleStatus};

use crate::cli_repo::Place;

pub(super) fn run(place: &Place) -> anyhow::Result<()> {
    let repository = Repository::open(&place.repo)?;
    let status = repository.status()?;
    let assignment = repository.assignment()?;
    let refused = repository.revocations()?.refused;
    let root = repository.root_sha256()?;
    if place.json {
        let mut json = serde_json::to_value(&status)?;
        json["root-sha256"] = root.to_string().into();
        json["assigned"] = assignment
            .plugins
            .iter()
            .map(|entry| {
                serde_json::json!({
                    "plugin": entry.name,
                    "vendor": entry.vendor,
                    "version": entry.version.to_string(),
                    "policy": entry.policy,
                    "groups": entry.groups,
                    "percentage": entry.percentage,
                })
            })
            .collect();
        json["refused"] = refused.iter().map(refusal).collect();
        println!("{json}");
        return Ok(());
    }
    println!("sha256 of the first root  {root}");
    println!("\nassignment {}", status.assignment_serial);
    for entry in &assignment.plugins {
        let groups = entry
            .groups
            .as_ref()
            .map_or("all devices".to_owned(), |groups| {
                let names: Vec<&str> = groups.iter().map(|group| group.as_str()).collect();
                format!("the devices of {}", names.join(", "))
            });
        println!(
            "  {} {} of {} under {}, for {} % of {groups}",
            entry.name, entry.version, entry.vendor, entry.policy, entry.percentage
        );
    }
    println!("\nrevocations {}", status.revocations);
    println!("\nrefusals {}", refused.len());
    for it in &refused {
        println!("  {} {} of {}: {it}", it.plugin, it.version, it.vendor);
    }
    if !status.waiting.is_empty() {
        println!(
            "\nwaiting for signatures: {} (`repo sign` adds them)",
            status.waiting.join(", ")
        );
    }
    status.roles.iter().for_each(role);
    Ok(())
}

fn role(role: &RoleStatus) {
    let keys: Vec<&str> = role.keys.iter().map(|key| key.name.as_str()).collect();
    println!(
        "\n{} {}, expires {}, signed by {} of {}",
        role.name,
        role.version,
        role.expires,
        role.threshold,
        keys.join(", ")
    );
    for target in &role.targets {
        println!(
            "  {:>10} bytes  {}  {}",
            target.length, target.sha256, target.path
        );
    }
}
