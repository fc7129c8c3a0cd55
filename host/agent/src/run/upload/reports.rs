//! Reports, one by one.

use bailiwick_core::{bytes::ByteCount, ids::PluginName};
use bailiwick_transport::{Receipt, Reports, SendError};
use tokio::sync::mpsc;

use super::{Destinations, Pace, Round, destination};
use crate::{
    events::Event,
    run::{host::Host, report::CAPS},
};

const BATCH: usize = 64;
const BATCH_BYTES: ByteCount = ByteCount::mib(4);

pub(super) async fn run(
    host: &Host,
    mut destinations: Destinations,
    need_full: mpsc::Sender<PluginName>,
) -> anyhow::Result<()> {
    let mut pace = Pace::default();
    loop {
        let to = destination(&mut destinations).await?;
        match round(host, &to.reports, &need_full).await? {
            Round::Empty => host.uploads.notified().await,
            Round::Sent => pace.succeeded(),
            Round::Retry { after, reason } => {
                pace.wait(host, &mut destinations, after, reason).await?;
            }
        }
    }
}

async fn round(
    host: &Host,
    reports: &Reports,
    need_full: &mpsc::Sender<PluginName>,
) -> anyhow::Result<Round> {
    // A report can grow too old here, with no new one that would make room for itself.
    let dropped = host.store.trim(CAPS, host.clock.now()).await?;
    host.tell_dropped(dropped).await;
    let batch = host.store.next_batch(BATCH, BATCH_BYTES).await?;
    if batch.is_empty() {
        return Ok(Round::Empty);
    }
    for report in batch {
        let key = report.idempotency_key;
        match reports.send(&key, report.body).await {
            Ok(Receipt::Stored) => host.tell(Event::Delivered { key }).await,
            Ok(Receipt::NeedFull) => need_full.send(report.plugin).await?,
            Err(SendError::Retry { after, reason }) => return Ok(Round::Retry { after, reason }),
            Err(error) => {
                host.tell(Event::Dropped {
                    key,
                    reason: error.to_string(),
                })
                .await
            }
        }
        host.store.acknowledge(vec![report.sequence]).await?;
    }
    Ok(Round::Sent)
}
