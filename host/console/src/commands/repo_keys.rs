//! `bailiwick-console repo key`, `role`, `rotate`, `sign` and `drop`: who signs.

use std::path::Path;

use anyhow::Context as _;
use bailiwick_repository::{Key, PublicKey, Repository, RoleChange, TopRole, sign_draft};
use serde_json::json;

use super::repo::{tell, tell_as};
use crate::{
    cli_repo::{KeyNew, Place, Role, Rotate, Sign, Top},
    clock,
};

pub(super) fn new_key(arguments: &KeyNew) -> anyhow::Result<()> {
    let KeyNew {
        role, name, out, ..
    } = arguments;
    let plain = |text: &str| {
        (1..=63).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    anyhow::ensure!(
        plain(name) && plain(role),
        "the names of a key and of a role are 1 to 63 of `a-z`, `0-9` and `-`"
    );
    let key = Key::generate(out, role, name)?;
    let [private, public] = ["json", "pub"].map(|end| out.join(format!("{name}.{end}")));
    let json = json!({ "name": name, "id": key.id(), "key": private, "public": public });
    let words = format!(
        "made {}, which stays on this machine\n  \
         id      {}\n  \
         public  {}: hand it to whoever runs `bailiwick-console repo role {role} --add`",
        private.display(),
        key.id(),
        public.display(),
    );
    tell_as(arguments.json, &json, &words);
    Ok(())
}

pub(super) fn role(arguments: &Role) -> anyhow::Result<()> {
    let add = arguments.add.iter().map(|path| PublicKey::load(path));
    let change = RoleChange {
        add: add.collect::<Result<_, _>>()?,
        remove: arguments.remove.clone(),
        threshold: arguments.threshold,
    };
    let repository = Repository::open(&arguments.place.repo)?;
    repository.change_role(&arguments.role, &change, clock::now())?;
    let status = repository.status()?;
    let now = status.roles.iter().find(|role| role.name == arguments.role);
    let now = now.context("the role is not in the repository")?;
    let names: Vec<&str> = now.keys.iter().map(|key| key.name.as_str()).collect();
    let json = json!({ "role": now.name, "version": now.version, "threshold": now.threshold, "keys": names });
    let words = format!(
        "{} {}: {} of {} must sign",
        now.name,
        now.version,
        now.threshold,
        names.join(", ")
    );
    tell(&arguments.place, &json, &words);
    Ok(())
}

pub(super) fn rotate(arguments: &Rotate) -> anyhow::Result<()> {
    let replaced: Vec<TopRole> = arguments.role.iter().map(|role| top(*role)).collect();
    let version = Repository::open(&arguments.place.repo)?.rotate_root(&replaced, clock::now())?;
    let names: Vec<&str> = replaced.iter().map(|role| role.name()).collect();
    let words = match names.as_slice() {
        [] => format!("root {version}: signed anew for a year"),
        names => format!("root {version}: new keys for {}", names.join(", ")),
    };
    let json = json!({ "root": version, "replaced": names });
    tell(&arguments.place, &json, &words);
    Ok(())
}

const fn top(role: Top) -> TopRole {
    match role {
        Top::Root => TopRole::Root,
        Top::Targets => TopRole::Targets,
        Top::Snapshot => TopRole::Snapshot,
        Top::Timestamp => TopRole::Timestamp,
    }
}

pub(super) fn sign(arguments: &Sign) -> anyhow::Result<()> {
    if let (Some(draft), Some(key)) = (&arguments.draft, &arguments.key) {
        return sign_here(draft, key, arguments.json);
    }
    let folder = arguments
        .repo
        .as_deref()
        .context("name the repository with --repo")?;
    let versions = Repository::open(folder)?.sign(clock::now())?;
    let roles: Vec<String> = versions
        .iter()
        .map(|(role, version)| format!("{role} {version}"))
        .collect();
    let words = format!("published {}", roles.join(", "));
    tell_as(arguments.json, &json!({ "published": versions }), &words);
    Ok(())
}

fn sign_here(draft: &Path, key: &Path, as_json: bool) -> anyhow::Result<()> {
    let key = Key::load(key)?;
    let signed = sign_draft(draft, &key)?;
    let json = json!({
        "role": signed.role,
        "version": signed.version,
        "expires": signed.expires,
        "signatures": signed.signatures,
        "key": key.name(),
    });
    let words = format!(
        "signed {} {} (until {}) with {}; signatures in it: {}\n\
         next: put the file back into `drafts` and run `bailiwick-console repo sign --repo DIR`",
        signed.role,
        signed.version,
        signed.expires,
        key.name(),
        signed.signatures,
    );
    tell_as(as_json, &json, &words);
    Ok(())
}

pub(super) fn drop_draft(place: &Place) -> anyhow::Result<()> {
    Repository::open(&place.repo)?.drop_draft()?;
    tell(
        place,
        &json!({ "dropped": true }),
        "the change that waited is given up",
    );
    Ok(())
}
