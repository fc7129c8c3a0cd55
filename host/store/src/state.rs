//! What plugins keep: the port behind the capability `state`.

use bailiwick_core::{
    ids::PluginName,
    ports::{BoxFuture, State, StateError},
    session::SessionId,
};
use redb::{Database, ReadableDatabase};

use super::{
    Store, StoreError,
    keys::{owned, owner_and_key},
    tables::{self, Failure, PLUGIN_STATE, failure},
};

impl State for Store {
    fn load<'a>(
        &'a self,
        plugin: &'a PluginName,
    ) -> BoxFuture<'a, Result<Vec<(String, Vec<u8>)>, StateError>> {
        Box::pin(async move {
            let name = plugin.to_string();
            self.run("read a plugin's state", move |database| {
                load(database, &name)
            })
            .await
            .map_err(|error| state_error(plugin, "read", &error))
        })
    }

    fn commit<'a>(
        &'a self,
        plugin: &'a PluginName,
        changes: Vec<(String, Option<Vec<u8>>)>,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move {
            if changes.is_empty() {
                return Ok(());
            }
            let name = plugin.to_string();
            self.run("write a plugin's state", move |database| {
                commit(database, &name, &changes)
            })
            .await
            .map_err(|error| state_error(plugin, "written", &error))
        })
    }
}

/// The state of one session's instances: apart from the plugin's own and other sessions'.
pub struct SessionState {
    store: Store,
    session: SessionId,
}

impl SessionState {
    /// The state of the plugin's instance for `session`.
    pub fn new(store: &Store, session: SessionId) -> Self {
        let store = store.clone();
        Self { store, session }
    }
}

/// Under which the state of a session is kept. No plugin's name has an `@`.
fn owner(plugin: &PluginName, session: &SessionId) -> String {
    format!("{plugin}@{session}")
}

impl State for SessionState {
    fn load<'a>(
        &'a self,
        plugin: &'a PluginName,
    ) -> BoxFuture<'a, Result<Vec<(String, Vec<u8>)>, StateError>> {
        let owner = owner(plugin, &self.session);
        Box::pin(async move {
            let read = self.store.run("read a plugin's state", move |database| {
                load(database, &owner)
            });
            read.await
                .map_err(|error| state_error(plugin, "read", &error))
        })
    }

    fn commit<'a>(
        &'a self,
        plugin: &'a PluginName,
        changes: Vec<(String, Option<Vec<u8>>)>,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        let owner = owner(plugin, &self.session);
        Box::pin(async move {
            if changes.is_empty() {
                return Ok(());
            }
            let written = self.store.run("write a plugin's state", move |database| {
                commit(database, &owner, &changes)
            });
            written
                .await
                .map_err(|error| state_error(plugin, "written", &error))
        })
    }
}

impl Store {
    /// Deletes what `plugin` keeps for a session that has closed.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: all of it is still there.
    pub async fn forget_session(
        &self,
        plugin: &PluginName,
        session: &SessionId,
    ) -> Result<(), StoreError> {
        let gone = owner(plugin, session);
        self.forget_state(plugin, move |owner| owner == gone).await
    }

    /// Deletes what `plugin` keeps for sessions other than `open`.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: all of it is still there.
    pub async fn forget_other_sessions(
        &self,
        plugin: &PluginName,
        open: Vec<SessionId>,
    ) -> Result<(), StoreError> {
        let open: Vec<String> = open.iter().map(|session| owner(plugin, session)).collect();
        self.forget_state(plugin, move |owner| open.iter().all(|open| open != owner))
            .await
    }

