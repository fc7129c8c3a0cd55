//! The shape of TUF 1.0 metadata, as JSON values.

use bailiwick_core::{digest::Sha256, time::Timestamp};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{Key, RepositoryError};

/// Version of the TUF specification that the metadata follows.
const SPECIFICATION: &str = "1.0.31";

/// How long the signature of a role holds, in days. Roles whose keys are offline live a
/// year; snapshot and timestamp are signed anew by every change and every refresh.
pub(crate) fn lifetime_days(role: &str) -> i64 {
    match role {
        "timestamp" => 7,
        "snapshot" => 30,
        _ => 365,
    }
}

/// Until when something that is signed at `now` holds: whole seconds and `Z`, as every
/// reader accepts it.
pub(crate) fn expiry(role: &str, now: Timestamp) -> String {
    let seconds = i64::try_from(now.as_ms() / 1_000).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds)
        .unwrap_or(jiff::Timestamp::MAX)
        .saturating_add(SignedDuration::from_hours(24 * lifetime_days(role)))
        .unwrap_or(jiff::Timestamp::MAX)
        .to_string()
}

/// The year of `now`, for the names of keys and the lifetime of certificates.
pub(crate) fn year(now: Timestamp) -> i16 {
    day(now).0
}

/// Year, month and day of `now`, in UTC.
pub(crate) fn day(now: Timestamp) -> (i16, i8, i8) {
    let now = jiff::Timestamp::from_millisecond(i64::try_from(now.as_ms()).unwrap_or(i64::MAX))
        .unwrap_or(jiff::Timestamp::MAX)
        .to_zoned(jiff::tz::TimeZone::UTC);
    (now.year(), now.month(), now.day())
}

/// An empty role of kind `kind` at version 0; drafting raises it to 1.
pub(crate) fn empty(kind: &str) -> Value {
    let mut signed =
        json!({"_type": kind, "spec_version": SPECIFICATION, "version": 0, "expires": ""});
    match kind {
        "root" => {
            signed["consistent_snapshot"] = json!(true);
            signed["keys"] = json!({});
            signed["roles"] = json!({});
        }
        "targets" => signed["targets"] = json!({}),
        _ => signed["meta"] = json!({}),
    }
    signed
}

/// Raises the version by one and sets the expiry.
pub(crate) fn renew(signed: &mut Value, role: &str, now: Timestamp) {
    signed["version"] = json!(version(signed) + 1);
    signed["expires"] = json!(expiry(role, now));
}

/// The version, 0 if there is none.
pub(crate) fn version(signed: &Value) -> u64 {
    signed["version"].as_u64().unwrap_or(0)
}

/// How a parent role pins a metadata file.
pub(crate) fn pin(version: u64, bytes: &[u8]) -> Value {
    json!({"version": version, "length": bytes.len(), "hashes": {"sha256": Sha256::of(bytes)}})
}

/// How a role lists a target.
pub(crate) fn target(bytes: &[u8]) -> Value {
    json!({"length": bytes.len(), "hashes": {"sha256": Sha256::of(bytes)}})
}

/// The file name of a target when snapshots are consistent: the digest before the last
/// part of the path.
pub(crate) fn target_file(path: &str, digest: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/{digest}.{name}"),
        None => format!("{digest}.{path}"),
    }
}

/// What signatures are made over.
pub(crate) fn canonical(signed: &Value) -> Result<Vec<u8>, RepositoryError> {
    sigstore_tuf::canonical_json::to_canonical_bytes(signed)
        .map_err(|error| RepositoryError::damaged("the draft", error))
}

/// A metadata file.
pub(crate) fn file(signed: &Value, signatures: &[Value]) -> Result<Vec<u8>, RepositoryError> {
    let mut text = serde_json::to_vec_pretty(&json!({"signed": signed, "signatures": signatures}))
        .map_err(|error| RepositoryError::damaged("the draft", error))?;
    text.push(b'\n');
    Ok(text)
}

/// The text of a metadata file: `signed` with a signature of each key over its canonical
/// form. It checks nothing: whether a reader accepts it is the gate's part.
pub fn envelope(signed: &Value, keys: &[&Key]) -> Result<Vec<u8>, RepositoryError> {
    let canonical = canonical(signed)?;
    let signatures: Vec<Value> = keys.iter().map(|key| signature(key, &canonical)).collect();
    file(signed, &signatures)
}

/// A signature as a metadata file lists it.
pub(crate) fn signature(key: &Key, canonical: &[u8]) -> Value {
    json!({"keyid": key.id(), "sig": key.sign(canonical)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiries_are_whole_seconds() {
        let now = Timestamp::from_ms(1_800_000_000_123);
        assert_eq!(expiry("timestamp", now), "2027-01-22T08:00:00Z");
        assert_eq!(year(now), 2027);
    }

    #[test]
    fn a_digest_stands_before_the_file_name() {
        assert_eq!(
            target_file("vendor/a/b/1.0.0.wasm", "ff"),
            "vendor/a/b/ff.1.0.0.wasm"
        );
    }
}
