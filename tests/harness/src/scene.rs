//! Carries out the steps of an [`Attack`] against a real repository and a real device.

use std::{collections::BTreeMap, fs, path::Path};

use bailiwick_core::{digest::Sha256, time::Timestamp};
use bailiwick_repository::{Key, TopRole, envelope};
use serde_json::{Value, json};

use crate::{
    attack::{Attack, Step},
    desk::{DAY, Desk, noon, pin, publish, revoke, store_files, vendor},
};

/// What the last step of an attack left.
#[derive(Debug)]
pub struct Outcome {
    /// The text of the refusal; none if the device took what it was given.
    pub refusal: Option<String>,
    /// Files of the device that are not what they were before the last step.
    pub changed: Vec<String>,
    /// Whether what the device rests on without network stayed the same.
    pub accepted_stays: bool,
}

/// Plays `attack`. Every step but the last succeeds, or the scene is wrong.
pub fn play(attack: &Attack) -> Outcome {
    let mut desk = Desk::begin();
    desk.refresh().unwrap();
    let mut remembered = BTreeMap::new();
    let (last, before) = attack.step.split_last().unwrap();
    for step in before {
        let refused = perform(&mut desk, &mut remembered, step);
        assert_eq!(refused, None, "{step:?} is not the last step");
    }
    let device = desk.folder.path().join("device");
    let files = store_files(&device);
    let accepted = desk.delivery.offline().unwrap();
    let refusal = perform(&mut desk, &mut remembered, last);
    let now = store_files(&device);
    let changed = now
        .iter()
        .filter(|(path, bytes)| files.get(*path) != Some(bytes))
        .map(|(path, _)| path)
        .chain(files.keys().filter(|path| !now.contains_key(*path)))
        .map(|path| within(&desk, path))
        .collect();
    Outcome {
        refusal,
        changed,
        accepted_stays: desk.delivery.offline().unwrap() == accepted,
    }
}

fn within(desk: &Desk, path: &Path) -> String {
    let device = desk.folder.path().join("device");
    let state = path.strip_prefix(desk.state());
    let inside = state.or_else(|_| path.strip_prefix(device)).unwrap();
    inside.to_str().unwrap().to_owned()
}

type Files = BTreeMap<String, Vec<u8>>;

/// The refusal, if the step is the device's and it refuses.
fn perform(desk: &mut Desk, remembered: &mut Files, step: &Step) -> Option<String> {
    match step {
        Step::Refresh { days } => {
            let refreshed = desk.refresh_at(noon().after(DAY * *days));
            return refreshed.err().map(|error| error.to_string());
        }
        Step::Fetch { target } => {
            return desk.target(target).err().map(|error| error.to_string());
        }
        Step::TrustAnotherRoot => {
            desk.root = Sha256::of(b"another");
            desk.restart();
        }
        Step::Remember => *remembered = desk.record(),
        Step::Replay => desk.host.instead.clone_from(remembered),
        Step::ReplayFile { old, file } => {
            let name = file_name(desk, file);
            desk.host.instead.insert(name, remembered[old].clone());
        }
        Step::WebPage => {
            desk.host.everything = Some(b"\n<!DOCTYPE html><title>Sign in</title>".to_vec());
        }
        Step::RemoveSignatures { file } => change(desk, file, |bytes| {
            let mut value: Value = serde_json::from_slice(&bytes).unwrap();
            value["signatures"] = json!([]);
            serde_json::to_vec(&value).unwrap()
        }),
        Step::Cut { file, bytes: left } => change(desk, file, |mut bytes| {
            assert!(bytes.len() > *left, "there is nothing to cut");
            bytes.truncate(*left);
            bytes
        }),
        Step::Grow { file, bytes: more } => change(desk, file, |mut bytes| {
            bytes.resize(bytes.len() + more, b' ');
            bytes
        }),
        Step::Exchange { file, from, to } => change(desk, file, |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            assert_eq!(text.matches(from.as_str()).count(), 1, "{from}");
            text.replace(from, to).into_bytes()
        }),
        Step::Remove { file } => {
            let path = desk.repository.public().join(file_name(desk, file));
            fs::remove_file(path).unwrap();
        }
        owner_or_thief => {
            owner(desk, owner_or_thief);
            thief(desk, owner_or_thief);
        }
    }
    None
}

