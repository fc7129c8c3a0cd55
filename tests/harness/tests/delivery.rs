//! What a device accepts from an update endpoint, and what it refuses: the repository
//! writes, attackers change what is served or steal keys, and the device reads.
//!
//! Each test is named by the attack or the fault.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose scene can't be set has failed"
)]

#[path = "delivery/authoring.rs"]
mod authoring;
#[path = "delivery/online.rs"]
mod online;
#[path = "delivery/proof.rs"]
mod proof;
#[path = "delivery/roots.rs"]
mod roots;

use std::fs;

use bailiwick_core::{digest::Sha256, time::Timestamp};
use bailiwick_delivery::{OpenError, RefreshError, TargetError};
use bailiwick_repository::TopRole;
use serde_json::json;

use bailiwick_harness::desk::{
    COMPONENT, DAY, Desk, component, noon, pin, publish, revoke, store_files, vendor,
};

#[test]
fn an_empty_device_verifies_and_says_by_whose_key() {
    let mut desk = Desk::begin();
    let refreshed = desk.refresh().unwrap();
    assert_eq!(refreshed.assignment, b"format = 1\nserial = 1\n");
    assert_eq!(refreshed.roles["policies"].keys, ["policies-2026"]);
    assert_eq!(refreshed.roles["policies"].may_sign, ["policies-2026"]);
    assert_eq!(refreshed.roles["root"].keys, ["root-2026"]);
    assert_eq!(refreshed.roles["vendor-acme"].version, 2);
    let target = desk.target(COMPONENT).unwrap();
    assert_eq!(target.bytes, component(1));
    assert_eq!(
        (target.role.as_str(), target.keys),
        ("vendor-acme", vec!["vendor-acme-2026".to_owned()])
    );
}

#[test]
fn a_restart_without_network_has_what_was_verified_even_if_it_expired() {
    let mut desk = Desk::begin();
    assert_eq!(desk.delivery.offline().unwrap(), None);
    revoke(&desk.repository);
    let before = desk.refresh().unwrap();
    let target = desk.target(COMPONENT).unwrap();
    desk.restart();
    let offline = desk.delivery.offline().unwrap().unwrap();
    assert_eq!(
        (&offline.revoked, &offline.assignment),
        (&before.revoked, &before.assignment)
    );
    assert_eq!(offline.roles["policies"], before.roles["policies"]);
    assert_eq!(
        desk.delivery.stored(&target.sha256).unwrap(),
        Some(component(1))
    );
    let late = desk.refresh_at(noon().after(DAY * 400)).unwrap_err();
    assert!(
        matches!(late, RefreshError::Expired { ref role, .. } if role == "root"),
        "{late}"
    );
    assert!(desk.delivery.offline().unwrap().is_some());
}

#[test]
fn another_first_root_is_refused() {
    let mut desk = Desk::begin();
    desk.root = Sha256::of(b"another");
    desk.restart();
    let refused = desk.refresh().unwrap_err();
    assert!(
        matches!(refused, RefreshError::FirstRoot { .. }),
        "{refused}"
    );
}

#[test]
fn a_web_page_in_place_of_metadata_names_the_proxy() {
    let mut desk = Desk::begin();
    for refreshed_before in [false, true] {
        desk.host.everything = Some(b"\n<!DOCTYPE html><title>Sign in</title>".to_vec());
        let refused = desk.refresh().unwrap_err();
        assert!(
            matches!(refused, RefreshError::WebPage { .. }),
            "{refreshed_before}: {refused}"
        );
        assert!(refused.to_string().contains("proxy"));
        desk.host.everything = None;
        desk.refresh().unwrap();
    }
}

#[test]
fn rollback_of_everything_served() {
    let mut desk = Desk::begin();
    let old = desk.record();
    publish(&desk.repository, 2);
    desk.refresh().unwrap();
    desk.host.instead = old;
    let refused = desk.refresh().unwrap_err();
    assert!(
        matches!(refused, RefreshError::Rollback { ref role, seen: 3, offered: 2, .. } if role == "timestamp"),
        "{refused}"
    );
}

