//! The inventory of `plugins/inventory`, and one field more. What a field costs is in this
//! file: a line of the schema and a cell. Nothing under `host/` knows it.

use bailiwick_inventory::Inventory;
use bailiwick_sdk::{CollectError, Collection, Collector, Field, Rows, Schema, clock};

/// The inventory, read at a time that is told.
#[derive(Debug)]
pub struct WithReadAt(Inventory);

impl Collector for WithReadAt {
    fn schema() -> Schema {
        let mut collections = Inventory::schema().collections().to_vec();
        let read_at = Field::unsigned("read-at").unit("ms");
        collections.push(Collection::single("reading", [read_at]));
        Schema::new(collections)
    }

    fn new() -> Self {
        Self(Inventory::new())
    }

    fn collect(&mut self) -> Result<Rows, CollectError> {
        let mut rows = Rows::new(&Self::schema());
        self.0.collect_into(&mut rows);
        rows.push("reading", [clock::now().into()]);
        Ok(rows)
    }
}

bailiwick_sdk::collector!(WithReadAt);