fn owner(desk: &Desk, step: &Step) {
    let repository = &desk.repository;
    match step {
        Step::Publish { minor } => publish(repository, *minor),
        Step::Revoke => revoke(repository),
        Step::ReplaceOnlineKeys => {
            let online = [TopRole::Snapshot, TopRole::Timestamp];
            repository.rotate_root(&online, noon()).unwrap();
        }
        Step::RemoveVendor => repository.remove_vendor(&vendor(), noon()).unwrap(),
        Step::SignEarlier { days } => {
            let early = noon().as_ms() - u64::from(*days) * 24 * 3_600_000;
            repository.refresh(Timestamp::from_ms(early)).unwrap();
        }
        _ => {}
    }
}

fn thief(desk: &Desk, step: &Step) {
    match step {
        Step::Sign {
            role,
            keys,
            set,
            unset,
            twice,
        } => {
            let mut signed = next(desk, role);
            for pointer in unset {
                remove(&mut signed, pointer);
            }
            for (pointer, value) in set {
                place(&mut signed, pointer, value.clone());
            }
            let own = format!("{role}-2026");
            let names = if keys.is_empty() {
                std::slice::from_ref(&own)
            } else {
                keys.as_slice()
            };
            let keys: Vec<Key> = names.iter().map(|name| desk.key(name)).collect();
            serve(desk, role, &signed, &keys, *twice);
        }
        Step::PinOld { role, version } => desk.forge(&[], |snapshot| {
            let old = desk
                .repository
                .public()
                .join(format!("{version}.{role}.json"));
            snapshot["meta"][format!("{role}.json")] =
                pin(&json!({"version": version}), &fs::read(old).unwrap());
        }),
        _ => {}
    }
}

/// Serves a forged role so that everything above it fits.
fn serve(desk: &Desk, role: &str, signed: &Value, keys: &[Key], twice: bool) {
    let keys: Vec<&Key> = keys.iter().collect();
    let mut bytes = envelope(signed, &keys).unwrap();
    if twice {
        let mut value: Value = serde_json::from_slice(&bytes).unwrap();
        let signatures = value["signatures"].as_array_mut().unwrap();
        signatures.extend(signatures.clone());
        bytes = serde_json::to_vec(&value).unwrap();
    }
    let public = desk.repository.public();
    match role {
        "root" => {
            let next = desk.repository.status().unwrap().roles[0].version + 1;
            fs::write(public.join(format!("{next}.root.json")), bytes).unwrap();
        }
        "timestamp" => fs::write(public.join("timestamp.json"), bytes).unwrap(),
        "snapshot" => desk.forge(&[], |snapshot| *snapshot = signed.clone()),
        role => {
            let name = format!("{}.{role}.json", signed["version"]);
            fs::write(public.join(name), &bytes).unwrap();
            desk.forge(&[], |snapshot| {
                snapshot["meta"][format!("{role}.json")] = pin(signed, &bytes);
            });
        }
    }
}

/// The newest signed part of any role with its version raised.
fn next(desk: &Desk, role: &str) -> Value {
    if role != "timestamp" {
        return desk.next(role);
    }
    let mut signed = desk.signed("timestamp.json");
    signed["version"] = json!(signed["version"].as_u64().unwrap() + 1);
    signed
}

/// Serves a changed file in place of the honest one.
fn change(desk: &mut Desk, file: &str, with: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let name = file_name(desk, file);
    let honest = fs::read(desk.repository.public().join(&name)).unwrap();
    desk.host.instead.insert(name, with(honest));
}

/// The newest metadata of a role, or what holds the bytes of a target.
fn file_name(desk: &Desk, file: &str) -> String {
    if file == "timestamp" {
        return "timestamp.json".to_owned();
    }
    let status = desk.repository.status().unwrap();
    if let Some(role) = status.roles.iter().find(|role| role.name == file) {
        return format!("{}.{file}.json", role.version);
    }
    let mut targets = status.roles.iter().flat_map(|role| &role.targets);
    let target = targets.find(|target| target.path == file).unwrap();
    let (folder, name) = file.rsplit_once('/').unwrap();
    format!("{folder}/{}.{name}", target.sha256)
}

fn split(pointer: &str) -> (&str, String) {
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    (parent, last.replace("~1", "/").replace("~0", "~"))
}

fn place(value: &mut Value, pointer: &str, new: Value) {
    let (parent, last) = split(pointer);
    match value.pointer_mut(parent).unwrap() {
        Value::Array(entries) => entries[last.parse::<usize>().unwrap()] = new,
        object => object[last] = new,
    }
}

fn remove(value: &mut Value, pointer: &str) {
    let (parent, last) = split(pointer);
    let object = value.pointer_mut(parent).unwrap().as_object_mut();
    object.unwrap().remove(&last).unwrap();
}
