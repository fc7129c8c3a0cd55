//! From rows to a report on disk.

use std::sync::Arc;

use bailiwick_core::ids::PluginName;
use bailiwick_report::{
    rows::Snapshot,
    schema::Schema,
    sender::{Content, Sender},
    wire::Origin,
};
use bailiwick_store::{Beside, Outgoing, What};

use super::host::Host;
use crate::{events::Event, random};

/// Why there is no report of a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// The plugin's rows are not what its schema says.
    #[error("{0}")]
    Rows(String),
    /// The device could not keep it: a full disk is no fault of the plugin.
    #[error("the report could not be kept: {0:#}")]
    NotKept(anyhow::Error),
}

/// Makes the reports of one plugin, one after the other.
pub(crate) struct Reporter {
    plugin: PluginName,
    sender: Sender,
}

impl Reporter {
    /// Goes on where the last report on disk ended.
    pub(crate) async fn open(host: &Host, plugin: PluginName) -> anyhow::Result<Self> {
        let stored = host.store.sender(&plugin).await?;
        let sender = match stored.as_deref().map(Sender::from_bytes) {
            Some(Ok(sender)) => sender,
            Some(Err(error)) => {
                host.tell(Event::Quarantined {
                    what: format!("the last report of {plugin} ({error}); a full one comes next"),
                })
                .await;
                Sender::new(random::number()?)
            }
            None => Sender::new(random::number()?),
        };
        Ok(Self { plugin, sender })
    }

    /// The console asks for a full report.
    pub(crate) fn restart(&mut self) -> anyhow::Result<()> {
        self.sender.restart(random::number()?);
        Ok(())
    }

    /// What the last report said, as JSON: collection → rows.
    pub(crate) fn last_rows(&self) -> Result<serde_json::Value, String> {
        let last = self.sender.last().ok_or("nothing was read yet")?;
        let json = bailiwick_report::render::json(last).map_err(|error| error.to_string())?;
        serde_json::from_str(&json).map_err(|error| error.to_string())
    }

    /// Reads `rows` as `schema` says and keeps the report of them. It is on disk when this
    /// returns.
    pub(crate) async fn report(
        &mut self,
        host: &Host,
        version: &semver::Version,
        schema: &Arc<Schema>,
        rows: &[u8],
    ) -> Result<(), ReportError> {
        let snapshot = Snapshot::decode(Arc::clone(schema), rows).map_err(|error| {
            ReportError::Rows(format!(
                "the rows of {} {version} were refused: {error}",
                self.plugin
            ))
        })?;
        self.keep(host, version, snapshot)
            .await
            .map_err(ReportError::NotKept)
    }

    async fn keep(
        &mut self,
        host: &Host,
        version: &semver::Version,
        snapshot: Snapshot,
    ) -> anyhow::Result<()> {
        let now = host.clock.now();
        let origin = Origin::new(
            *host.device.as_bytes(),
            self.plugin.as_str(),
            version.to_string(),
        )?;
        let prepared = self.sender.next(&origin, now.as_ms(), snapshot);
        let (epoch, counter) = (prepared.envelope.epoch, prepared.envelope.counter);
        let (kind, bytes) = (kind(prepared.content), prepared.bytes.len() as u64);
        let report = Outgoing {
            what: What::Report {
                plugin: self.plugin.clone(),
                kind: kind.to_owned(),
            },
            key: format!("{}-{}-{epoch:016x}-{counter}", host.device, self.plugin),
            at: now,
            body: prepared.bytes,
            beside: Some(Beside::Sender(prepared.sender.to_bytes())),
        };
        if host.put(report).await? {
            self.sender = prepared.sender;
            host.tell(Event::Reported {
                plugin: self.plugin.clone(),
                kind: kind.to_owned(),
                counter,
                bytes,
            })
            .await;
        }
        Ok(())
    }
}

fn kind(content: Content) -> &'static str {
    match content {
        Content::Full { .. } => "full",
        Content::Diff { .. } => "differential",
    }
}
