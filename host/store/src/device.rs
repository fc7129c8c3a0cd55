//! The device's own small values: its id, and what the agent keeps by name.

use bailiwick_core::ids::DeviceId;
use redb::{ReadableDatabase, ReadableTable, WriteTransaction};

use super::{
    Store, StoreError,
    tables::{self, DEVICE, Failure, failure},
};

/// Where the id is kept. Named values have a prefix, so none can take its place.
const ID: &[u8] = b"id";

impl Store {
    /// The device's id: 16 random bytes, chosen the first time this is asked.
    ///
    /// # Errors
    /// [`StoreError::NoRandomness`], [`StoreError::Failed`].
    pub async fn device_id(&self) -> Result<DeviceId, StoreError> {
        let mut fresh = [0; 16];
        aws_lc_rs::rand::fill(&mut fresh).map_err(|_| StoreError::NoRandomness)?;
        self.run("read or choose the device's id", move |database| {
            tables::write(database, |transaction| {
                let mut table = transaction.open_table(DEVICE).map_err(failure)?;
                let kept = table
                    .get(ID)
                    .map_err(failure)?
                    .and_then(|bytes| <[u8; 16]>::try_from(bytes.value()).ok());
                if let Some(kept) = kept {
                    return Ok(DeviceId::from_bytes(kept));
                }
                table.insert(ID, fresh.as_slice()).map_err(failure)?;
                Ok(DeviceId::from_bytes(fresh))
            })
        })
        .await
    }

    /// A value that the agent keeps under `name`.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn value(&self, name: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        self.run("read a value", move |database| {
            let transaction = database.begin_read().map_err(failure)?;
            let table = transaction.open_table(DEVICE).map_err(failure)?;
            let value = table.get(scoped(name).as_bytes()).map_err(failure)?;
            Ok(value.map(|value| value.value().to_vec()))
        })
        .await
    }

    /// Keeps `value` under `name`; `None` forgets it.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn set_value(
        &self,
        name: &'static str,
        value: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        self.run("keep a value", move |database| {
            tables::write(database, |transaction| {
                put(transaction, name, value.as_deref())
            })
        })
        .await
    }
}

/// See [`Store::set_value`].
pub(super) fn put(
    transaction: &WriteTransaction,
    name: &str,
    value: Option<&[u8]>,
) -> Result<(), Failure> {
    let mut table = transaction.open_table(DEVICE).map_err(failure)?;
    let name = scoped(name);
    match value {
        Some(value) => table.insert(name.as_bytes(), value),
        None => table.remove(name.as_bytes()),
    }
    .map_err(failure)?;
    Ok(())
}

/// Keeps the agent's names apart from [`ID`].
fn scoped(name: &str) -> String {
    format!("value/{name}")
}
