//! `bailiwick-console policy refuse` and `withdraw`.

use std::{fs, path::Path};

use serde_json::Value;

use super::{components::collector, console, desk, grant, policies, sign, status};

/// As [`desk`], and devices are told to run 0.1.1, which asks for more than its policy grants;
/// 0.1.0 does not.
fn waiting(folder: &Path) -> String {
    let text = desk(folder);
    fs::rename(folder.join("elsewhere"), folder.join("desk/keys")).unwrap();
    let repo = |line: &str| {
        let words = line.split(' ').chain(["--repo", "desk"]);
        console(folder, &words.collect::<Vec<_>>()).unwrap();
    };
    repo("repo vendor add bailiwick");
    for (version, imports) in [
        ("0.1.0", &[("log", "log")][..]),
        ("0.1.1", &[("log", "log"), ("sessions", "all")]),
    ] {
        fs::write(folder.join("c.wasm"), collector(imports)).unwrap();
        repo(&format!(
            "repo publish --vendor bailiwick --plugin inventory --version {version} c.wasm"
        ));
    }
    assign(folder, "0.1.1").unwrap();
    fs::rename(folder.join("desk/keys"), folder.join("elsewhere")).unwrap();
    text
}

fn assign(folder: &Path, version: &str) -> Result<String, String> {
    let line = format!(
        "repo assign --vendor bailiwick --plugin inventory --version {version} --policy \
         inventory.toml --repo desk"
    );
    console(folder, &line.split(' ').collect::<Vec<_>>())
}

fn refuse(folder: &Path, version: &str, more: &[&str]) -> Result<String, String> {
    let mut arguments = vec!["policy", "refuse", "--repo", "desk"];
    if !more.contains(&"--key") {
        arguments.extend(["--key", "anna.json"]);
    }
    if !more.contains(&"--reason") {
        arguments.extend(["--reason", "It need not see everybody's sessions."]);
    }
    arguments.extend(more);
    arguments.extend(["inventory", version]);
    console(folder, &arguments)
}

#[test]
fn a_version_that_waits_is_refused_with_a_reason_and_stays_so_until_that_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = waiting(folder);
    let told = refuse(folder, "0.1.1", &[]).unwrap();
    for part in [
        "inventory 0.1.1 of bailiwick (sha256 ",
        "what stands against it under inventory.toml:\n  `sessions` is imported (all)",
        "refused by anna on 20",
        ": It need not see everybody's sessions.",
        "what runs goes on",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let listed = &status(folder)["refused"];
    assert_eq!(listed[0]["version"], "0.1.1");
    assert_eq!(listed[0]["by"], "anna");
    let digest = listed[0]["component-sha256"].as_str().unwrap();
    let file = format!("desk/public/vendor/bailiwick/inventory/{digest}.0.1.1.wasm");
    assert!(folder.join(&file).is_file(), "{file}");

    let again = refuse(folder, "0.1.1", &["--reason", "Another."]).unwrap_err();
    assert!(again.contains("is refused by anna on"), "{again}");
    let assigned = assign(folder, "0.1.1").unwrap_err();
    assert!(
        assigned.contains("no device runs inventory 0.1.1: refused by anna"),
        "{assigned}"
    );

    // Signing what it asks for does not bring it back, and says so.
    let told = sign(folder, &(text.clone() + &grant("anna")), &["--widens"]).unwrap();
    assert!(
        told.contains("inventory 0.1.1 stays refused by anna on"),
        "{told}"
    );
    assert!(told.contains("policy withdraw inventory 0.1.1"), "{told}");
    let told = sign(folder, &text, &["--json"]).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["still-refused"], serde_json::json!(["0.1.1"]));

    let withdraw = |key: &str| {
        let line = format!("policy withdraw --repo desk --key {key} inventory 0.1.1");
        console(folder, &line.split(' ').collect::<Vec<_>>())
    };
    let other = withdraw("bert.json").unwrap_err();
    assert!(other.contains("the key bert signs no policies"), "{other}");
    let told = withdraw("anna.json").unwrap();
    assert!(told.contains("taken back by anna"), "{told}");
    assert_eq!(status(folder)["refused"], serde_json::json!([]));
    let nothing = withdraw("anna.json").unwrap_err();
    assert!(
        nothing.contains("nobody refused inventory 0.1.1"),
        "{nothing}"
    );
}

#[test]
fn what_can_not_be_refused_is_said_and_nothing_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    waiting(folder);
    let before = policies(folder)["version"].clone();
    for (version, more, expected) in [
        ("0.1.1", &["--reason", ""][..], "`reason` can't be"),
        ("0.1.1", &["--reason", "two\nlines"], "`reason` can't be"),
        (
            "0.1.1",
            &["--key", "bert.json"],
            "the key bert signs no policies here",
        ),
        ("0.1.2", &[], "no vendor has published inventory 0.1.2 here"),
        (
            "0.1.1",
            &["--vendor", "acme"],
            "acme has not published inventory 0.1.1 here",
        ),
    ] {
        let told = refuse(folder, version, more).unwrap_err();
        assert!(told.contains(expected), "{expected}: {told}");
        assert_eq!(policies(folder)["version"], before, "{expected}");
    }
    let without = [
        "policy",
        "refuse",
        "--repo",
        "desk",
        "--key",
        "anna.json",
        "inventory",
        "0.1.1",
    ];
    let told = console(folder, &without).unwrap_err();
    assert!(told.contains("--reason <TEXT>"), "{told}");
}

#[test]
fn what_devices_run_already_is_refused_only_if_they_are_to_stop_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    waiting(folder);
    fs::rename(folder.join("elsewhere"), folder.join("desk/keys")).unwrap();
    assign(folder, "0.1.0").unwrap();
    fs::rename(folder.join("desk/keys"), folder.join("elsewhere")).unwrap();
    let told = refuse(folder, "0.1.0", &[]).unwrap_err();
    assert!(
        told.contains("inventory.toml grants all that inventory 0.1.0 asks for"),
        "{told}"
    );
    assert!(told.contains("With --stops they stop it"), "{told}");
    assert_eq!(status(folder)["refused"], serde_json::json!([]));

    let told = refuse(folder, "0.1.0", &["--stops", "--json"]).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["stops"], true);
    assert_eq!(told["asks"][0]["beyond"], serde_json::json!([]));
    // Nobody is told to run 0.1.1 any more: it can be refused before anybody is.
    let told = refuse(folder, "0.1.1", &[]).unwrap();
    assert!(told.contains("It is assigned to no device"), "{told}");
}

#[test]
fn where_two_have_to_sign_a_refusal_waits_for_the_second() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    waiting(folder);
    let (keys, elsewhere) = (folder.join("desk/keys"), folder.join("elsewhere"));
    fs::rename(&elsewhere, &keys).unwrap();
    let bring = |name: &str| fs::copy(folder.join(name), keys.join(name)).unwrap();
    bring("anna.json");
    let two = "repo role policies --repo desk --add bert.pub --threshold 2";
    console(folder, &two.split(' ').collect::<Vec<_>>()).unwrap();
    fs::rename(&keys, &elsewhere).unwrap();
    let told = refuse(folder, "0.1.1", &[]).unwrap_err();
    assert!(told.contains("not published yet"), "{told}");
    assert_eq!(status(folder)["refused"], serde_json::json!([]));
    fs::create_dir(&keys).unwrap();
    bring("bert.json");
    console(folder, &["repo", "sign", "--repo", "desk"]).unwrap();
    assert_eq!(status(folder)["refused"][0]["by"], "anna");
}
