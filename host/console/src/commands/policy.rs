//! `bailiwick-console policy`: what approvers do. Nothing of it runs in `serve`.

use std::{
    fs,
    io::{self, IsTerminal as _, Read as _, Write as _},
    path::Path,
};

use anyhow::{Context as _, bail, ensure};
use bailiwick_audit::{Difference, visible};
use bailiwick_core::policy::{LONGEST, Policy};
use bailiwick_repository::{Key, Repository};
use serde_json::json;

use super::{policy_refuse, repo::tell};
use crate::{
    approvals::{Decided, Proposal},
    cli_policy::{PolicyVerb, Sign},
    clock,
};

pub(super) fn run(verb: &PolicyVerb) -> anyhow::Result<()> {
    match verb {
        PolicyVerb::Sign(arguments) => sign(arguments),
        PolicyVerb::Refuse(arguments) => policy_refuse::refuse(arguments),
        PolicyVerb::Withdraw(arguments) => policy_refuse::withdraw(arguments),
    }
}

fn sign(arguments: &Sign) -> anyhow::Result<()> {
    let (file, text) = read(&arguments.policy)?;
    ensure!(
        file != "settings.toml",
        "settings.toml is what is set on devices and no policy: publish it with `bailiwick-console \
         repo policy put`"
    );
    let policy = Policy::parse(&arguments.policy.display().to_string(), &text)?;
    let key = Key::load(&arguments.key)?;
    let repository = Repository::open(&arguments.place.repo)?;
    let keys = may_sign(&repository, &key)?;
    let mut verified = repository.verified()?;
    let decided = Decided::read(&mut verified)?;
    let refused = decided.refused_among(&policy.vendor, &policy.plugin, &policy.versions);
    let proposal = Proposal::new(&mut verified, &file, policy)?;
    let path = arguments.policy.display().to_string();
    let objections = proposal.objections(&path, key.name(), &keys, clock::now());
    if !objections.is_empty() {
        let told = objections
            .iter()
            .map(|it| visible(&it.to_string()).into_owned());
        let told: Vec<_> = told.collect();
        bail!("nothing was signed:\n  {}", told.join("\n  "));
    }
    let difference = proposal.difference(&path);
    let widens = proposal.widens(&difference);
    if !arguments.place.json {
        print!("{}", words(&proposal, &difference));
    }
    if widens && !arguments.widens {
        agreed(arguments.place.json)?;
    }
    let name = key.name().to_owned();
    let sha256 = repository.sign_policy(&file, &text, key, clock::now())?;
    let json = json!({
        "policy": file,
        "sha256": sha256,
        "key": name,
        "in-force": proposal.in_force(),
        "widens": widens,
        "difference": difference.json(),
        "still-refused": refused.iter().map(|it| it.version.to_string()).collect::<Vec<_>>(),
    });
    let mut words = format!("signed by {name} and published: policies/{file} (sha256 {sha256})");
    for it in &refused {
        words.push_str(&format!("\n{}", policy_refuse::still(it)));
    }
    tell(&arguments.place, &json, &words);
    Ok(())
}

/// The file's name and text.
fn read(path: &Path) -> anyhow::Result<(String, String)> {
    let file = path.file_name().and_then(|name| name.to_str());
    let file = file.with_context(|| format!("{} names no file", path.display()))?;
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|opened| opened.take(LONGEST.get() + 1).read_to_end(&mut bytes))
        .with_context(|| format!("{} can't be read", path.display()))?;
    ensure!(
        bytes.len() as u64 <= LONGEST.get(),
        "{} is longer than {LONGEST}, which is the most that a policy has",
        path.display()
    );
    let text = String::from_utf8(bytes)
        .with_context(|| format!("{} is not UTF-8 text", path.display()))?;
    Ok((file.to_owned(), text))
}

/// The names of the keys of `policies`, of which `key` is one.
pub(super) fn may_sign(repository: &Repository, key: &Key) -> anyhow::Result<Vec<String>> {
    let status = repository.status()?;
    let role = status
        .roles
        .into_iter()
        .find(|role| role.name == "policies");
    let role = role.context("the repository has no role `policies`")?;
    let names: Vec<String> = role.keys.iter().map(|key| key.name.clone()).collect();
    let own = role.keys.iter().find(|known| known.id == key.id());
    let Some(own) = own else {
        bail!(
            "the key {} signs no policies here: keys of `policies` are {}; whoever runs the \
             repository lets it sign with `bailiwick-console repo role policies --add {}.pub`",
            key.name(),
            names.join(", "),
            key.name()
        );
    };
    ensure!(
        own.name == key.name(),
        "the key file calls itself {}, and the repository knows the same key as {}: use the file \
         that `repo key new` made",
        key.name(),
        own.name
    );
    Ok(names)
}

fn words(proposal: &Proposal, difference: &Difference) -> String {
    let head = match proposal.in_force() {
        Some(target) => format!("compared with {target}, which is in force:\n"),
        None => "no policy for this plugin is in force: all that it grants is new\n".to_owned(),
    };
    let end = match (proposal.in_force(), difference.is_wider()) {
        (None, _) => "",
        (Some(_), true) => "It is WIDER than what is in force.\n",
        (Some(_), false) => "It is no wider than what is in force.\n",
    };
    format!("{head}{}{end}", difference.text())
}

/// Asks whoever is at the terminal whether they mean it.
fn agreed(as_json: bool) -> anyhow::Result<()> {
    let refused = "nothing was signed: the policy allows more than what is in force; look at what \
                   is wider, and if you approve of it, sign with --widens";
    if as_json || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        bail!(refused);
    }
    print!("Write `yes` to approve of all that is wider: ");
    io::stdout().flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    ensure!(line.trim() == "yes", refused);
    Ok(())
}
