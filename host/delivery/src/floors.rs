//! The lowest versions and the earliest time that this device still accepts.
//!
//! The library derives its floors from the metadata files that it kept, so whoever damages
//! one of them lowers its floor. These are kept apart, twice, with a digest each; of two
//! readable copies the higher value counts.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use bailiwick_core::{digest::Sha256, time::Timestamp};
use sigstore_tuf::TrustedMetadataSet;

use crate::{DiskError, OpenError, RefreshError, disk};

const FORMAT: u64 = 1;
const COPIES: [&str; 2] = ["floors-a.json", "floors-b.json"];
/// Above what 28,000 roles would take.
const LONGEST: u64 = 4_000_000;
/// By how much the clock may fall behind the last success: what a time service corrects.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// What is never gone below.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Floors {
    /// When the last refresh succeeded.
    pub(crate) clock: Option<Timestamp>,
    /// Highest verified version of each role.
    pub(crate) versions: BTreeMap<String, u64>,
    /// Ids of the timestamp's and the snapshot's keys when the versions were verified.
    pub(crate) keys: BTreeSet<String>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Copy {
    format: u64,
    sha256: Sha256,
    floors: serde_json::Value,
}

impl Floors {
    /// Reads both copies. Damaged ones are left for the next write to replace.
    pub(crate) fn load(folder: &Path) -> Result<Self, OpenError> {
        let mut merged = Self::default();
        for name in COPIES {
            let path = folder.join(name);
            let Some(bytes) = disk::read(&path, LONGEST)? else {
                continue;
            };
            let Ok(copy) = serde_json::from_slice::<Copy>(&bytes) else {
                continue;
            };
            if copy.format > FORMAT {
                return Err(OpenError::Newer {
                    path,
                    found: copy.format,
                    known: FORMAT,
                });
            }
            let whole = Sha256::of(copy.floors.to_string().as_bytes()) == copy.sha256;
            if let (true, Ok(floors)) = (whole, serde_json::from_value::<Self>(copy.floors)) {
                merged.merge(floors);
            }
        }
        Ok(merged)
    }

    fn merge(&mut self, other: Self) {
        self.clock = self.clock.max(other.clock);
        for (role, version) in other.versions {
            let floor = self.versions.entry(role).or_default();
            *floor = version.max(*floor);
        }
        self.keys.extend(other.keys);
    }

    /// Writes both copies, one after the other: an interrupted write damages at most one.
    pub(crate) fn save(&self, folder: &Path) -> Result<(), DiskError> {
        let failed = |error: serde_json::Error| {
            DiskError::new("written", folder.join(COPIES[0]))(std::io::Error::other(error))
        };
        let floors = serde_json::to_value(self).map_err(failed)?;
        let copy = Copy {
            format: FORMAT,
            sha256: Sha256::of(floors.to_string().as_bytes()),
            floors,
        };
        let text = serde_json::to_vec(&copy).map_err(failed)?;
        COPIES
            .iter()
            .try_for_each(|name| disk::write(&folder.join(name), &text))
    }

    /// The time to hold expiries against: the clock's, or that of the last success if the
    /// clock was set back by more than the tolerance. The second value is by how much.
    pub(crate) fn time(&self, now: Timestamp) -> (Timestamp, Option<Duration>) {
        match self.clock {
            Some(floor) if now.after(TOLERANCE) < floor => (
                floor,
                Some(Duration::from_millis(floor.as_ms() - now.as_ms())),
            ),
            _ => (now, None),
        }
    }

