//! What each plugin's report sender remembers: epoch, counter and base.

use bailiwick_core::ids::PluginName;
use redb::ReadableDatabase;

use super::{
    Store, StoreError,
    tables::{self, SENDERS, failure},
};

impl Store {
    /// What was last kept for `plugin`; see also [`super::NewReport::sender`].
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn sender(&self, plugin: &PluginName) -> Result<Option<Vec<u8>>, StoreError> {
        let plugin = plugin.to_string();
        self.run("read a report sender's state", move |database| {
            let transaction = database.begin_read().map_err(failure)?;
            let table = transaction.open_table(SENDERS).map_err(failure)?;
            let state = table.get(plugin.as_str()).map_err(failure)?;
            Ok(state.map(|state| state.value().to_vec()))
        })
        .await
    }

    /// Keeps `state` for `plugin`; `None` forgets it, so that its next report is a full one.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn set_sender(
        &self,
        plugin: &PluginName,
        state: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let plugin = plugin.to_string();
        self.run("write a report sender's state", move |database| {
            tables::write(database, |transaction| {
                let mut table = transaction.open_table(SENDERS).map_err(failure)?;
                match &state {
                    Some(state) => table.insert(plugin.as_str(), state.as_slice()),
                    None => table.remove(plugin.as_str()),
                }
                .map_err(failure)?;
                Ok(())
            })
        })
        .await
    }
}