#[test]
fn rollback_after_the_local_timestamp_was_damaged() {
    let mut desk = Desk::begin();
    let old = desk.record();
    revoke(&desk.repository);
    desk.refresh().unwrap();
    for name in ["timestamp.json", "snapshot.json", "targets.json"] {
        fs::write(desk.state().join("verified").join(name), "damaged").unwrap();
    }
    desk.restart();
    let before = desk.delivery.offline().unwrap();
    let current = std::mem::replace(&mut desk.host.instead, old);
    let refused = desk.refresh().unwrap_err();
    assert!(
        matches!(refused, RefreshError::Rollback { .. }),
        "{refused}"
    );
    assert_eq!(desk.delivery.offline().unwrap(), before);
    desk.host.instead = current;
    desk.refresh().unwrap();
}

#[test]
fn rollback_of_the_snapshot_by_a_thief_of_the_timestamp_key() {
    let mut desk = Desk::begin();
    publish(&desk.repository, 2);
    desk.refresh().unwrap();
    desk.forge(&[], |snapshot| snapshot["version"] = json!(1));
    let refused = desk.refresh().unwrap_err();
    assert!(
        matches!(refused, RefreshError::Rollback { ref role, .. } if role == "snapshot"),
        "{refused}"
    );
}

#[test]
fn rollback_of_each_delegated_role_by_a_thief_of_the_online_keys() {
    for role in ["targets", "policies", "vendor-acme"] {
        let mut desk = Desk::begin();
        revoke(&desk.repository);
        desk.repository.renew("targets", noon()).unwrap();
        desk.refresh().unwrap();
        desk.forge(&[], |snapshot| {
            let bytes = desk.repository.public().join(format!("1.{role}.json"));
            snapshot["meta"][format!("{role}.json")] =
                pin(&json!({"version": 1}), &fs::read(bytes).unwrap());
        });
        let refused = desk.refresh().unwrap_err();
        assert!(
            matches!(refused, RefreshError::Rollback { role: ref back, .. } if back == role),
            "{role}: {refused}"
        );
    }
}

#[test]
fn a_role_that_leaves_the_snapshot() {
    let mut desk = Desk::begin();
    desk.refresh().unwrap();
    // Without local files only the floors remember the role.
    fs::remove_dir_all(desk.state().join("verified")).unwrap();
    desk.forge(&[], |snapshot| {
        snapshot["meta"]
            .as_object_mut()
            .unwrap()
            .remove("vendor-acme.json");
    });
    let refused = desk.refresh().unwrap_err();
    assert!(
        matches!(refused, RefreshError::Dropped { ref role, .. } if role == "vendor-acme"),
        "{refused}"
    );
}

#[test]
fn freeze_with_an_expired_timestamp() {
    let mut desk = Desk::begin();
    desk.refresh().unwrap();
    let refused = desk.refresh_at(noon().after(DAY * 8)).unwrap_err();
    assert!(
        matches!(refused, RefreshError::Expired { ref role, .. } if role == "timestamp"),
        "{refused}"
    );
    desk.repository.refresh(noon().after(DAY * 8)).unwrap();
    desk.refresh_at(noon().after(DAY * 8)).unwrap();
}

#[test]
fn a_clock_set_back_brings_no_expired_metadata_back() {
    let mut desk = Desk::begin();
    desk.refresh_at(noon().after(DAY * 6)).unwrap();
    // Signed five days before the repository began: it holds for two days more.
    let early = Timestamp::from_ms(noon().as_ms() - 5 * 24 * 3_600_000);
    desk.repository.refresh(early).unwrap();
    let refused = desk.refresh_at(noon().after(DAY)).unwrap_err();
    assert!(
        matches!(refused, RefreshError::Expired { ref clock, .. } if clock.contains("set it")),
        "{refused}"
    );
    desk.repository.refresh(noon().after(DAY * 6)).unwrap();
    let refreshed = desk.refresh_at(noon().after(DAY)).unwrap();
    assert_eq!(refreshed.clock_behind, Some(DAY * 5));
}

#[test]
fn mix_and_match_of_an_old_snapshot_with_a_new_timestamp() {
    let mut desk = Desk::begin();
    let old = desk.record();
    publish(&desk.repository, 2);
    desk.host
        .instead
        .insert("3.snapshot.json".to_owned(), old["2.snapshot.json"].clone());
    let refused = desk.refresh().unwrap_err();
    assert!(
        matches!(refused, RefreshError::Mixed { ref role, .. } if role == "snapshot"),
        "{refused}"
    );
    assert_eq!(desk.delivery.offline().unwrap(), None);
}

