//! The plugins and policies of this repository, audited: what is found in them is told here,
//! word for word, so that neither a policy nor a rule changes it unseen.

use std::fs;

use bailiwick_audit::{
    Component, PolicyFile, Subject, inspect,
    report::{Outcome, Report, text},
};
use bailiwick_core::time::Timestamp;
use bailiwick_harness::guest::Guest;

const PLUGINS: [&str; 5] = [
    "inventory",
    "pressure",
    "run-program",
    "session-analyzer",
    "wake-on-lan",
];

#[test]
fn what_is_found_in_our_own_plugins_is_known() {
    let subjects = PLUGINS.map(|plugin| {
        let guest = Guest::plugin(plugin);
        let policy = fs::read_to_string(&guest.policy).unwrap();
        let file = format!("policies/{plugin}.toml");
        Subject {
            plugin: plugin.to_owned(),
            policy: Some(PolicyFile::parse(&file, &policy).unwrap()),
            component: Some(Component {
                file: format!("{plugin}.wasm"),
                inspection: inspect(&guest.bytes()).unwrap(),
            }),
            release: None,
        }
    });
    let at = Timestamp::start_of_day(2026, 11, 25).unwrap();
    let report = Report::new(subjects.to_vec(), Vec::new(), (None, None), at);
    assert_eq!(report.outcome(), Outcome::Findings);
    let told = text(&report);
    assert_eq!(told, include_str!("audit/own.txt"), "{told}");
}

#[test]
fn every_policy_is_one_of_a_plugin_that_is_audited() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .collect();
    names.sort();
    assert_eq!(names, PLUGINS);
}