    /// The floors after `trusted` was verified.
    ///
    /// A root that takes a key from timestamp or snapshot lowers the floors beneath it
    /// (TUF 5.3.11): it is how an owner recovers from versions that a thief raised.
    pub(crate) fn raised(&self, trusted: &TrustedMetadataSet) -> Result<Self, RefreshError> {
        let root = trusted.root();
        let keys: BTreeSet<String> = ["timestamp", "snapshot"]
            .iter()
            .filter_map(|role| root.role(role))
            .flat_map(|role| role.keyids.iter().cloned())
            .collect();
        let mut floors = Self {
            clock: self.clock,
            versions: self.versions.clone(),
            keys,
        };
        if !self.keys.is_subset(&floors.keys) {
            floors.versions.retain(|role, _| role == "root");
        }
        floors.raise("root", root.version, &format!("{}.root.json", root.version))?;
        if let Some(timestamp) = trusted.timestamp() {
            floors.raise("timestamp", timestamp.version, "timestamp.json")?;
        }
        if let Some(snapshot) = trusted.snapshot() {
            let file = format!("{}.snapshot.json", snapshot.version);
            floors.raise("snapshot", snapshot.version, &file)?;
            for role in floors.versions.keys() {
                if !is_top(role) && !snapshot.meta.contains_key(&format!("{role}.json")) {
                    return Err(RefreshError::Dropped {
                        file,
                        role: role.clone(),
                    });
                }
            }
            for (name, pin) in &snapshot.meta {
                let role = name.strip_suffix(".json").unwrap_or(name);
                // Early repositories pin the root here too, and never look at it again.
                if !is_top(role) {
                    floors.raise(role, pin.version, &file)?;
                }
            }
        }
        Ok(floors)
    }

    fn raise(&mut self, role: &str, version: u64, file: &str) -> Result<(), RefreshError> {
        let floor = self.versions.entry(role.to_owned()).or_default();
        if version < *floor {
            return Err(RefreshError::Rollback {
                file: file.to_owned(),
                role: role.to_owned(),
                seen: *floor,
                offered: version,
            });
        }
        *floor = version;
        Ok(())
    }
}

/// Roles that a snapshot has no authority over.
fn is_top(role: &str) -> bool {
    matches!(role, "root" | "timestamp" | "snapshot")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floors(version: u64) -> Floors {
        Floors {
            clock: Some(Timestamp::from_ms(1_000_000)),
            versions: BTreeMap::from([("timestamp".to_owned(), version)]),
            keys: BTreeSet::new(),
        }
    }

    #[test]
    fn one_damaged_copy_lowers_nothing() {
        for damaged in COPIES {
            let folder = tempfile::tempdir().unwrap();
            floors(7).save(folder.path()).unwrap();
            let path = folder.path().join(damaged);
            let lowered = std::fs::read_to_string(&path).unwrap().replace(":7", ":1");
            std::fs::write(path, lowered).unwrap();
            assert_eq!(Floors::load(folder.path()).unwrap(), floors(7));
        }
    }

    #[test]
    fn of_two_copies_the_higher_counts() {
        let folder = tempfile::tempdir().unwrap();
        floors(7).save(folder.path()).unwrap();
        let newer = std::fs::read(folder.path().join(COPIES[1])).unwrap();
        floors(6).save(folder.path()).unwrap();
        std::fs::write(folder.path().join(COPIES[1]), newer).unwrap();
        assert_eq!(
            Floors::load(folder.path()).unwrap().versions["timestamp"],
            7
        );
    }

    #[test]
    fn a_newer_format_is_not_read_as_if_it_were_old() {
        let folder = tempfile::tempdir().unwrap();
        floors(7).save(folder.path()).unwrap();
        let path = folder.path().join(COPIES[0]);
        let newer = std::fs::read_to_string(&path)
            .unwrap()
            .replace("\"format\":1", "\"format\":2");
        std::fs::write(path, newer).unwrap();
        assert!(matches!(
            Floors::load(folder.path()),
            Err(OpenError::Newer { found: 2, .. })
        ));
    }

    #[test]
    fn a_clock_that_falls_behind_is_replaced_beyond_the_tolerance() {
        let floors = floors(1);
        let at = Timestamp::from_ms;
        assert_eq!(floors.time(at(1_000_001)), (at(1_000_001), None));
        assert_eq!(floors.time(at(700_000)), (at(700_000), None));
        let behind = Some(Duration::from_millis(300_001));
        assert_eq!(floors.time(at(699_999)), (at(1_000_000), behind));
    }
}
