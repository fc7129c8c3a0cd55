//! Who signed: the names that keys carry in metadata.

use std::collections::BTreeMap;

use sigstore_tuf::{Key, Metadata, Role, Root, Snapshot, Targets, Timestamp, TrustedMetadataSet};

/// The field of a key in which metadata keeps its name for people.
const NAME_FIELD: &str = "x-bailiwick-name";

/// A role as this device verified it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRole {
    /// Its version.
    pub version: u64,
    /// Until when it holds, as RFC 3339 text; `None` if only its version is known, because
    /// nothing of it was needed.
    pub expires: Option<String>,
    /// Names of the keys whose signatures were verified.
    pub keys: Vec<String>,
    /// Names of the keys that may sign it; empty if only its version is known.
    pub may_sign: Vec<String>,
}

/// Every role that the snapshot names, and the four at the top.
pub(crate) fn roles(
    trusted: &TrustedMetadataSet,
    file: impl Fn(&str) -> Option<Vec<u8>>,
) -> BTreeMap<String, SignedRole> {
    let root = trusted.root();
    let by_root = |role: &str| {
        root.role(role)
            .map(|keys| keys.keyids.clone())
            .unwrap_or_default()
    };
    let mut roles = BTreeMap::new();
    if let Some(snapshot) = trusted.snapshot() {
        for (name, pin) in &snapshot.meta {
            let name = name.trim_end_matches(".json").to_owned();
            let pinned = SignedRole {
                version: pin.version,
                expires: None,
                keys: Vec::new(),
                may_sign: Vec::new(),
            };
            roles.insert(name, pinned);
        }
    }
    let root_bytes = Some(trusted.root_bytes().to_vec());
    roles.extend(role::<Root>(
        "root",
        root_bytes,
        &root.keys,
        &by_root("root"),
    ));
    let top = |name: &str| file(&format!("{name}.json"));
    roles.extend(role::<Timestamp>(
        "timestamp",
        top("timestamp"),
        &root.keys,
        &by_root("timestamp"),
    ));
    roles.extend(role::<Snapshot>(
        "snapshot",
        top("snapshot"),
        &root.keys,
        &by_root("snapshot"),
    ));
    roles.extend(role::<Targets>(
        "targets",
        top("targets"),
        &root.keys,
        &by_root("targets"),
    ));
    let delegations = trusted
        .targets_role("targets")
        .and_then(|targets| targets.delegations.as_ref());
    for delegated in delegations
        .iter()
        .flat_map(|delegations| &delegations.roles)
    {
        if let Some(delegations) = delegations
            && trusted.targets_role(&delegated.name).is_some()
        {
            let bytes = top(&delegated.name);
            roles.extend(role::<Targets>(
                &delegated.name,
                bytes,
                &delegations.keys,
                &delegated.keyids,
            ));
        }
    }
    roles
}

fn role<T: Role>(
    name: &str,
    bytes: Option<Vec<u8>>,
    keys: &BTreeMap<String, Key>,
    ids: &[String],
) -> Option<(String, SignedRole)> {
    let metadata = Metadata::<T>::from_slice(&bytes?).ok()?;
    let good = |id: &String| {
        let key = keys.get(id)?;
        let signature = metadata
            .signatures()
            .iter()
            .find(|signature| signature.keyid == *id)?;
        let alone = single(id);
        let keys = BTreeMap::from([(id.clone(), key.clone())]);
        metadata.verify_threshold(&keys, &alone?, name).ok()?;
        Some(key_name(key, &signature.keyid))
    };
    let signed = SignedRole {
        version: metadata.signed().version(),
        expires: Some(metadata.signed().expires().to_string()),
        keys: ids.iter().filter_map(good).collect(),
        may_sign: ids
            .iter()
            .filter_map(|id| Some(key_name(keys.get(id)?, id)))
            .collect(),
    };
    Some((name.to_owned(), signed))
}

/// The rule "this one key must sign": asks the library about one signature.
fn single(id: &str) -> Option<sigstore_tuf::RoleKeys> {
    serde_json::from_value(serde_json::json!({"keyids": [id], "threshold": 1})).ok()
}

fn key_name(key: &Key, id: &str) -> String {
    let name = key.extra.get(NAME_FIELD).and_then(|name| name.as_str());
    name.map_or_else(
        || id.chars().take(12).collect(),
        |name| name.chars().take(64).collect(),
    )
}

/// The role that lists `path`: the walk of TUF 5.6.7 over what is already verified.
pub(crate) fn listing_role(trusted: &TrustedMetadataSet, path: &str) -> Option<String> {
    let mut visit = vec!["targets".to_owned()];
    let mut visited = Vec::new();
    while !visit.is_empty() {
        let name = visit.remove(0);
        let Some(targets) = trusted.targets_role(&name) else {
            continue;
        };
        if visited.contains(&name) {
            continue;
        }
        if targets.target(path).is_some() {
            return Some(name);
        }
        let mut children = Vec::new();
        for child in targets
            .delegations
            .iter()
            .flat_map(|delegations| &delegations.roles)
        {
            if child.matches_path(path).unwrap_or(false) {
                children.push(child.name.clone());
                if child.terminating {
                    visit.clear();
                    break;
                }
            }
        }
        children.append(&mut visit);
        visit = children;
        visited.push(name);
    }
    None
}

/// The role that `targets` lets sign `path`; `None` if it delegates it to nobody.
pub(crate) fn responsible_role(trusted: &TrustedMetadataSet, path: &str) -> Option<String> {
    let targets = trusted.targets_role("targets")?;
    let mut roles = targets.delegations.as_ref()?.roles.iter();
    let role = roles.find(|role| role.matches_path(path).unwrap_or(false))?;
    Some(role.name.clone())
}
