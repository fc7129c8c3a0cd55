//! Actions that began here, so that none begins twice.
//!
//! A record is on disk before a handler hears of its action, and says how it ended in the
//! same commit that puts the outcome into the outbox. What has begun and not ended was cut.

use bailiwick_core::{
    action::{ActionId, Outcome},
    ids::PluginName,
    time::Timestamp,
};
use redb::{
    ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, WriteTransaction,
};
use serde::{Deserialize, Serialize};

use super::{
    Store, StoreError,
    tables::{self, ACTIONS, Failure, Tree, failure},
};

/// Records that are kept. One is forgotten when its action has expired by signed time: until
/// then a new one finds no room, and its action is refused.
const MOST: u64 = 4_096;

/// What is known of an action that began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ActionRecord {
    /// Which plugin it was for.
    pub handler: PluginName,
    /// Up to when it could begin.
    pub expires: Timestamp,
    /// None while it is at work, or since it was cut.
    pub ended: Option<Ended>,
}

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// By the device's clock.
    pub at: Timestamp,
    /// As the console hears it.
    pub outcome: Outcome,
}

/// What became of a wish to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is on disk: begin.
    Now,
    /// It began before.
    Before,
    /// There is no room: too many have not expired.
    NoRoom,
}

impl Store {
    /// Writes down that an action begins. What has expired by `signed` is forgotten.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: it must not begin.
    pub async fn begin_action(
        &self,
        action: ActionId,
        record: ActionRecord,
        signed: Timestamp,
    ) -> Result<Begun, StoreError> {
        self.run("write down that an action begins", move |database| {
            tables::write(database, |transaction| {
                begin(transaction, &action, &record, signed)
            })
        })
        .await
    }

    /// What is known of an action. A record that can't be read is one that was cut.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn action(&self, action: ActionId) -> Result<Option<ActionRecord>, StoreError> {
        self.run("look an action up", move |database| {
            let transaction = database.begin_read().map_err(failure)?;
            let table = transaction.open_table(ACTIONS).map_err(failure)?;
            let kept = table.get(action.to_string().as_bytes()).map_err(failure)?;
            Ok(kept.and_then(|kept| serde_json::from_slice(kept.value()).ok()))
        })
        .await
    }

    /// Actions that have begun and not ended.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn actions_at_work(&self) -> Result<Vec<(ActionId, ActionRecord)>, StoreError> {
        self.run("look for actions that were cut", move |database| {
            let transaction = database.begin_read().map_err(failure)?;
            let table = transaction.open_table(ACTIONS).map_err(failure)?;
            let mut found = Vec::new();
            for entry in table.iter().map_err(failure)? {
                let (action, record) = entry.map_err(failure)?;
                let record: Option<ActionRecord> = serde_json::from_slice(record.value()).ok();
                if let Some(record) = record.filter(|record| record.ended.is_none()) {
                    let action = std::str::from_utf8(action.value()).ok();
                    let action = action.and_then(|action| action.parse().ok());
                    found.extend(action.map(|action| (action, record)));
                }
            }
            Ok(found)
        })
        .await
    }
}

fn begin(
    transaction: &WriteTransaction,
    action: &ActionId,
    record: &ActionRecord,
    signed: Timestamp,
) -> Result<Begun, Failure> {
    let mut table = transaction.open_table(ACTIONS).map_err(failure)?;
    if table
        .get(action.to_string().as_bytes())
        .map_err(failure)?
        .is_some()
    {
        return Ok(Begun::Before);
    }
    let is_over = |bytes: &[u8]| {
        let record: Option<ActionRecord> = serde_json::from_slice(bytes).ok();
        // One that can't be read says nothing that could be acted on.
        record.is_none_or(|record| record.ended.is_some() && record.expires <= signed)
    };
    if table.len().map_err(failure)? >= MOST / 2 {
        table.retain(|_, bytes| !is_over(bytes)).map_err(failure)?;
    }
    if table.len().map_err(failure)? >= MOST {
        return Ok(Begun::NoRoom);
    }
    insert(&mut table, action, record)?;
    Ok(Begun::Now)
}

