//! What each plugin's report sender remembers: epoch, counter and base.

use bailiwick_core::ids::PluginName;
use redb::ReadableDatabase;

use super::{
    Store, StoreError,
    tables::{SENDERS, failure},
};

impl Store {
    /// What was kept for `plugin` with its last report: see [`super::NewReport::sender`].
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
}
