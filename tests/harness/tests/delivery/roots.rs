//! Thresholds above one, signatures from several machines, and devices that slept through
//! changes of the root.

use std::{fs, path::PathBuf};

use bailiwick_delivery::RefreshError;
use bailiwick_harness::desk::{COMPONENT, Desk, component, noon, publish};
use bailiwick_repository::{Key, PublicKey, RepositoryError, RoleChange, TopRole, sign_draft};

/// A key holder with a machine of their own.
struct Holder(PathBuf);

impl Holder {
    fn new(desk: &Desk, role: &str, name: &str) -> Self {
        let folder = desk.folder.path().join(name);
        Key::generate(&folder, role, name).unwrap();
        Self(folder.join(format!("{name}.json")))
    }

    fn public(&self) -> PublicKey {
        PublicKey::load(&self.0.with_extension("pub")).unwrap()
    }

    /// Signs a draft that was carried to this machine, and is carried back.
    fn sign(&self, desk: &Desk, draft: &str) {
        let key = Key::load(&self.0).unwrap();
        sign_draft(&desk.repository.drafts().join(draft), &key).unwrap();
    }
}

fn waits(result: Result<impl std::fmt::Debug, RepositoryError>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error, RepositoryError::Waiting { .. }), "{error}");
    error.to_string()
}

/// A root that two of three holders sign, none of whose keys is where the repository is.
fn two_of_three(desk: &Desk) -> [Holder; 3] {
    let holders = ["anna", "bert", "cleo"].map(|name| Holder::new(desk, "root", name));
    let change = RoleChange {
        add: holders.iter().map(Holder::public).collect(),
        remove: vec!["root-2026".to_owned()],
        threshold: Some(2),
    };
    let text = waits(desk.repository.change_role("root", &change, noon()));
    assert!(
        text.contains("root 2 is signed by 2 of the keys anna, bert, cleo, and 0 of them did"),
        "{text}"
    );
    holders[0].sign(desk, "2.root.json");
    waits(desk.repository.sign(noon()));
    holders[2].sign(desk, "2.root.json");
    assert_eq!(desk.repository.sign(noon()).unwrap()["root"], 2);
    fs::remove_file(desk.repository.keys().join("root-2026.json")).unwrap();
    holders
}

#[test]
fn a_device_that_slept_follows_three_roots_of_two_of_three() {
    let mut desk = Desk::begin();
    desk.refresh().unwrap();
    let [anna, bert, _cleo] = two_of_three(&desk);

    // The targets' key changes hands: the root names it, and two holders agree.
    waits(desk.repository.rotate_root(&[TopRole::Targets], noon()));
    anna.sign(&desk, "3.root.json");
    bert.sign(&desk, "3.root.json");
    desk.repository.sign(noon()).unwrap();

    // A holder leaves, and another comes.
    let dora = Holder::new(&desk, "root", "dora");
    let change = RoleChange {
        add: vec![dora.public()],
        remove: vec!["bert".to_owned()],
        threshold: None,
    };
    waits(desk.repository.change_role("root", &change, noon()));
    // Two of the old root must sign, and two of the new one: Anna counts for both.
    for holder in [&anna, &bert] {
        holder.sign(&desk, "4.root.json");
    }
    let text = waits(desk.repository.sign(noon()));
    assert!(
        text.contains("anna, cleo, dora, and 1 of them did"),
        "{text}"
    );
    dora.sign(&desk, "4.root.json");
    desk.repository.sign(noon()).unwrap();
    assert!(!desk.repository.drafts().exists());

    let refreshed = desk.refresh().unwrap();
    assert_eq!(refreshed.roles["root"].version, 4);
    assert_eq!(desk.target(COMPONENT).unwrap().bytes, component(1));
}

#[test]
fn a_key_that_left_the_root_signs_no_root_any_more() {
    let mut desk = Desk::begin();
    let old = desk.key("root-2026");
    two_of_three(&desk);
    desk.refresh().unwrap();
    let mut next = desk.signed("2.root.json");
    next["version"] = 3.into();
    let forged = bailiwick_repository::envelope(&next, &[&old]).unwrap();
    fs::write(desk.repository.public().join("3.root.json"), forged).unwrap();
    let refused = desk.refresh().unwrap_err();
    assert!(
        matches!(refused, RefreshError::Signatures { ref role, found: 0, threshold: 2, .. } if role == "root"),
        "{refused}"
    );
}