#[test]
fn policies_signed_by_a_vendor() {
    let mut desk = Desk::begin();
    desk.forge(
        &[("policies", desk.next("policies"), "vendor-evil-2026")],
        |_| (),
    );
    let refused = desk.refresh().unwrap_err().to_string();
    assert!(
        refused.contains("signed by 0 of the keys of policies, and 1 must sign"),
        "{refused}"
    );
}

#[test]
fn a_threshold_that_one_key_does_not_meet() {
    let mut desk = Desk::begin();
    let mut targets = desk.next("targets");
    for role in targets["delegations"]["roles"].as_array_mut().unwrap() {
        if role["name"] == "vendor-acme" {
            role["threshold"] = json!(2);
        }
    }
    desk.forge(&[("targets", targets, "targets-2026")], |_| ());
    desk.refresh().unwrap();
    let refused = desk.target(COMPONENT).unwrap_err().to_string();
    assert!(
        refused.contains("signed by 1 of the keys of vendor-acme, and 2 must sign"),
        "{refused}"
    );
}

#[test]
fn a_vendor_signs_outside_of_its_delegation() {
    let mut desk = Desk::begin();
    let mut evil = desk.next("vendor-evil");
    let paths = [
        "vendor/acme/inventory/9.0.0.wasm",
        "policies/evil.toml",
        "vendor/evil/9.0.0.wasm",
    ];
    for path in paths {
        evil["targets"][path] = json!({"length": 4, "hashes": {"sha256": Sha256::of(b"evil")}});
    }
    desk.forge(&[("vendor-evil", evil, "vendor-evil-2026")], |_| ());
    desk.refresh().unwrap();
    for path in paths {
        let refused = desk.target(path).unwrap_err();
        assert!(
            matches!(
                refused,
                TargetError::NotListed { .. } | TargetError::NoRole(_)
            ),
            "{path}: {refused}"
        );
    }
}

#[test]
fn policies_sign_a_component() {
    let mut desk = Desk::begin();
    let mut policies = desk.next("policies");
    let path = "vendor/acme/inventory/9.0.0.wasm";
    policies["targets"][path] = json!({"length": 4, "hashes": {"sha256": Sha256::of(b"evil")}});
    desk.forge(&[("policies", policies, "policies-2026")], |_| ());
    desk.refresh().unwrap();
    let refused = desk.target(path).unwrap_err();
    assert!(
        matches!(refused, TargetError::NotListed { ref role, .. } if role == "vendor-acme"),
        "{refused}"
    );
}

#[test]
fn a_component_changed_on_the_host() {
    let mut desk = Desk::begin();
    desk.refresh().unwrap();
    let file = format!(
        "vendor/acme/inventory/{}.0.1.0.wasm",
        Sha256::of(&component(1))
    );
    desk.host.instead.insert(file, b"component 9".to_vec());
    let refused = desk.target(COMPONENT).unwrap_err();
    assert!(matches!(refused, TargetError::Changed { .. }), "{refused}");
    desk.host.instead.clear();
    assert_eq!(desk.target(COMPONENT).unwrap().bytes, component(1));
}

#[test]
fn a_broken_vendor_role_blocks_that_vendor_alone() {
    let mut desk = Desk::begin();
    desk.forge(
        &[("vendor-evil", desk.next("vendor-evil"), "vendor-acme-2026")],
        |_| (),
    );
    desk.refresh().unwrap();
    assert!(desk.target("vendor/evil/x/0.1.0.wasm").is_err());
    assert_eq!(desk.target(COMPONENT).unwrap().bytes, component(1));
}

#[test]
fn a_removed_vendor() {
    let mut desk = Desk::begin();
    desk.refresh().unwrap();
    desk.target(COMPONENT).unwrap();
    desk.repository.remove_vendor(&vendor(), noon()).unwrap();
    desk.refresh().unwrap();
    let refused = desk.target(COMPONENT).unwrap_err();
    assert!(matches!(refused, TargetError::NoRole(_)), "{refused}");
}

