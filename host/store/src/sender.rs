//! What each plugin's report sender remembers: epoch, counter and base.

use bailiwick_core::ids::PluginName;
use redb::ReadableDatabase;

use super::{
    Store, StoreError,
    outbox::places,
    tables::{OUTGOING, failure},
};

impl Store {
    /// What was kept for `plugin` with its last report: see [`super::NewReport::sender`].
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn sender(&self, plugin: &PluginName) -> Result<Option<Vec<u8>>, StoreError> {
        let place = places::sender(plugin);
        self.run("read a report sender's state", move |database| {
            let transaction = database.begin_read().map_err(failure)?;
            let table = transaction.open_table(OUTGOING).map_err(failure)?;
            let state = table.get(place.as_slice()).map_err(failure)?;
            Ok(state.map(|state| state.value().to_vec()))
        })
        .await
    }
}
