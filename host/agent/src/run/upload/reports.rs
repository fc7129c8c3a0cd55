//! Reports: over HTTPS one by one, over MQTT many at once.

use std::{pin::pin, time::Duration};

use bailiwick_core::{bytes::ByteCount, ids::PluginName};
use bailiwick_transport::{Receipt, Reports, SendError, mqtt::Device};
use tokio::{sync::mpsc, time::timeout};

use super::{Destinations, Pace, Round, destination};
use crate::{
    events::Event,
    run::{connections::Destination, host::Host},
    store::{Caps, Confirmed, KeepSent, Lane, Settled, Waiting, What},
};

const BATCH: usize = 64;
const BATCH_BYTES: ByteCount = ByteCount::mib(4);

pub(super) async fn run(
    host: &Host,
    mut destinations: Destinations,
    need_full: mpsc::Sender<PluginName>,
) -> anyhow::Result<()> {
    let mut pace = Pace::default();
    let sending = Sending { host, need_full };
    loop {
        let round = match destination(&mut destinations).await? {
            Destination::Https { reports, .. } => sending.one_by_one(&reports).await?,
            Destination::Mqtt(device) => {
                // Receipts can take as long as the broker is away; another destination
                // does not wait for them.
                tokio::select! {
                    round = sending.at_once(&device) => round?,
                    changed = destinations.changed() => {
                        changed?;
                        continue;
                    }
                }
            }
        };
        match round {
            // The connection is not kept here: the destination may be another one then.
            Round::Empty => host.uploads[Lane::Reports.index()].notified().await,
            Round::Sent => pace.succeeded(),
            Round::Retry { after, reason } => {
                pace.wait(host, &mut destinations, after, reason).await?;
            }
        }
    }
}

/// How long what was sent can be looked at, and how much of it.
const KEEP_SENT: KeepSent = KeepSent {
    bytes: ByteCount::mib(4),
    age: Duration::from_secs(86_400),
};

/// Reports whose receipts came.
#[derive(Default)]
struct Done {
    told: Vec<Event>,
    settled: Vec<Settled>,
}

struct Sending<'a> {
    host: &'a Host,
    need_full: mpsc::Sender<PluginName>,
}

impl Sending<'_> {
    async fn one_by_one(&self, reports: &Reports) -> anyhow::Result<Round> {
        let batch = self.batch().await?;
        if batch.is_empty() {
            return Ok(Round::Empty);
        }
        let mut settled = Done::default();
        for mut report in batch {
            let body = std::mem::take(&mut report.body);
            let answer = reports.send(&report.key, body).await;
            if let Some(retry) = self.settle(report, answer, &mut settled).await? {
                return Ok(retry);
            }
            self.forget(&mut settled).await?;
        }
        Ok(Round::Sent)
    }

    /// Sends a batch, in its order, and settles each as its receipt comes. Those that came
    /// together are forgotten in one commit; one that is sent again because of an end
    /// before that is kept once.
    async fn at_once(&self, device: &Device) -> anyhow::Result<Round> {
        let batch = self.batch().await?;
        if batch.is_empty() {
            return Ok(Round::Empty);
        }
        let mut under_way = Vec::new();
        for mut report in batch {
            let body = std::mem::take(&mut report.body);
            let Some(plugin) = plugin(&report) else {
                continue;
            };
            let receipt = device.report(plugin, &report.key, body);
            under_way.push((report, receipt));
        }
        let mut settled = Done::default();
        let mut end = Round::Sent;
        for (report, receipt) in under_way {
            let mut receipt = pin!(receipt);
            let answer = match timeout(Duration::ZERO, &mut receipt).await {
                Ok(answer) => answer,
                Err(_) => {
                    self.forget(&mut settled).await?;
                    receipt.await
                }
            };
            if let Some(retry) = self.settle(report, answer, &mut settled).await? {
                end = retry;
                break;
            }
        }
        self.forget(&mut settled).await?;
        Ok(end)
    }

    /// Tells of what was settled, and forgets the reports.
    async fn forget(&self, settled: &mut Done) -> anyhow::Result<()> {
        let Done { told, settled } = std::mem::take(settled);
        if !told.is_empty() {
            self.host.tell_all(&told).await;
        }
        if !settled.is_empty() {
            let outbox = self.host.store.outbox();
            let now = self.host.clock.now();
            outbox.settle(settled, KEEP_SENT, now).await?;
        }
        Ok(())
    }

    async fn batch(&self) -> anyhow::Result<Vec<Waiting>> {
        // A report can grow too old here, with no new one that would make room for itself.
        let outbox = self.host.store.outbox();
        let dropped = outbox.trim(Caps::DEFAULT, self.host.clock.now()).await?;
        self.host.tell_dropped(dropped).await;
        Ok(outbox.next(Lane::Reports, None, BATCH, BATCH_BYTES).await?)
    }

    /// Does what a receipt asks for. Afterwards the report is to be told of and forgotten,
    /// unless it is to be sent again.
    async fn settle(
        &self,
        report: Waiting,
        answer: Result<Receipt, SendError>,
        done: &mut Done,
    ) -> anyhow::Result<Option<Round>> {
        let plugin = plugin(&report);
        let key = report.key;
        let confirmed = match answer {
            Ok(Receipt::Stored) => {
                done.told.push(Event::Delivered { key });
                Confirmed::Receipt
            }
            Ok(Receipt::NeedFull) => {
                if let Some(plugin) = plugin {
                    self.need_full.send(plugin).await?;
                }
                Confirmed::NeedFull
            }
            Err(SendError::Retry { after, reason }) => {
                return Ok(Some(Round::Retry { after, reason }));
            }
            Err(error) => {
                let reason = error.to_string();
                done.told.push(Event::Dropped {
                    key,
                    what: report.what.to_string(),
                    bytes: 0,
                    reason: reason.clone(),
                });
                Confirmed::Refused { reason }
            }
        };
        done.settled.push(Settled {
            ticket: report.ticket,
            confirmed,
        });
        Ok(None)
    }
}

fn plugin(report: &Waiting) -> Option<PluginName> {
    match &report.what {
        What::Report { plugin, .. } | What::File { plugin, .. } => Some(plugin.clone()),
        What::Outcome { .. } => None,
    }
}