#[test]
fn every_top_key_rotates_and_the_old_ones_sign_nothing() {
    let mut desk = Desk::begin();
    desk.refresh().unwrap();
    let all = [
        TopRole::Root,
        TopRole::Targets,
        TopRole::Snapshot,
        TopRole::Timestamp,
    ];
    assert_eq!(desk.repository.rotate_root(&all, noon()).unwrap(), 2);
    let refreshed = desk.refresh().unwrap();
    assert_eq!(refreshed.roles["root"].keys, ["root-2026-2"]);
    assert_eq!(refreshed.roles["timestamp"].keys, ["timestamp-2026-2"]);
    desk.forge(&[], |_| ());
    let refused = desk.refresh().unwrap_err();
    assert!(
        matches!(refused, RefreshError::Signatures { ref role, .. } if role == "timestamp"),
        "{refused}"
    );
    desk.restart();
    assert!(desk.delivery.offline().unwrap().is_some());
}

#[test]
fn versions_that_a_thief_raised_are_recovered_by_a_rotation() {
    let mut desk = Desk::begin();
    let honest = fs::read(desk.repository.public().join("timestamp.json")).unwrap();
    desk.forge(&[], |snapshot| snapshot["version"] = json!(1_000));
    desk.refresh().unwrap();
    fs::write(desk.repository.public().join("timestamp.json"), honest).unwrap();
    assert!(matches!(
        desk.refresh().unwrap_err(),
        RefreshError::Rollback { .. }
    ));
    desk.repository
        .rotate_root(&[TopRole::Snapshot, TopRole::Timestamp], noon())
        .unwrap();
    assert_eq!(desk.refresh().unwrap().roles["snapshot"].version, 3);
}

#[test]
fn forty_root_rotations_while_the_device_was_off() {
    let mut desk = Desk::begin();
    desk.refresh().unwrap();
    for _ in 0..40 {
        desk.repository.rotate_root(&[], noon()).unwrap();
    }
    assert_eq!(desk.refresh().unwrap().roles["root"].version, 41);
}

#[test]
fn a_write_that_fails_changes_nothing() {
    let mut desk = Desk::begin();
    desk.refresh().unwrap();
    let before = desk.delivery.offline().unwrap();
    publish(&desk.repository, 2);
    // A folder where the next write would begin.
    let obstacle = desk.state().join("floors-a.json.part");
    fs::create_dir(&obstacle).unwrap();
    let files = store_files(&desk.state());
    let refused = desk.refresh().unwrap_err();
    assert!(matches!(refused, RefreshError::Disk(_)), "{refused}");
    assert_eq!(store_files(&desk.state()), files);
    assert_eq!(desk.delivery.offline().unwrap(), before);
    fs::remove_dir(obstacle).unwrap();
    desk.refresh().unwrap();
}

#[test]
fn files_that_an_interrupted_write_left() {
    let mut desk = Desk::begin();
    let before = desk.refresh().unwrap();
    let state = desk.state();
    for name in [
        "accepted.json.part",
        "floors-a.json.part",
        "verified/timestamp.json.part",
    ] {
        fs::write(state.join(name), "{\"form").unwrap();
    }
    fs::write(state.join("floors-b.json"), "{\"form").unwrap();
    desk.restart();
    assert_eq!(
        desk.delivery.offline().unwrap().unwrap().assignment,
        before.assignment
    );
    desk.refresh().unwrap();
}

#[test]
fn a_damaged_or_changed_accepted_set_is_set_aside_and_replaced() {
    let mut desk = Desk::begin();
    revoke(&desk.repository);
    let before = desk.refresh().unwrap();
    let path = desk.state().join("accepted.json");
    let good = fs::read_to_string(&path).unwrap();
    for changed in [good.replace("versions = ", "version = "), "{".to_owned()] {
        assert_ne!(changed, good);
        fs::write(&path, changed).unwrap();
        assert!(matches!(
            desk.delivery.offline(),
            Err(OpenError::Damaged { .. })
        ));
        assert_eq!(desk.delivery.offline().unwrap(), None);
        assert_eq!(desk.refresh().unwrap().revoked, before.revoked);
        assert_eq!(
            desk.delivery.offline().unwrap().unwrap().revoked,
            before.revoked
        );
    }
}
