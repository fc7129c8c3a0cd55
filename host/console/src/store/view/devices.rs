//! Devices and the plugins that report from them.

use rusqlite::{OptionalExtension as _, Row, named_params};

use super::{super::Way, Page, StoreError, View};

/// A device that has sent something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    /// 32 hexadecimal digits.
    pub(crate) device: String,
    /// What an operator calls it.
    pub(crate) label: Option<String>,
    /// What it calls itself.
    pub(crate) host_name: Option<String>,
    pub(crate) os: Option<String>,
    pub(crate) first_seen_ms: i64,
    pub(crate) last_seen_ms: i64,
    /// On which way it was heard of last, where that was noted.
    pub(crate) way: Option<Way>,
}

/// Which devices are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// In the label, host name, system or id; empty for all.
    pub(crate) search: String,
    /// Heard of last on this way.
    pub(crate) way: Option<Way>,
    /// Not heard of since.
    pub(crate) quiet_since_ms: Option<i64>,
}

/// A plugin that has reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Installed {
    pub(crate) plugin: String,
    pub(crate) version: String,
    pub(crate) reports: i64,
    pub(crate) bytes: i64,
    /// By the device's clock.
    pub(crate) taken_ms: i64,
    pub(crate) received_ms: i64,
}

/// Most plugins of a device that are looked at.
const PLUGINS: u32 = 200;

impl View {
    /// The wanted devices, the one heard of last first. `page` counts from 0.
    pub(crate) fn devices(
        &self,
        wanted: &Wanted,
        page: u32,
        length: u32,
    ) -> Result<Page<Device>, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT * FROM devices
             WHERE (:search = '' OR instr(lower(coalesce(label, '') || char(10)
                || coalesce(host_name, '') || char(10) || coalesce(os, '') || char(10)
                || device), lower(:search)) > 0)
                AND (:way IS NULL OR way = :way)
                AND last_seen_ms <= :seen
             ORDER BY last_seen_ms DESC, device DESC LIMIT :limit OFFSET :offset",
        )?;
        let rows = statement.query_map(
            named_params! {
                ":search": wanted.search,
                ":way": wanted.way.map(Way::as_str),
                ":seen": wanted.quiet_since_ms.unwrap_or(i64::MAX),
                ":limit": length + 1,
                ":offset": i64::from(page) * i64::from(length),
            },
            device,
        )?;
        Ok(Page::cut(rows.collect::<Result<_, _>>()?, length as usize))
    }

    /// Devices that were not heard of since `before_ms`, the one heard of last first.
    pub(crate) fn quiet(&self, before_ms: i64, length: u32) -> Result<Page<Device>, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT * FROM devices WHERE last_seen_ms <= ?1
             ORDER BY last_seen_ms DESC, device DESC LIMIT ?2",
        )?;
        let rows = statement.query_map((before_ms, length + 1), device)?;
        Ok(Page::cut(rows.collect::<Result<_, _>>()?, length as usize))
    }

    /// One device.
    pub(crate) fn device(&self, id: &str) -> Result<Option<Device>, StoreError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT * FROM devices WHERE device = ?1")?;
        Ok(statement.query_row([id], device).optional()?)
    }

    /// The plugins that have reported from a device, by name.
    pub(crate) fn installed(&self, device: &str) -> Result<Vec<Installed>, StoreError> {
        let mut statement = self.0.prepare_cached(
            "SELECT * FROM device_plugins WHERE device = ?1 ORDER BY plugin LIMIT ?2",
        )?;
        let rows = statement.query_map((device, PLUGINS), |row| {
            Ok(Installed {
                plugin: row.get("plugin")?,
                version: row.get("version")?,
                reports: row.get("reports")?,
                bytes: row.get("bytes")?,
                taken_ms: row.get("taken_ms")?,
                received_ms: row.get("received_ms")?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

pub(super) fn device(row: &Row<'_>) -> rusqlite::Result<Device> {
    Ok(Device {
        device: row.get("device")?,
        label: row.get("label")?,
        host_name: row.get("host_name")?,
        os: row.get("os")?,
        first_seen_ms: row.get("first_seen_ms")?,
        last_seen_ms: row.get("last_seen_ms")?,
        way: match row.get::<_, Option<String>>("way")?.as_deref() {
            Some("https") => Some(Way::Https),
            Some("mqtt") => Some(Way::Mqtt),
            _ => None,
        },
    })
}
