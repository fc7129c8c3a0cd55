//! What the privileged process believes, which trusts none of the files: whoever broke out can
//! write all of them.

use std::{collections::BTreeMap, fs, path::PathBuf};

use bailiwick_core::{
    action::{OPERATORS_TARGET, Operator, OperatorKey, Operators, Reach},
    digest::Sha256,
};
use bailiwick_delivery::Proof;
use serde_json::Value;

use bailiwick_harness::desk::{DAY, Desk, noon, store_files};

const POLICY: &str = include_str!("../../../../policies/inventory.toml");

fn proof(desk: &Desk) -> Proof {
    Proof::new(&desk.folder.path().join("device"), desk.root)
}

/// Has `text` signed, and fetched by the device.
fn sign(desk: &mut Desk, text: &str) -> Sha256 {
    let file = "inventory.toml";
    desk.repository.put_policy(file, text, noon()).unwrap();
    desk.refresh().unwrap();
    desk.target("policies/inventory.toml").unwrap().sha256
}

/// Puts back what the device had.
fn restore(desk: &Desk, files: &BTreeMap<PathBuf, Vec<u8>>) {
    fs::remove_dir_all(desk.folder.path().join("device")).unwrap();
    for (path, bytes) in files {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn what_is_signed_is_proven_even_if_it_expired_and_nothing_else() {
    let mut desk = Desk::begin();
    assert!(proof(&desk).signed().is_err(), "nothing was fetched yet");
    let signed = sign(&mut desk, POLICY);
    let mut proof = proof(&desk);
    let proven = proof.signed().unwrap();
    assert!(proven.policies.contains(&signed));
    assert!(!proven.policies.contains(&Sha256::of(b"another")));
    let component = desk
        .target(bailiwick_harness::desk::COMPONENT)
        .unwrap()
        .sha256;
    assert!(!proven.policies.contains(&component), "a vendor signed it");
    assert_eq!(proof.file(&signed).as_deref(), Some(POLICY));
    desk.refresh_at(noon().after(DAY * 400)).unwrap_err();
    assert_eq!(proof.signed(), Ok(proven));
}

#[test]
fn a_forged_policy_is_refused() {
    let mut desk = Desk::begin();
    sign(&mut desk, POLICY);
    let path = desk.state().join("accepted.json");
    let honest = fs::read(&path).unwrap();
    let mut accepted: Value = serde_json::from_slice(&honest).unwrap();
    let text = accepted["metadata"]["policies.json"].as_str().unwrap();
    let mut role: Value = serde_json::from_str(text).unwrap();
    let forged = Sha256::of(b"forged");
    let listed = &mut role["signed"]["targets"]["policies/inventory.toml"];
    listed["hashes"]["sha256"] = forged.to_string().into();
    accepted["metadata"]["policies.json"] = role.to_string().into();
    fs::write(&path, accepted.to_string()).unwrap();
    let mut proof = proof(&desk);
    proof.signed().unwrap_err();
    fs::write(&path, honest).unwrap();
    assert!(!proof.signed().unwrap().policies.contains(&forged));
}

#[test]
fn another_first_root_is_refused_by_a_proof() {
    let mut desk = Desk::begin();
    sign(&mut desk, POLICY);
    let mut proof = proof(&desk);
    proof.signed().unwrap();
    fs::write(desk.state().join("roots/first.json"), "{}").unwrap();
    let refused = proof.signed().unwrap_err();
    assert!(refused.contains("first root"), "{refused}");
}

#[test]
fn a_policy_that_was_replaced_does_not_come_back_with_the_files_of_then() {
    let mut desk = Desk::begin();
    let old = sign(&mut desk, POLICY);
    let files = store_files(&desk.folder.path().join("device"));
    let mut proof = proof(&desk);
    assert!(proof.signed().unwrap().policies.contains(&old));
    let new = sign(&mut desk, &format!("{POLICY}# Narrower.\n"));
    let proven = proof.signed().unwrap();
    assert!(proven.policies.contains(&new) && !proven.policies.contains(&old));
    restore(&desk, &files);
    let refused = proof.signed().unwrap_err();
    assert!(refused.contains("version"), "{refused}");
    // Only what was seen keeps them from it: all of it is signed.
    assert!(self::proof(&desk).signed().unwrap().policies.contains(&old));
}

#[test]
fn operators_are_those_that_are_listed_now() {
    let mut desk = Desk::begin();
    sign(&mut desk, POLICY);
    let mut proof = proof(&desk);
    assert_eq!(proof.signed().unwrap().operators, None);
    let alice = Operator {
        name: "alice".to_owned(),
        key: OperatorKey::from_bytes([7; 32]),
        handlers: Reach::All,
        groups: Reach::All,
        until: noon().after(DAY * 30),
        line: 0,
    };
    desk.repository.add_operator(alice.clone(), noon()).unwrap();
    desk.refresh().unwrap();
    let signed = proof.signed().unwrap();
    let listed = signed.operators.unwrap();
    assert!(!signed.policies.contains(&listed), "it grants nothing");
    assert!(signed.timestamp_expires.is_some());
    assert_eq!(proof.file(&listed), None, "nobody fetched it");
    desk.target(OPERATORS_TARGET).unwrap();
    let list = Operators::parse("o", &proof.file(&listed).unwrap()).unwrap();
    assert!(list.of(&alice.key).is_some());

    desk.repository.remove_operator("alice", noon()).unwrap();
    desk.refresh().unwrap();
    assert_ne!(proof.signed().unwrap().operators, Some(listed));
}
