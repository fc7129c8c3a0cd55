//! `bailiwick-console repo`.

use std::{fs, path::Path};

use anyhow::Context as _;
use bailiwick_repository::{self as repository, Repository};
use serde_json::json;

use super::{repo_keys, repo_operator, repo_status};
use crate::{
    cli_repo::{
        Assign, Init, KeyVerb, Place, PolicyPut, PolicyVerb, Publish, RepoVerb, Revoke, Unassign,
        VendorVerb,
    },
    clock,
};

pub(super) fn run(verb: &RepoVerb) -> anyhow::Result<()> {
    match verb {
        RepoVerb::Init(arguments) => init(arguments),
        RepoVerb::Publish(arguments) => publish(arguments),
        RepoVerb::Policy {
            verb: PolicyVerb::Put(arguments),
        } => put_policy(arguments),
        RepoVerb::Assign(arguments) => assign(arguments),
        RepoVerb::Unassign(arguments) => unassign(arguments),
        RepoVerb::Revoke(arguments) => revoke(arguments),
        RepoVerb::Vendor { verb } => vendor(verb),
        RepoVerb::Key {
            verb: KeyVerb::New(arguments),
        } => repo_keys::new_key(arguments),
        RepoVerb::Role(arguments) => repo_keys::role(arguments),
        RepoVerb::Rotate(arguments) => repo_keys::rotate(arguments),
        RepoVerb::Operator { verb } => repo_operator::run(verb),
        RepoVerb::Sign(arguments) => repo_keys::sign(arguments),
        RepoVerb::Drop(place) => repo_keys::drop_draft(place),
        RepoVerb::Refresh(place) => refresh(place),
        RepoVerb::Status(place) => repo_status::run(place),
    }
}

/// One answer, for a script or for a person.
pub(super) fn tell(place: &Place, json: &serde_json::Value, words: &str) {
    tell_as(place.json, json, words);
}

/// As [`tell`], for a verb that needs no repository.
pub(super) fn tell_as(as_json: bool, json: &serde_json::Value, words: &str) {
    if as_json {
        println!("{json}");
    } else {
        println!("{words}");
    }
}

fn init(arguments: &Init) -> anyhow::Result<()> {
    let place = &arguments.place;
    let settings = repository::Init {
        vendors: arguments.vendor.clone(),
        server_names: arguments.server_name.clone(),
        now: clock::now(),
    };
    let made = Repository::init(&place.repo, &settings)?;
    let json = json!({
        "root-sha256": made.root_sha256,
        "ca-sha256": made.ca_sha256,
        "public": made.public,
        "ca": made.ca,
        "server-certificate": made.server_certificate,
        "server-key": made.server_key,
    });
    let words = format!(
        "repository made in {repo}\n  \
         sha256 of the first root    {root}\n  \
         sha256 of the authority     {authority}\n\
         devices need both, and {ca}\n\
         next: bailiwick-console serve --data {repo}",
        repo = place.repo.display(),
        root = made.root_sha256,
        authority = made.ca_sha256,
        ca = made.ca.display(),
    );
    tell(place, &json, &words);
    Ok(())
}

fn publish(arguments: &Publish) -> anyhow::Result<()> {
    let component = read(&arguments.component)?;
    let release = repository::Publish {
        vendor: &arguments.vendor,
        plugin: &arguments.plugin,
        version: &arguments.version,
        world: arguments.world,
        contract: &arguments.contract,
        minimum_host: &arguments.minimum_host,
        component: &component,
    };
    let published = Repository::open(&arguments.place.repo)?.publish(&release, clock::now())?;
    let json = json!({
        "component": published.component,
        "manifest": published.manifest,
        "sha256": published.sha256,
        "bytes": component.len(),
        "role-version": published.role_version,
    });
    let words = format!(
        "published {} ({} bytes, sha256 {}), signed by vendor {}",
        published.component,
        component.len(),
        published.sha256,
        arguments.vendor,
    );
    tell(&arguments.place, &json, &words);
    Ok(())
}

