//! What a server does by itself: it signs snapshot and timestamp anew before they expire.

use std::{path::Path, time::Duration};

use bailiwick_core::time::Timestamp;
use serde_json::Value;

use crate::{Repository, RepositoryError, disk, draft::Draft, key, metadata::lifetime_days};

/// A signature is made anew when it is a day old, whatever is left of it: so a device sees
/// within a day that a server withholds something, and a server that is down for days still
/// has valid metadata when it is back.
const DAILY: Duration = Duration::from_secs(24 * 3_600);

/// Whether to sign anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Now.
    Due,
    /// Not before this time has passed.
    In(Duration),
}

/// When what expires at `expires` and was signed for `lifetime` must be signed anew.
///
/// An expiry further away than a signature of `now` could reach comes from a clock that was
/// ahead; it is left alone until it is due by its own date.
pub fn renewal(expires: Timestamp, lifetime: Duration, now: Timestamp) -> Renewal {
    let margin = lifetime.saturating_sub(DAILY);
    let left = Duration::from_millis(expires.as_ms().saturating_sub(now.as_ms()));
    match left.checked_sub(margin) {
        None | Some(Duration::ZERO) => Renewal::Due,
        Some(wait) => Renewal::In(wait),
    }
}

/// What a look at snapshot and timestamp led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// They were signed anew; the version of the timestamp, and until when it holds.
    Signed {
        /// New version of the timestamp.
        version: u64,
        /// RFC 3339 text.
        expires: String,
    },
    /// Nothing had to be done for this long.
    NotDue(Duration),
}

impl Repository {
    /// Signs snapshot and timestamp anew if they are due. Reads no key but the online ones.
    pub fn keep_fresh(&self, now: Timestamp) -> Result<Renewed, RepositoryError> {
        let _lock = disk::lock(self.folder())?;
        let mut wait = Duration::MAX;
        for role in ["timestamp", "snapshot"] {
            let signed = self.role(role)?.unwrap_or_default();
            let days = u64::try_from(lifetime_days(role)).unwrap_or(0);
            let lifetime = DAILY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX));
            match renewal(expiry(role, &signed)?, lifetime, now) {
                Renewal::In(time) => wait = wait.min(time),
                Renewal::Due => {
                    let versions = Draft::refresh(self, now)?.commit()?;
                    return Ok(Renewed::Signed {
                        version: versions.get("timestamp").copied().unwrap_or(0),
                        expires: crate::metadata::expiry("timestamp", now),
                    });
                }
            }
        }
        Ok(Renewed::NotDue(wait))
    }

    /// Refuses keys that must not be where a server is: in its folder of online keys one
    /// that signs for anything else than snapshot and timestamp, and any key at all among
    /// the files that it serves.
    pub fn check_online_keys(&self) -> Result<(), RepositoryError> {
        let status = self.status()?;
        for key in key::load_all(&self.online_keys())? {
            let signs = |role: &&crate::RoleStatus| role.keys.iter().any(|of| of.id == key.id());
            let mut offline = status
                .roles
                .iter()
                .filter(signs)
                .map(|role| role.name.as_str());
            let offline = offline.find(|role| !matches!(*role, "snapshot" | "timestamp"));
            let made_for =
                Some(key.role()).filter(|role| !matches!(*role, "snapshot" | "timestamp"));
            if let Some(role) = offline.or(made_for) {
                return Err(RepositoryError::OfflineKey {
                    name: key.name().to_owned(),
                    path: self.online_keys(),
                    role: role.to_owned(),
                });
            }
        }
        match served_key(&self.public())? {
            Some(key) => Err(RepositoryError::OfflineKey {
                name: key.name().to_owned(),
                path: self.public(),
                role: key.role().to_owned(),
            }),
            None => Ok(()),
        }
    }
}

/// A key file among the files that are served, under whatever name.
fn served_key(folder: &Path) -> Result<Option<key::Key>, RepositoryError> {
    let entries = std::fs::read_dir(folder).map_err(RepositoryError::disk("read", folder))?;
    for entry in entries {
        let path = entry.map_err(RepositoryError::disk("read", folder))?.path();
        let found = match path.is_dir() {
            true => served_key(&path)?,
            // Metadata and targets are no key files: reading them as such fails.
            false => path
                .extension()
                .filter(|end| *end == "json")
                .and_then(|_| key::Key::load(&path).ok()),
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn expiry(role: &str, signed: &Value) -> Result<Timestamp, RepositoryError> {
    let text = signed["expires"].as_str().unwrap_or_default();
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|error| RepositoryError::damaged(&format!("{role}.json"), error))?;
    Ok(Timestamp::from_ms(
        u64::try_from(time.as_millisecond()).unwrap_or(0),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_made_anew_when_it_is_a_day_old() {
        let week = DAILY * 7;
        let signed = Timestamp::from_ms(1_795_435_200_000);
        let expires = signed.after(week);
        let at = |hours: u64| {
            renewal(
                expires,
                week,
                signed.after(Duration::from_secs(hours * 3_600)),
            )
        };
        assert_eq!(at(0), Renewal::In(DAILY));
        assert_eq!(at(23), Renewal::In(Duration::from_secs(3_600)));
        assert_eq!(at(24), Renewal::Due);
        assert_eq!(at(24 * 6), Renewal::Due);
        assert_eq!(at(24 * 40), Renewal::Due);
    }

    #[test]
    fn an_expiry_from_a_clock_that_was_ahead_is_waited_for() {
        let now = Timestamp::from_ms(1_795_435_200_000);
        let expires = now.after(DAILY * 10);
        assert_eq!(renewal(expires, DAILY * 7, now), Renewal::In(DAILY * 4));
    }
}
