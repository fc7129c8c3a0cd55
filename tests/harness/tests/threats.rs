//! `SECURITY.md` and `tests/guests` say the same: each threat from a plugin has a guest that
//! tries it, and each guest a threat.

use std::{collections::BTreeSet, fs, path::Path};

use bailiwick_harness::threat::{Claims, claims, rows};

/// Where guests lie that attack: each folder is walked by a test of its own,
/// `host/sandbox/src/tests/guests.rs`.
const STAGES: [&str; 1] = ["sandbox"];

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn table() -> Vec<(String, BTreeSet<String>)> {
    rows(&fs::read_to_string(workspace().join("SECURITY.md")).expect("SECURITY.md"))
}

#[test]
fn each_threat_has_an_id_of_its_own() {
    let table = table();
    let ids: BTreeSet<&str> = table.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids.len(), table.len(), "two threats have the same id");
    for id in &ids {
        let number = id.strip_prefix('T').map(str::parse::<u32>);
        assert!(
            matches!(number, Some(Ok(1..))),
            "`{id}` is no id: the next threat is T{:02}",
            ids.len() + 1
        );
    }
    assert!(table.len() >= 40, "{} threats", table.len());
}

#[test]
fn each_threat_from_a_plugin_has_a_guest_and_each_guest_a_threat() {
    let named: Claims = table()
        .into_iter()
        .filter(|(_, guests)| !guests.is_empty())
        .collect();
    let claimed = claims(&workspace().join("tests/guests"), &STAGES);
    assert_eq!(
        named, claimed,
        "left: the last column of SECURITY.md, right: `threat` in attack.toml"
    );
}

/// The folders of guests that are plugins, and those that a test walks.
#[test]
fn every_folder_of_guests_is_walked_or_claimed() {
    let folders = fs::read_dir(workspace().join("tests/guests")).expect("tests/guests");
    for folder in folders
        .map(Result::unwrap)
        .filter(|entry| entry.path().is_dir())
    {
        let name = folder.file_name();
        let is_plugin = folder.path().join("Cargo.toml").exists();
        assert!(
            is_plugin || STAGES.iter().any(|stage| *stage == name),
            "{name:?} is neither a plugin nor walked by a test"
        );
    }
}
