//! Full reports that the console asks for: one, however many differences wait that it can
//! not use.

use std::collections::BTreeMap;

use bailiwick_core::ids::PluginName;
use bailiwick_store::Ticket;
use tokio::sync::mpsc;

use crate::run::host::Host;

/// Asks plugins for full reports.
pub(super) struct FullReports {
    ask: mpsc::Sender<PluginName>,
    /// The number that the next entry of the outbox had when a plugin was asked last: its full
    /// report comes behind all that waited then.
    asked_at: BTreeMap<PluginName, u64>,
}

impl FullReports {
    pub(super) const fn new(ask: mpsc::Sender<PluginName>) -> Self {
        Self {
            ask,
            asked_at: BTreeMap::new(),
        }
    }

    /// The console can't use the report of `plugin` at `ticket`. Each full report begins anew,
    /// so a second one for what waits before the first would only be in its way.
    ///
    /// # Errors
    /// The store can't be read, or nobody asks plugins any more.
    pub(super) async fn ask(
        &mut self,
        host: &Host,
        plugin: PluginName,
        ticket: Ticket,
    ) -> anyhow::Result<()> {
        let asked_at = self.asked_at.get(&plugin).copied();
        if asked_at.is_some_and(|at| ticket.sequence < at) {
            return Ok(());
        }
        let next = host.store.outbox().next_number().await?;
        self.asked_at.insert(plugin.clone(), next);
        self.ask.send(plugin).await?;
        Ok(())
    }
}
