//! From the outbox to the console: oldest first, deleted only on the receiver's receipt.

use std::{sync::Arc, time::Duration};

use bailiwick_core::{bytes::ByteCount, ids::PluginName};
use bailiwick_transport::{Receipt, Reports, SendError, full_jitter};
use tokio::sync::mpsc;

use super::{host::Host, report::CAPS};
use crate::{events::Event, random, store::StoredReport};

const BATCH: usize = 64;
const BATCH_BYTES: ByteCount = ByteCount::mib(4);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Sends for ever. `need_full` names the plugins of which the console wants a full report.
pub(crate) async fn run(
    host: Arc<Host>,
    reports: Reports,
    need_full: mpsc::Sender<PluginName>,
) -> anyhow::Result<()> {
    let mut attempt = 0;
    loop {
        // A report can grow too old here, with no new one that would make room for itself.
        let dropped = host.store.trim(CAPS, host.clock.now()).await?;
        host.tell_dropped(dropped).await;
        let batch = host.store.next_batch(BATCH, BATCH_BYTES).await?;
        if batch.is_empty() {
            host.uploads.notified().await;
            continue;
        }
        match send(&host, &reports, &need_full, batch).await? {
            None => attempt = 0,
            Some(Retry { after, reason }) => {
                let jittered = full_jitter(attempt, FIRST_PAUSE, LONGEST_PAUSE, random::number()?);
                let pause = after.unwrap_or_default().max(jittered);
                // Said once per outage, not at every attempt.
                if attempt == 0 {
                    host.tell(Event::NotDelivered { reason }).await;
                }
                attempt = attempt.saturating_add(1);
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// Try the rest of the batch later.
struct Retry {
    after: Option<Duration>,
    reason: String,
}

async fn send(
    host: &Host,
    reports: &Reports,
    need_full: &mpsc::Sender<PluginName>,
    batch: Vec<StoredReport>,
) -> anyhow::Result<Option<Retry>> {
    for report in batch {
        let key = report.idempotency_key;
        match reports.send(&key, report.body).await {
            Ok(Receipt::Stored) => host.tell(Event::Delivered { key }).await,
            Ok(Receipt::NeedFull) => need_full.send(report.plugin).await?,
            Err(SendError::Retry { after, reason }) => return Ok(Some(Retry { after, reason })),
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
    Ok(None)
}
