//! `bailiwick-console policy` as an approver types it, with a key that nobody else has.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]

#[path = "../components/mod.rs"]
mod components;
mod refuse;

use std::{fs, path::Path, process::Command};

use serde_json::Value;

const CONSOLE: &str = env!("CARGO_BIN_EXE_bailiwick-console");
const POLICY: &str = include_str!("../../../core/fixtures/policy.toml");

/// What the program prints, or all that it prints when it fails.
fn console(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(CONSOLE);
    let output = command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let [out, error] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    match output.status.success() {
        true => Ok(out),
        false => Err(out + &error),
    }
}

fn status(folder: &Path) -> Value {
    let told = console(folder, &["repo", "status", "--repo", "desk", "--json"]);
    serde_json::from_str(&told.unwrap()).unwrap()
}

/// The role `policies`.
fn policies(folder: &Path) -> Value {
    let status = status(folder);
    let mut roles = status["roles"].as_array().unwrap().iter();
    roles
        .find(|role| role["name"] == "policies")
        .unwrap()
        .clone()
}

/// A repository with a policy in force, and keys of anna, who may sign policies, and of bert,
/// who may not. No other key of the repository is left where it is.
fn desk(folder: &Path) -> String {
    let ok = |arguments: &[&str]| console(folder, arguments).unwrap();
    ok(&["repo", "init", "--repo", "desk"]);
    for name in ["anna", "bert"] {
        ok(&[
            "repo", "key", "new", "--role", "policies", "--name", name, "--out", ".",
        ]);
    }
    ok(&[
        "repo", "role", "policies", "--repo", "desk", "--add", "anna.pub",
    ]);
    let first = policies(folder)["keys"][0]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let text = POLICY.replace("policies-2026", &first);
    fs::write(folder.join("inventory.toml"), &text).unwrap();
    ok(&["repo", "policy", "put", "--repo", "desk", "inventory.toml"]);
    fs::rename(folder.join("desk/keys"), folder.join("elsewhere")).unwrap();
    text
}

fn sign(folder: &Path, text: &str, more: &[&str]) -> Result<String, String> {
    fs::write(folder.join("inventory.toml"), text).unwrap();
    let mut arguments = vec!["policy", "sign", "--repo", "desk"];
    if !more.contains(&"--key") {
        arguments.extend(["--key", "anna.json"]);
    }
    arguments.extend(more);
    arguments.push("inventory.toml");
    console(folder, &arguments)
}

fn grant(by: &str) -> String {
    format!(
        "\n[[grant]]\ncapability = \"files\"\neffect = \"allow\"\n\
         roots = [{{ root = \"/srv\", paths = [\"x\"] }}]\nreason = \"A test.\"\n\
         approved-by = \"{by}\"\nrisk = \"low\"\n"
    )
}

#[test]
fn an_approver_signs_with_a_key_of_their_own_and_says_so_where_it_widens() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = desk(folder);
    let before = policies(folder)["version"].as_u64().unwrap();

    let wider = text.clone() + &grant("anna");
    let told = sign(folder, &wider, &[]).unwrap_err();
    assert!(
        told.contains("wider     files: may now also read /srv/x"),
        "{told}"
    );
    assert!(
        told.contains("compared with policies/inventory.toml"),
        "{told}"
    );
    assert!(told.contains("sign with --widens"), "{told}");
    assert_eq!(policies(folder)["version"], before);

    let told = sign(folder, &wider, &["--widens"]).unwrap();
    assert!(
        told.contains("It is WIDER than what is in force."),
        "{told}"
    );
    assert!(
        told.contains("signed by anna and published: policies/inventory.toml"),
        "{told}"
    );
    assert_eq!(policies(folder)["version"], before + 1);

    let narrower = wider.replace("16 MiB", "8 MiB");
    let told = sign(folder, &narrower, &["--json"]).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["widens"], false);
    assert_eq!(told["key"], "anna");
    assert_eq!(told["difference"]["relation"], "narrower");
    assert_eq!(policies(folder)["version"], before + 2);

    // Of a first policy every grant is new.
    fs::write(
        folder.join("first.toml"),
        text.replace("\"inventory\"", "\"first\""),
    )
    .unwrap();
    let first = [
        "policy",
        "sign",
        "--repo",
        "desk",
        "--key",
        "anna.json",
        "first.toml",
    ];
    let told = console(folder, &first).unwrap_err();
    assert!(told.contains("this grant is new or changed"), "{told}");
}

#[test]
fn what_an_approver_must_not_sign_is_named_and_nothing_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = desk(folder);
    let before = policies(folder)["version"].clone();
    let first = policies(folder)["keys"][0]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let case = "\n[[case]]\ncall = [\"files\", \"/etc/shadow\"]\nexpect = \"allow\"\n";
    for (text, more, expected) in [
        (
            text.clone() + &grant("cleo"),
            &["--widens"][..],
            "`cleo` is no key of `policies`",
        ),
        (
            text.clone() + &grant(&first),
            &["--widens"],
            "write `approved-by = \"anna\"`, or let",
        ),
        (
            text.clone(),
            &["--key", "bert.json"],
            "the key bert signs no policies here",
        ),
        (text.clone() + case, &[], "does not hold"),
        (
            text.replace("format = 1", "format = 2"),
            &[],
            "inventory.toml:2",
        ),
    ] {
        let told = sign(folder, &text, more).unwrap_err();
        assert!(told.contains(expected), "{expected}: {told}");
        assert_eq!(policies(folder)["version"], before, "{expected}");
    }
    // What was edited in the folder is not taken for what is in force.
    let wider = text.clone() + &grant("anna");
    let sha256 = policies(folder)["targets"]
        .as_array()
        .unwrap()
        .iter()
        .find(|target| target["path"] == "policies/inventory.toml")
        .unwrap()["sha256"]
        .as_str()
        .unwrap()
        .to_owned();
    let file = format!("desk/public/policies/{sha256}.inventory.toml");
    fs::write(folder.join(file), &wider).unwrap();
    let told = sign(folder, &wider, &[]).unwrap_err();
    assert!(told.contains("can't be verified"), "{told}");
}

#[test]
fn where_two_have_to_sign_one_signature_publishes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = desk(folder);
    fs::rename(folder.join("elsewhere"), folder.join("desk/keys")).unwrap();
    let two = [
        "repo",
        "role",
        "policies",
        "--repo",
        "desk",
        "--add",
        "bert.pub",
        "--threshold",
        "2",
    ];
    // The role is signed anew, by two: anna's key is needed, and then not there any more.
    fs::copy(folder.join("anna.json"), folder.join("desk/keys/anna.json")).unwrap();
    console(folder, &two).unwrap();
    fs::remove_file(folder.join("desk/keys/anna.json")).unwrap();
    let before = policies(folder)["version"].clone();
    let told = sign(folder, &text.replace("16 MiB", "8 MiB"), &[]).unwrap_err();
    assert!(told.contains("not published yet"), "{told}");
    assert!(told.contains("and 1 of them did"), "{told}");
    assert_eq!(policies(folder)["version"], before);
}
