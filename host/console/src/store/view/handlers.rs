//! Plugins that handle actions, as devices tell of them.

use rusqlite::named_params;

use super::{Device, Latest, Page, StoreError, View, devices, events};

/// The event with which a device passes on what a handler takes.
pub(crate) const TAKES: &str = "takes-arguments";

/// A plugin that handles actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Handler {
    pub(crate) plugin: String,
    /// Devices that have told of it.
    pub(crate) devices: i64,
}

/// Most handlers that are listed.
const HANDLERS: u32 = 50;
/// Most kinds of events of one plugin that are looked at.
const KINDS: u32 = 100;

impl View {
    /// The handlers that devices have told of, the most common first; those of one device
    /// if it is named.
    pub(crate) fn handlers(&self, device: Option<&str>) -> Result<Vec<Handler>, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT plugin, count(*) AS devices FROM tallies
             WHERE event = :event AND plugin <> '' AND (:device IS NULL OR device = :device)
             GROUP BY plugin ORDER BY devices DESC, plugin LIMIT :limit",
        )?;
        let rows = statement.query_map(
            named_params! { ":event": TAKES, ":device": device, ":limit": HANDLERS },
            |row| {
                Ok(Handler {
                    plugin: row.get("plugin")?,
                    devices: row.get("devices")?,
                })
            },
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Devices that have told of a handler and that are called so or have such an id, the
    /// one heard of last first.
    pub(crate) fn devices_of_handler(
        &self,
        plugin: &str,
        search: &str,
        length: u32,
    ) -> Result<Page<Device>, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT d.* FROM tallies t JOIN devices d ON d.device = t.device
             WHERE t.event = :event AND t.plugin = :plugin
                AND (:search = '' OR instr(lower(coalesce(d.label, '') || char(10)
                || coalesce(d.host_name, '') || char(10) || d.device), lower(:search)) > 0)
             ORDER BY d.last_seen_ms DESC, d.device DESC LIMIT :limit",
        )?;
        let rows = statement.query_map(
            named_params! {
                ":event": TAKES, ":plugin": plugin, ":search": search, ":limit": length + 1,
            },
            devices::device,
        )?;
        Ok(Page::cut(rows.collect::<Result<_, _>>()?, length as usize))
    }

    /// The last event of each kind of one plugin of a device, in the order in which they
    /// came.
    pub(crate) fn latest_of(&self, device: &str, plugin: &str) -> Result<Vec<Latest>, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT e.*, t.count FROM tallies t JOIN events e ON e.id = t.last
             WHERE t.device = ?1 AND t.plugin = ?2 ORDER BY e.id LIMIT ?3",
        )?;
        let rows = statement.query_map((device, plugin, KINDS), events::latest)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