#[test]
fn signatures_of_others_publish_nothing() {
    let desk = Desk::begin();
    let [anna, ..] = two_of_three(&desk);
    let stranger = Holder::new(&desk, "root", "stranger");
    waits(desk.repository.rotate_root(&[], noon()));
    anna.sign(&desk, "3.root.json");
    stranger.sign(&desk, "3.root.json");
    let text = waits(desk.repository.sign(noon()));
    assert!(text.contains("and 1 of them did"), "{text}");
    // A changed draft loses the signatures that it had.
    let path = desk.repository.drafts().join("3.root.json");
    let changed = fs::read_to_string(&path)
        .unwrap()
        .replace("2027-11", "2037-11");
    fs::write(&path, changed).unwrap();
    assert!(waits(desk.repository.sign(noon())).contains("and 0 of them did"));
    assert_eq!(desk.repository.status().unwrap().roles[0].version, 2);
}

#[test]
fn while_a_change_waits_nothing_else_changes_and_devices_stay_served() {
    let mut desk = Desk::begin();
    let key = desk.repository.keys().join("vendor-acme-2026.json");
    let away = desk.folder.path().join("away.json");
    fs::rename(&key, &away).unwrap();
    let text = waits(desk.repository.renew("vendor-acme", noon()));
    assert!(
        text.contains("vendor-acme 3 is signed by 1 of the keys vendor-acme-2026"),
        "{text}"
    );
    let refused = desk.repository.renew("policies", noon()).unwrap_err();
    assert!(
        matches!(refused, RepositoryError::Unfinished(_)),
        "{refused}"
    );
    desk.repository.refresh(noon()).unwrap();
    desk.refresh().unwrap();
    sign_draft(
        &desk.repository.drafts().join("3.vendor-acme.json"),
        &Key::load(&away).unwrap(),
    )
    .unwrap();
    desk.repository.sign(noon()).unwrap();
    assert_eq!(desk.refresh().unwrap().roles["vendor-acme"].version, 3);
    desk.repository.renew("policies", noon()).unwrap();
    // Given up, it leaves nothing.
    waits(desk.repository.renew("vendor-acme", noon()));
    desk.repository.drop_draft().unwrap();
    desk.repository.renew("policies", noon()).unwrap();
}

#[test]
fn a_component_waits_for_the_vendor_who_has_the_key() {
    let mut desk = Desk::begin();
    let key = desk.repository.keys().join("vendor-acme-2026.json");
    let away = desk.folder.path().join("away.json");
    fs::rename(&key, &away).unwrap();
    let second = std::panic::catch_unwind(|| publish(&desk.repository, 2));
    assert!(second.is_err(), "the key is elsewhere");
    sign_draft(
        &desk.repository.drafts().join("3.vendor-acme.json"),
        &Key::load(&away).unwrap(),
    )
    .unwrap();
    desk.repository.sign(noon()).unwrap();
    desk.refresh().unwrap();
    let target = desk.target("vendor/acme/inventory/0.2.0.wasm").unwrap();
    assert_eq!(target.bytes, component(2));
}

#[test]
fn a_threshold_that_nobody_can_meet_is_refused() {
    let desk = Desk::begin();
    for threshold in [0, 2] {
        let change = RoleChange {
            threshold: Some(threshold),
            ..RoleChange::default()
        };
        let refused = desk.repository.change_role("vendor-acme", &change, noon());
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("of 1 keys can't sign")
        );
    }
    let change = RoleChange {
        remove: vec!["nobody".to_owned()],
        ..RoleChange::default()
    };
    let refused = desk.repository.change_role("policies", &change, noon());
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("no key `nobody` signs for it")
    );
    let refused = desk
        .repository
        .change_role("vendor-nobody", &change, noon());
    assert!(matches!(refused, Err(RepositoryError::UnknownRole(_))));
}

#[test]
fn a_vendor_with_two_keys_is_followed() {
    let mut desk = Desk::begin();
    let second = Key::generate(&desk.repository.keys(), "vendor-acme", "acme-second").unwrap();
    let path = desk.repository.keys().join("acme-second.pub");
    let change = RoleChange {
        add: vec![PublicKey::load(&path).unwrap()],
        threshold: Some(2),
        ..RoleChange::default()
    };
    desk.repository
        .change_role("vendor-acme", &change, noon())
        .unwrap();
    publish(&desk.repository, 2);
    desk.refresh().unwrap();
    let target = desk.target("vendor/acme/inventory/0.2.0.wasm").unwrap();
    assert_eq!(target.keys, ["vendor-acme-2026", second.name()]);
}