    /// Deletes the state of those sessions of `plugin` whose owner `is_gone`.
    async fn forget_state(
        &self,
        plugin: &PluginName,
        is_gone: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<(), StoreError> {
        let first = format!("{plugin}@");
        self.run("delete a session's state", move |database| {
            let transaction = database.begin_read().map_err(failure)?;
            let table = transaction.open_table(PLUGIN_STATE).map_err(failure)?;
            let mut gone = Vec::new();
            for entry in table.range(first.as_bytes()..).map_err(failure)? {
                let (key, _) = entry.map_err(failure)?;
                if !key.value().starts_with(first.as_bytes()) {
                    break;
                }
                if owner_and_key(key.value()).is_some_and(|(owner, _)| is_gone(owner)) {
                    gone.push(key.value().to_vec());
                }
            }
            // Nothing to delete is the rule, and a commit costs the disk a write.
            if gone.is_empty() {
                return Ok(());
            }
            tables::write(database, |transaction| {
                let mut table = transaction.open_table(PLUGIN_STATE).map_err(failure)?;
                for key in &gone {
                    table.remove(key.as_slice()).map_err(failure)?;
                }
                Ok(())
            })
        })
        .await
    }
}

fn load(database: &Database, plugin: &str) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let transaction = database.begin_read().map_err(failure)?;
    let table = transaction.open_table(PLUGIN_STATE).map_err(failure)?;
    let mut kept = Vec::new();
    let first = owned(plugin, "");
    for entry in table.range(first.as_slice()..).map_err(failure)? {
        let (key, value) = entry.map_err(failure)?;
        match owner_and_key(key.value()) {
            Some((owner, key)) if owner == plugin => {
                kept.push((key.to_owned(), value.value().to_vec()));
            }
            _ => break,
        }
    }
    Ok(kept)
}

fn commit(
    database: &Database,
    plugin: &str,
    changes: &[(String, Option<Vec<u8>>)],
) -> Result<(), Failure> {
    tables::write(database, |transaction| {
        let mut table = transaction.open_table(PLUGIN_STATE).map_err(failure)?;
        for (key, value) in changes {
            let key = owned(plugin, key);
            match value {
                Some(value) => table.insert(key.as_slice(), value.as_slice()),
                None => table.remove(key.as_slice()),
            }
            .map_err(failure)?;
        }
        Ok(())
    })
}

fn state_error(plugin: &PluginName, doing: &'static str, error: &StoreError) -> StateError {
    StateError {
        plugin: plugin.clone(),
        doing,
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_core::time::Timestamp;

    use super::*;

    async fn keys(state: &dyn State, plugin: &PluginName) -> Vec<String> {
        let kept = state.load(plugin).await.unwrap();
        kept.into_iter().map(|(key, _)| key).collect()
    }

    #[tokio::test]
    async fn sessions_keep_apart_and_what_a_closed_one_kept_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), Timestamp::EPOCH).await.unwrap();
        let plugin: PluginName = "analyzer".parse().unwrap();
        let neighbour: PluginName = "analyzer-two".parse().unwrap();
        let id = |generation| SessionId::new("7", generation);
        let state = |generation| SessionState::new(&store, id(generation));
        let put = |key: &str| vec![(key.to_owned(), Some(vec![1]))];
        for generation in 1..=3 {
            let key = format!("of-{generation}");
            state(generation).commit(&plugin, put(&key)).await.unwrap();
        }
        state(1).commit(&neighbour, put("theirs")).await.unwrap();
        store.commit(&plugin, put("own")).await.unwrap();
        assert_eq!(keys(&state(1), &plugin).await, ["of-1"]);
        assert_eq!(keys(&store, &plugin).await, ["own"]);

        store.forget_session(&plugin, &id(1)).await.unwrap();
        assert!(keys(&state(1), &plugin).await.is_empty());
        // After a start: of those that were open only one still is.
        store
            .forget_other_sessions(&plugin, vec![id(3)])
            .await
            .unwrap();
        assert!(keys(&state(2), &plugin).await.is_empty());
        assert_eq!(keys(&state(3), &plugin).await, ["of-3"]);
        assert_eq!(keys(&store, &plugin).await, ["own"]);
        assert_eq!(keys(&state(1), &neighbour).await, ["theirs"]);
    }
}
