//! What plugins keep: the port behind the capability `state`.

use bailiwick_core::{
    ids::PluginName,
    ports::{BoxFuture, State, StateError},
};
use redb::{Database, ReadableDatabase};

use super::{
    Store, StoreError,
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

fn load(database: &Database, plugin: &str) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let transaction = database.begin_read().map_err(failure)?;
    let table = transaction.open_table(PLUGIN_STATE).map_err(failure)?;
    let mut kept = Vec::new();
    for entry in redb::ReadableTable::range(&table, (plugin, "")..).map_err(failure)? {
        let (key, value) = entry.map_err(failure)?;
        let (owner, key) = key.value();
        if owner != plugin {
            break;
        }
        kept.push((key.to_owned(), value.value().to_vec()));
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
            let key = (plugin, key.as_str());
            match value {
                Some(value) => table.insert(key, value.as_slice()).map_err(failure)?,
                None => table.remove(key).map_err(failure)?,
            };
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