/// Writes how an action ended. The first end stays.
pub(super) fn end(
    transaction: &WriteTransaction,
    action: &ActionId,
    record: &ActionRecord,
) -> Result<(), Failure> {
    let mut table = transaction.open_table(ACTIONS).map_err(failure)?;
    insert(&mut table, action, record)
}

fn insert(table: &mut Tree<'_>, action: &ActionId, record: &ActionRecord) -> Result<(), Failure> {
    let bytes = serde_json::to_vec(record)
        .map_err(|error| failure(redb::StorageError::Io(error.into())))?;
    table
        .insert(action.to_string().as_bytes(), bytes.as_slice())
        .map_err(failure)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bailiwick_core::run_time::RunTime;

    use super::*;
    use crate::{Beside, Caps, Lane, Outgoing, What};

    const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

    fn record(expires: u64) -> ActionRecord {
        ActionRecord {
            handler: "run-program".parse().unwrap(),
            expires: Timestamp::from_ms(expires),
            ended: None,
        }
    }

    fn id(number: u16) -> ActionId {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        ActionId::from_bytes(bytes)
    }

    fn ended(expires: u64) -> ActionRecord {
        ActionRecord {
            ended: Some(Ended {
                at: NOW,
                outcome: Outcome::TimedOut,
            }),
            ..record(expires)
        }
    }

    async fn finish(store: &Store, action: ActionId, record: ActionRecord) {
        let outgoing = Outgoing {
            what: What::Outcome { action },
            key: action.to_string(),
            at: NOW,
            body: vec![1],
            beside: Some(Beside::Action(record)),
        };
        let put = store
            .outbox()
            .put(vec![outgoing], Caps::DEFAULT, RunTime::ZERO)
            .await;
        assert!(put.unwrap().tickets[0].is_some());
    }

    #[tokio::test]
    async fn what_began_begins_no_more_and_what_was_cut_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), NOW).await.unwrap();
        let begin = |number| store.begin_action(id(number), record(9), Timestamp::EPOCH);
        assert_eq!(begin(1).await.unwrap(), Begun::Now);
        assert_eq!(begin(1).await.unwrap(), Begun::Before);
        assert_eq!(begin(2).await.unwrap(), Begun::Now);
        finish(&store, id(1), ended(9)).await;
        drop(store);
        let (store, _) = Store::open(folder.path(), NOW).await.unwrap();
        let cut = store.actions_at_work().await.unwrap();
        assert_eq!(cut, [(id(2), record(9))]);
        assert_eq!(store.action(id(1)).await.unwrap(), Some(ended(9)));
        assert_eq!(store.action(id(3)).await.unwrap(), None);
        let begun = store.begin_action(id(1), record(9), NOW).await.unwrap();
        assert_eq!(
            begun,
            Begun::Before,
            "signed time alone forgets nothing that has room"
        );
        let waiting = store
            .outbox()
            .next(
                Lane::Outcomes,
                None,
                9,
                bailiwick_core::bytes::ByteCount::kib(1),
            )
            .await
            .unwrap();
        assert_eq!(waiting.len(), 1, "the outcome is in the outbox, once");
    }

    #[tokio::test]
    async fn records_are_bounded_and_go_when_they_have_expired_by_signed_time() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), NOW).await.unwrap();
        let fill = |database: &redb::Database| {
            tables::write(database, |transaction| {
                (0..MOST as u16).try_for_each(|number| {
                    end(transaction, &id(number), &ended(100 + u64::from(number)))
                })
            })
        };
        store.run("fill", fill).await.unwrap();
        let begin =
            |signed| store.begin_action(id(9_999), record(99_999), Timestamp::from_ms(signed));
        assert_eq!(begin(99).await.unwrap(), Begun::NoRoom);
        assert_eq!(
            begin(100).await.unwrap(),
            Begun::Now,
            "the first has expired"
        );
        assert_eq!(store.action(id(0)).await.unwrap(), None);
        assert!(store.action(id(1)).await.unwrap().is_some());
    }
}
