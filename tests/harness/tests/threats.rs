//! `SECURITY.md` and the tree say the same: what stops a threat is where its row says, each row
//! that names guests is tried by those, and each guest tries a threat.

use std::{collections::BTreeSet, fs, path::Path};

use bailiwick_harness::threat::{Claims, Row, claims, rows};

/// Where guests lie that attack: each folder is walked by a test of its own,
/// `tests/attacks.rs` here and `host/sandbox/src/tests/guests.rs`.
const STAGES: [&str; 2] = ["device", "sandbox"];

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn table() -> Vec<Row> {
    rows(&fs::read_to_string(workspace().join("SECURITY.md")).expect("SECURITY.md"))
}

#[test]
fn each_threat_has_an_id_of_its_own() {
    let table = table();
    let ids: BTreeSet<&str> = table.iter().map(|row| row.id.as_str()).collect();
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
fn what_stops_a_threat_is_where_the_table_says() {
    for row in table() {
        assert!(!row.places.is_empty(), "{}: nothing stops it", row.id);
        for place in &row.places {
            assert!(
                workspace().join(place).exists(),
                "{}: there is no {place}",
                row.id
            );
        }
    }
}

#[test]
fn what_guests_try_and_what_the_table_says_is_the_same() {
    let named: Claims = table()
        .into_iter()
        .filter(|row| !row.guests.is_empty())
        .map(|row| (row.id, row.guests))
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
