//! Suspensions of plugins, which a restart of the agent must not end.

use std::time::Duration;

use bailiwick_core::{
    ids::{GenerationId, PluginName},
    time::Timestamp,
};
use redb::{ReadableDatabase as _, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::{
    Store, StoreError,
    events::{self, NewEvent},
    tables::{self, Failure, SUSPENSIONS, failure},
};

/// A plugin that failed too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Which generation failed. Another one begins with a clean record.
    pub generation: GenerationId,
    /// When it was suspended, by the clock on the wall.
    pub at: Timestamp,
    /// For how long, in milliseconds.
    pub for_ms: u64,
    /// Suspensions of this generation that are remembered, this one included.
    pub count: u32,
}

impl Suspension {
    /// How much of it is left; `None` if it is over. A clock that was set back makes it no
    /// longer than it was.
    pub fn left(&self, now: Timestamp) -> Option<Duration> {
        let passed = now.as_ms().saturating_sub(self.at.as_ms());
        let left = self.for_ms.checked_sub(passed)?;
        (left > 0).then(|| Duration::from_millis(left))
    }
}

impl Store {
    /// Keeps a suspension, and the events that tell of it, in one commit.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: nothing was kept.
    pub async fn suspend(
        &self,
        plugin: &PluginName,
        suspension: Suspension,
        told: Vec<NewEvent>,
    ) -> Result<usize, StoreError> {
        let plugin = plugin.to_string();
        self.run("keep a suspension", move |database| {
            tables::write(database, |transaction| {
                put(transaction, &plugin, &suspension)?;
                events::record(transaction, &told)
            })
        })
        .await
    }

    /// The last suspension of `plugin`. One that can't be read is none.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn suspension(&self, plugin: &PluginName) -> Result<Option<Suspension>, StoreError> {
        let plugin = plugin.to_string();
        self.run("read a suspension", move |database| {
            let transaction = database.begin_read().map_err(failure)?;
            let table = transaction.open_table(SUSPENSIONS).map_err(failure)?;
            let kept = table.get(plugin.as_bytes()).map_err(failure)?;
            Ok(kept.and_then(|kept| serde_json::from_slice(kept.value()).ok()))
        })
        .await
    }
}

fn put(
    transaction: &WriteTransaction,
    plugin: &str,
    suspension: &Suspension,
) -> Result<(), Failure> {
    let json = serde_json::to_vec(suspension)
        .map_err(|error| failure(redb::StorageError::Io(error.into())))?;
    let mut table = transaction.open_table(SUSPENSIONS).map_err(failure)?;
    table
        .insert(plugin.as_bytes(), json.as_slice())
        .map_err(failure)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_suspension_outlives_a_restart_and_ends_at_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let at = Timestamp::from_ms(1_000_000);
        let plugin: PluginName = "pressure".parse().unwrap();
        let suspension = Suspension {
            generation: GenerationId(3),
            at,
            for_ms: 600_000,
            count: 1,
        };
        {
            let (store, _) = Store::open(folder.path(), at).await.unwrap();
            assert_eq!(store.suspension(&plugin).await.unwrap(), None);
            store
                .suspend(&plugin, suspension, Vec::new())
                .await
                .unwrap();
        }
        let (store, _) = Store::open(folder.path(), at).await.unwrap();
        let kept = store.suspension(&plugin).await.unwrap().unwrap();
        assert_eq!(kept, suspension);
        let minute = Duration::from_secs(60);
        assert_eq!(kept.left(at.after(minute)), Some(minute * 9));
        assert_eq!(kept.left(at.after(minute * 10)), None);
        assert_eq!(kept.left(Timestamp::EPOCH), Some(minute * 10));
    }
}