fn put_policy(arguments: &PolicyPut) -> anyhow::Result<()> {
    let path = &arguments.policy;
    let file = path.file_name().and_then(|name| name.to_str());
    let file = file.with_context(|| format!("{} names no file", path.display()))?;
    let text = String::from_utf8(read(path)?)
        .with_context(|| format!("{} is not UTF-8 text", path.display()))?;
    let repository = Repository::open(&arguments.place.repo)?;
    let sha256 = repository.put_policy(file, &text, clock::now())?;
    let json = json!({ "policy": file, "sha256": sha256 });
    let words = format!("published policies/{file} (sha256 {sha256})");
    tell(&arguments.place, &json, &words);
    Ok(())
}

fn assign(arguments: &Assign) -> anyhow::Result<()> {
    let groups = arguments.group.iter().cloned().collect();
    let assignment = repository::Assign {
        vendor: &arguments.vendor,
        plugin: &arguments.plugin,
        version: &arguments.version,
        policy: &arguments.policy,
        groups: (!arguments.group.is_empty()).then_some(groups),
        percentage: arguments.percentage,
    };
    let serial = Repository::open(&arguments.place.repo)?.assign(&assignment, clock::now())?;
    let words = format!(
        "assignment {serial}: {} {} of {} under {}, for {} % of {}",
        arguments.plugin,
        arguments.version,
        arguments.vendor,
        arguments.policy,
        arguments.percentage,
        audience(arguments),
    );
    tell(&arguments.place, &json!({ "serial": serial }), &words);
    Ok(())
}

fn audience(arguments: &Assign) -> String {
    let names: Vec<&str> = arguments.group.iter().map(|group| group.as_str()).collect();
    match names.as_slice() {
        [] => "all devices".to_owned(),
        names => format!("the devices of {}", names.join(", ")),
    }
}

fn unassign(arguments: &Unassign) -> anyhow::Result<()> {
    let repository = Repository::open(&arguments.place.repo)?;
    let serial = repository.unassign(&arguments.plugin, clock::now())?;
    let words = format!("assignment {serial}: without {}", arguments.plugin);
    tell(&arguments.place, &json!({ "serial": serial }), &words);
    Ok(())
}

fn revoke(arguments: &Revoke) -> anyhow::Result<()> {
    let Revoke {
        place,
        vendor,
        plugin,
        versions,
        reason,
    } = arguments;
    let repository = Repository::open(&place.repo)?;
    repository.revoke(vendor, plugin, versions, reason, clock::now())?;
    let json = json!({ "revoked": { "vendor": vendor, "plugin": plugin, "versions": versions } });
    let words = format!("revoked {plugin} {versions} of {vendor}: {reason}");
    tell(place, &json, &words);
    Ok(())
}

fn vendor(verb: &VendorVerb) -> anyhow::Result<()> {
    let (arguments, done) = match verb {
        VendorVerb::Add(arguments) => (arguments, "added"),
        VendorVerb::Remove(arguments) => (arguments, "removed"),
    };
    let (repository, now) = (Repository::open(&arguments.place.repo)?, clock::now());
    match verb {
        VendorVerb::Add(_) => repository.add_vendor(&arguments.vendor, now)?,
        VendorVerb::Remove(_) => repository.remove_vendor(&arguments.vendor, now)?,
    }
    let words = format!("vendor {} {done}", arguments.vendor);
    tell(&arguments.place, &json!({ done: arguments.vendor }), &words);
    Ok(())
}

fn refresh(place: &Place) -> anyhow::Result<()> {
    Repository::open(&place.repo)?.refresh(clock::now())?;
    tell(
        place,
        &json!({ "refreshed": true }),
        "snapshot and timestamp signed anew; the timestamp holds for 7 days",
    );
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{} can't be read", path.display()))
}
