//! Whose word counts on this device, and since when: what the repository signs about
//! operators, kept for the starts without a connection.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_core::{
    action::{OPERATORS_TARGET, Operators},
    digest::Sha256,
    ids::GroupName,
    ports::Fetch,
    time::Timestamp,
};
use bailiwick_delivery::{Delivery, TargetError};
use bailiwick_store::{Store, StoreError};

use crate::run::{Host, signed_text};

/// Under which name the store keeps the operators.
const KEPT: &str = "operators";
/// Under which name it keeps the highest signed time: milliseconds since 1970, big-endian.
const SIGNED: &str = "signed-time";
/// For how long a timestamp is signed at most (`repo refresh`): so long before its expiry it
/// was not yet made.
const TIMESTAMP_LIFE: Duration = Duration::from_secs(7 * 86_400);

/// What actions are held against.
#[derive(Debug)]
pub(crate) struct Authority(Mutex<Known>);

/// What is known.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) operators: Operators,
    /// The highest time that somebody trusted has signed.
    pub(crate) signed: Timestamp,
    pub(crate) groups: BTreeSet<GroupName>,
}

impl Authority {
    /// As last kept. A list that a version before this one took and this one does not is none:
    /// the next refresh brings it, or says why not.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn open(
        store: &Store,
        groups: BTreeSet<GroupName>,
    ) -> Result<Self, StoreError> {
        let kept = store.value(KEPT).await?;
        let operators = kept.and_then(|bytes| {
            let text = String::from_utf8(bytes).ok()?;
            Operators::parse(OPERATORS_TARGET, &text).ok()
        });
        let signed = store.value(SIGNED).await?;
        let signed = signed.and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)));
        Ok(Self(Mutex::new(Known {
            operators: operators.unwrap_or_default(),
            signed: Timestamp::from_ms(signed.unwrap_or(0)),
            groups,
        })))
    }

    /// What is known now.
    pub(crate) fn known(&self) -> Known {
        self.lock().clone()
    }

    /// The device belongs to these groups.
    pub(crate) fn set_groups(&self, groups: BTreeSet<GroupName>) {
        self.lock().groups = groups;
    }

    /// What is whole between two calls, whoever panicked.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes what a refresh verified: who may sign, and that the timestamp was signed. Says which
/// target is in use.
///
/// # Errors
/// The list could not be fetched, is not signed by the role that may, or can't be read: the
/// last one stays.
pub(crate) async fn refresh(
    host: &Host,
    delivery: &mut Delivery,
    fetch: &dyn Fetch,
    timestamp_expires: Option<&str>,
) -> anyhow::Result<Option<Sha256>> {
    if let Some(signed) = timestamp_expires.and_then(signed_at)
        && signed > host.authority.known().signed
    {
        let bytes = signed.as_ms().to_be_bytes().to_vec();
        host.store.set_value(SIGNED, Some(bytes)).await?;
        host.authority.lock().signed = signed;
    }
    let now = host.clock.now();
    let (text, sha256) = match delivery.target(fetch, OPERATORS_TARGET, now).await {
        Err(TargetError::NotListed { .. }) => (None, None),
        Err(error) => return Err(error.into()),
        Ok(target) => {
            let sha256 = target.sha256;
            (Some(signed_text(target, OPERATORS_TARGET)?), Some(sha256))
        }
    };
    let operators = match &text {
        Some(text) => Operators::parse(OPERATORS_TARGET, text)?,
        None => Operators::default(),
    };
    if host.authority.known().operators != operators {
        host.store
            .set_value(KEPT, text.map(String::into_bytes))
            .await?;
        host.authority.lock().operators = operators;
    }
    Ok(sha256)
}

/// When a timestamp that expires then was signed, at the earliest.
pub(crate) fn signed_at(expires: &str) -> Option<Timestamp> {
    let expires: jiff::Timestamp = expires.parse().ok()?;
    let life = i64::try_from(TIMESTAMP_LIFE.as_millis()).ok()?;
    let signed = expires.as_millisecond().checked_sub(life)?;
    u64::try_from(signed).ok().map(Timestamp::from_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_was_signed_at_most_a_week_before_it_expires() {
        let signed = signed_at("2027-01-22T08:00:00Z");
        assert_eq!(signed, Some(Timestamp::from_ms(1_800_000_000_000)));
        assert_eq!(signed_at("1970-01-02T00:00:00Z"), None);
        assert_eq!(signed_at("soon"), None);
    }
}
