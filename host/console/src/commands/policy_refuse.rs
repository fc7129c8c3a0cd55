//! `bailiwick-console policy refuse`, and `policy withdraw`, which takes it back.

use anyhow::{Context as _, bail, ensure};
use bailiwick_audit::{report::refusal, visible};
use bailiwick_core::{ids::VendorName, refusal::Refused, release::component_target};
use bailiwick_repository::{Key, Named, Repository};
use serde_json::json;

use super::{policy::may_sign, repo::tell};
use crate::{
    approvals::Request,
    cli_policy::{Refuse, Release, Withdraw},
    clock,
};

pub(super) fn refuse(arguments: &Refuse) -> anyhow::Result<()> {
    let key = Key::load(&arguments.key)?;
    let repository = Repository::open(&arguments.place.repo)?;
    may_sign(&repository, &key)?;
    let release = &arguments.version;
    let vendor = vendor(&repository, release)?;
    let named = named(&vendor, release);
    let request = Request::read(&mut repository.verified()?, named, clock::now())?;
    let request = request.with_context(|| not_published(&vendor, release))?;
    let granted = request.granted_by();
    if !granted.is_empty() && !arguments.stops {
        bail!(
            "nothing was refused: {policies} grants all that {plugin} {version} asks for, so \
             devices run it. With --stops they stop it at their next refresh. To leave it and \
             take rights from it, sign a narrower policy with `bailiwick-console policy sign`; to \
             give devices another version, use `repo assign`",
            policies = granted.join(", "),
            plugin = release.plugin,
            version = release.version,
        );
    }
    let refused = repository.refuse(named, &arguments.reason, key, clock::now())?;
    let asked = request
        .asked
        .iter()
        .map(|asked| json!({ "policy": asked.assigned.entry.policy, "beyond": asked.beyond }));
    let mut answer = refusal(&refused);
    answer["asks"] = asked.collect();
    answer["stops"] = (!granted.is_empty()).into();
    tell(&arguments.place, &answer, &words(&request, &refused));
    Ok(())
}

pub(super) fn withdraw(arguments: &Withdraw) -> anyhow::Result<()> {
    let key = Key::load(&arguments.key)?;
    let repository = Repository::open(&arguments.place.repo)?;
    may_sign(&repository, &key)?;
    let release = &arguments.version;
    let vendor = vendor(&repository, release)?;
    let by = key.name().to_owned();
    let refused = repository.withdraw_refusal(named(&vendor, release), key, clock::now())?;
    let words = format!(
        "taken back by {by}: {} {} was {}\n\
         Devices judge it anew at their next refresh, by the policy under which it is assigned.",
        refused.plugin,
        refused.version,
        visible(&refused.to_string()),
    );
    let answer = json!({ "withdrawn": refusal(&refused), "key": by });
    tell(&arguments.place, &answer, &words);
    Ok(())
}

/// What whoever signs a policy for a refused version has to know.
pub(super) fn still(refused: &Refused) -> String {
    let Refused {
        plugin, version, ..
    } = refused;
    format!(
        "{plugin} {version} stays {}\n  whatever this policy grants: to let it run, take that back \
         with `bailiwick-console policy withdraw {plugin} {version}`",
        visible(&refused.to_string())
    )
}

fn named<'a>(vendor: &'a VendorName, release: &'a Release) -> Named<'a> {
    Named {
        vendor,
        plugin: &release.plugin,
        version: &release.version,
    }
}

/// Who published the version: the one vendor that did, unless one is named.
fn vendor(repository: &Repository, release: &Release) -> anyhow::Result<VendorName> {
    if let Some(vendor) = &release.vendor {
        return Ok(vendor.clone());
    }
    let mut found: Vec<VendorName> = Vec::new();
    for role in repository.status()?.roles {
        let Some(vendor) = role.name.strip_prefix("vendor-") else {
            continue;
        };
        let vendor: VendorName = vendor.parse()?;
        let path = component_target(&vendor, &release.plugin, &release.version);
        if role.targets.iter().any(|target| target.path == path) {
            found.push(vendor);
        }
    }
    let names = || {
        found
            .iter()
            .map(|vendor| vendor.as_str())
            .collect::<Vec<_>>()
    };
    ensure!(
        found.len() < 2,
        "{} {} is published by {}: say whose you mean with --vendor",
        release.plugin,
        release.version,
        names().join(" and by ")
    );
    found.pop().with_context(|| {
        format!(
            "no vendor has published {} {} here: `bailiwick-console repo status` lists what is \
             published",
            release.plugin, release.version
        )
    })
}

fn not_published(vendor: &VendorName, release: &Release) -> String {
    format!(
        "{vendor} has not published {} {} here: `bailiwick-console repo status` lists what is \
         published",
        release.plugin, release.version
    )
}

fn words(request: &Request, refused: &Refused) -> String {
    let Refused {
        plugin,
        version,
        vendor,
        ..
    } = refused;
    let mut words = format!(
        "{plugin} {version} of {vendor} (sha256 {})\n",
        request.sha256
    );
    for asked in &request.asked {
        let policy = &asked.assigned.entry.policy;
        if asked.beyond.is_empty() {
            words.push_str(&format!(
                "{policy} grants all that it asks for, so devices run it: they stop it at their \
                 next refresh.\nThe grants stay, for other versions: sign a narrower policy if \
                 they are to go, too.\n"
            ));
        } else {
            words.push_str(&format!("what stands against it under {policy}:\n"));
            for line in &asked.beyond {
                words.push_str(&format!("  {}\n", visible(line)));
            }
        }
    }
    words.push_str(&visible(&refused.to_string()));
    words.push_str(match (request.asked.is_empty(), request.granted_by().is_empty()) {
        (true, _) => "\nIt is assigned to no device, and can't be any more.",
        (false, true) => {
            "\nDevices that waited for approval say so from their next refresh on; what runs goes \
             on. They are still\ntold to run it: assign another version with `bailiwick-console \
             repo assign`."
        }
        (false, false) => {
            "\nDevices are still told to run it: assign another version with `bailiwick-console \
             repo assign`."
        }
    });
    words
}
