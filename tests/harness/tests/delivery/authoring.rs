//! What the repository refuses to publish.

use std::{fs, path::Path};

use bailiwick_core::{CONTRACT, release::World};
use bailiwick_repository::Publish;
use semver::Version;

use bailiwick_harness::desk::{DAY, Desk, noon, plugin, publish, vendor};

#[test]
fn the_repository_refuses_what_devices_would_refuse() {
    let desk = Desk::begin();
    let (vendor, plugin, version) = (vendor(), plugin(), Version::new(0, 1, 0));
    let timestamp = fs::read(desk.repository.public().join("timestamp.json")).unwrap();
    let again = Publish {
        vendor: &vendor,
        plugin: &plugin,
        version: &version,
        world: World::Collector,
        contract: &CONTRACT,
        minimum_host: &CONTRACT,
        component: b"other bytes",
    };
    assert!(
        desk.repository
            .publish(&again, noon())
            .unwrap_err()
            .to_string()
            .contains("never changes")
    );
    let refused = desk
        .repository
        .put_policy("inventory.toml", "format = 1\n", noon())
        .unwrap_err();
    assert!(refused.to_string().contains("inventory.toml"), "{refused}");
    let late = desk
        .repository
        .refresh(noon().after(DAY * 400))
        .unwrap_err();
    assert!(late.to_string().contains("root metadata expired"), "{late}");
    fs::remove_file(desk.repository.online_keys().join("timestamp-2026.json")).unwrap();
    let missing = desk.repository.refresh(noon()).unwrap_err();
    assert!(missing.to_string().contains("timestamp-2026"), "{missing}");
    assert_eq!(
        fs::read(desk.repository.public().join("timestamp.json")).unwrap(),
        timestamp
    );
}

#[test]
fn an_assignment_names_only_what_is_published() {
    let desk = Desk::begin();
    let (vendor, plugin) = (vendor(), plugin());
    let policy = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/inventory.toml"),
    );
    desk.repository
        .put_policy("inventory.toml", &policy.unwrap(), noon())
        .unwrap();
    let assign = |minor, percentage| {
        let version = Version::new(0, minor, 0);
        let new = bailiwick_repository::Assign {
            vendor: &vendor,
            plugin: &plugin,
            version: &version,
            policy: "inventory.toml",
            groups: None,
            percentage,
        };
        desk.repository.assign(&new, noon())
    };
    assert!(
        assign(2, 100)
            .unwrap_err()
            .to_string()
            .contains("publish it first")
    );
    assert_eq!(assign(1, 100).unwrap(), 2);
    publish(&desk.repository, 2);
    assert_eq!(assign(2, 10).unwrap(), 3);
    assert_eq!(assign(2, 50).unwrap(), 4);
    let plugins = desk.repository.assignment().unwrap().plugins;
    let seen: Vec<_> = plugins
        .iter()
        .map(|entry| (entry.version.minor, entry.percentage))
        .collect();
    assert_eq!(seen, [(2, 50), (1, 100)]);
    assert_eq!(assign(2, 100).unwrap(), 5);
    assert_eq!(desk.repository.assignment().unwrap().plugins.len(), 1);
}
