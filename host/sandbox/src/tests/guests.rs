//! The hostile components of `tests/guests/sandbox`, each against two hosts: one that lacks
//! the one defence that its `attack.toml` names, and ours. It must succeed against the
//! first, or it would prove nothing, and fail against the second in the words that stand
//! there. What is a guest and how to add one: `tests/guests/README.md`.

mod attack;
mod bounds;
mod build;
mod calls;
mod host;
mod meddled;
mod outside;
mod run;
mod written;

use std::{collections::BTreeSet, fs, path::PathBuf};

use self::{attack::Attack, host::Host, run::Saw};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/sandbox")
}

/// The guests, by their folders' names.
fn names() -> BTreeSet<String> {
    let entries = fs::read_dir(folder()).unwrap().map(Result::unwrap);
    entries
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

/// What speaks against calling the attack stopped; none if it was.
fn not_stopped(attack: &Attack, saw: &Saw) -> Option<String> {
    if let Some(bound) = saw.broken(&attack.policy.limits).first() {
        return Some(format!("{bound:?} was passed"));
    }
    match (&saw.said, &attack.refused) {
        (Err(said), Some(refused)) if said.contains(refused) => None,
        (Ok(()), None) => None,
        (said, expected) => Some(format!("{said:?}, and not {expected:?}")),
    }
}

/// What speaks against calling the attack a success; none if it was.
fn not_succeeded(attack: &Attack, saw: &Saw) -> Option<String> {
    if let Some(bound) = attack.breaks
        && !saw.broken(&attack.policy.limits).contains(&bound)
    {
        return Some(format!("{bound:?} was kept, {:?}", saw.said));
    }
    match (&saw.said, &attack.succeeds) {
        (Err(said), Some(succeeds)) if said.contains(succeeds) => None,
        (Ok(()), None) => None,
        (said, expected) => Some(format!("{said:?}, and not {expected:?}")),
    }
}

/// One line for each that did not go as it says.
async fn judge(name: &str) -> Vec<String> {
    let attack = Attack::read(&folder(), name);
    let compiled = build::build(&attack).await;
    let mut wrong = Vec::new();
    if let Some(defence) = attack.without {
        let saw = Host::without(defence, &attack)
            .run(&attack, &compiled)
            .await;
        if let Some(reason) = not_succeeded(&attack, &saw) {
            wrong.push(format!(
                "{name} does not succeed without {defence:?}: {reason}"
            ));
        }
    }
    let saw = Host::ours(&attack).run(&attack, &compiled).await;
    if let Some(reason) = not_stopped(&attack, &saw) {
        wrong.push(format!("{name} is not stopped: {reason}"));
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_guest_succeeds_without_the_one_defence_and_fails_against_ours() {
    let mut wrong = Vec::new();
    for name in names() {
        wrong.extend(judge(&name).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
