//! The verbs of `repo` as a person types them: a root that two of three people sign, each on a
//! machine of their own.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::{fs, path::Path, process::Command};

use serde_json::Value;

const CONSOLE: &str = env!("CARGO_BIN_EXE_bailiwick-console");

/// What `repo` prints, or its complaint.
fn repo(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(CONSOLE);
    let output = command
        .arg("repo")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    }
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    serde_json::from_str(&repo(folder, &all).unwrap()).unwrap()
}

fn names(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn root(folder: &Path) -> Value {
    json(folder, &["status", "--repo", "desk"])["roles"][0].clone()
}

#[test]
fn three_people_sign_a_root_and_replace_one_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let made = json(folder, &["init", "--repo", "desk", "--vendor", "acme"]);
    assert_eq!(
        names(&made),
        [
            "ca",
            "ca-sha256",
            "public",
            "root-sha256",
            "server-certificate",
            "server-key"
        ]
    );
    for name in ["anna", "bert", "cleo", "dora"] {
        let key = json(
            folder,
            &[
                "key", "new", "--role", "root", "--name", name, "--out", name,
            ],
        );
        assert_eq!(names(&key), ["id", "key", "name", "public"]);
    }
    let again = [
        "key", "new", "--role", "root", "--name", "anna", "--out", "anna",
    ];
    assert!(
        repo(folder, &again)
            .unwrap_err()
            .contains("choose another name")
    );

    let first = root(folder)["keys"][0]["name"].clone();
    let mut change = vec!["role", "root", "--repo", "desk", "--threshold", "2"];
    change.extend(["--remove", first.as_str().unwrap()]);
    for public in ["anna/anna.pub", "bert/bert.pub", "cleo/cleo.pub"] {
        change.extend(["--add", public]);
    }
    let complaint = repo(folder, &change).unwrap_err();
    assert!(
        complaint.contains("root 2 is signed by 2 of the keys anna, bert, cleo, and 0 of them did"),
        "{complaint}"
    );
    let status = json(folder, &["status", "--repo", "desk"]);
    assert_eq!(status["waiting"][0], "2.root.json");
    let refused = repo(folder, &["unassign", "--repo", "desk", "--plugin", "x"]).unwrap_err();
    assert!(refused.contains("repo drop"), "{refused}");
    for (name, signatures) in [("anna", 2), ("cleo", 3)] {
        // Carried to the holder's machine, and back.
        let draft = folder.join("desk/drafts/2.root.json");
        let carried = folder.join(name).join("2.root.json");
        fs::copy(&draft, &carried).unwrap();
        let key = format!("{name}/{name}.json");
        let signed = json(
            folder,
            &["sign", "--draft", carried.to_str().unwrap(), "--key", &key],
        );
        assert_eq!(
            names(&signed),
            ["expires", "key", "role", "signatures", "version"]
        );
        assert_eq!(signed["signatures"], signatures);
        fs::copy(&carried, &draft).unwrap();
    }
    let published = json(folder, &["sign", "--repo", "desk"]);
    assert_eq!(published["published"]["root"], 2);
    assert_eq!(root(folder)["threshold"], 2);

    let rotate = ["rotate", "--repo", "desk", "--role", "timestamp"];
    assert!(
        repo(folder, &rotate)
            .unwrap_err()
            .contains("and 0 of them did")
    );
    assert_eq!(json(folder, &["drop", "--repo", "desk"])["dropped"], true);
    json(folder, &["refresh", "--repo", "desk"]);
    let vendor = ["role", "vendor-acme", "--repo", "desk", "--threshold", "2"];
    assert!(
        repo(folder, &vendor)
            .unwrap_err()
            .contains("1 keys can't sign")
    );
}

#[test]
fn every_verb_says_what_it_does() {
    let folder = tempfile::tempdir().unwrap();
    for verb in [
        "init", "publish", "assign", "unassign", "revoke", "role", "rotate", "sign", "drop",
        "refresh", "status",
    ] {
        let help = repo(folder.path(), &[verb, "--help"]).unwrap();
        let first = help.lines().next().unwrap_or_default();
        assert!(
            first.len() > 20 && help.contains("--json"),
            "{verb}: {help}"
        );
    }
}
