//! One lane: what waits longest goes first, many at a time where the way allows it, and is
//! forgotten on its receipt.

use std::{collections::VecDeque, time::Duration};

use bailiwick_core::{bytes::ByteCount, ids::PluginName};
use bailiwick_transport::{Receipt, SendError};
use tokio::{sync::mpsc, time::timeout};

use super::{
    Destinations, Pace, Round, destination,
    road::{Answer, Road},
    turn::Turns,
};
use crate::{
    events::Event,
    run::host::Host,
    store::{Caps, Confirmed, KeepSent, Lane, Settled, Ticket, Waiting, What},
};

/// What is read of the outbox at once.
const BATCH: usize = 128;
const BATCH_BYTES: ByteCount = ByteCount::mib(2);
/// Receipts that come within this time of each other are noted in one commit. What is sent
/// again because of an end before that is kept once.
const GATHERING: Duration = Duration::from_millis(50);
/// Most receipts of one commit.
const GATHERED: usize = 128;

/// Sends what `lane` has, for ever.
pub(super) async fn run(
    host: &Host,
    lane: Lane,
    mut destinations: Destinations,
    turns: &Turns,
    need_full: mpsc::Sender<PluginName>,
) -> anyhow::Result<()> {
    let mut pace = Pace::new(lane.plural());
    loop {
        let to = destination(&mut destinations).await?;
        host.pause.while_paused().await;
        turns.wait(lane).await;
        let road = Road::of(lane, to, host.files.borrow().clone());
        let mut convoy = Convoy::new(host, lane, turns, &need_full);
        // A receipt can take as long as a broker is away; another destination does not wait
        // for it, and a pause does not either.
        let round = tokio::select! {
            round = convoy.run(&road) => round?,
            changed = destinations.changed() => {
                changed?;
                continue;
            }
            () = host.pause.until_paused() => {
                turns.release(lane);
                continue;
            }
        };
        // The connection is not kept while nothing is sent: the destination may be another
        // one then.
        drop(road);
        match round {
            Round::Empty => {
                turns.release(lane);
                host.uploads[lane.index()].notified().await;
            }
            Round::Sent => pace.succeeded(host),
            Round::Retry { after, reason } => {
                turns.release(lane);
                pace.wait(host, &mut destinations, after, reason).await?;
            }
        }
    }
}

/// What is under way at once.
struct Convoy<'a> {
    host: &'a Host,
    lane: Lane,
    turns: &'a Turns,
    need_full: &'a mpsc::Sender<PluginName>,
    /// Read, and not begun to be sent.
    read: VecDeque<Waiting>,
    under_way: VecDeque<(Waiting, Answer)>,
    /// The last that was read.
    last: Option<Ticket>,
    told: Vec<Event>,
    settled: Vec<Settled>,
}

impl<'a> Convoy<'a> {
    fn new(
        host: &'a Host,
        lane: Lane,
        turns: &'a Turns,
        need_full: &'a mpsc::Sender<PluginName>,
    ) -> Self {
        Self {
            host,
            lane,
            turns,
            need_full,
            read: VecDeque::new(),
            under_way: VecDeque::new(),
            last: None,
            told: Vec::new(),
            settled: Vec::new(),
        }
    }

    /// Sends all that waits, or until something goes wrong or is more urgent.
    async fn run(&mut self, road: &Road) -> anyhow::Result<Round> {
        // Something can grow too old here, with nothing new that would make room for itself.
        let outbox = self.host.store.outbox();
        let dropped = outbox.trim(Caps::DEFAULT, self.host.clock.now()).await?;
        self.host.tell_dropped(dropped).await;
        let mut end = Round::Empty;
        loop {
            self.fill(road).await?;
            let Some((one, answer)) = self.under_way.pop_front() else {
                break;
            };
            let answer = self.answer(answer).await?;
            if let Some(retry) = self.settle(one, answer).await? {
                end = retry;
                break;
            }
            end = Round::Sent;
            self.turns.claim(self.lane);
            if self.settled.len() >= GATHERED {
                self.forget().await?;
            }
        }
        self.forget().await?;
        Ok(end)
    }

    /// Begins to send as many as may be under way.
    async fn fill(&mut self, road: &Road) -> anyhow::Result<()> {
        while self.under_way.len() < road.window() && self.turns.is_free(self.lane) {
            if self.read.is_empty() {
                let outbox = self.host.store.outbox();
                let batch = outbox.next(self.lane, self.last, BATCH, BATCH_BYTES);
                self.read = batch.await?.into();
            }
            let Some(mut one) = self.read.pop_front() else {
                break;
            };
            self.turns.claim(self.lane);
            self.last = Some(one.ticket);
            let answer = road.send(self.host.device, &mut one);
            self.under_way.push_back((one, answer));
        }
        Ok(())
    }

    /// Waits for an answer; notes what was settled before if it takes long.
    async fn answer(&mut self, mut answer: Answer) -> anyhow::Result<Result<Receipt, SendError>> {
        if self.settled.is_empty() {
            return Ok(answer.await);
        }
        match timeout(GATHERING, &mut answer).await {
            Ok(answer) => Ok(answer),
            Err(_) => {
                self.forget().await?;
                Ok(answer.await)
            }
        }
    }

    /// Does what a receipt asks for. Afterwards the thing is to be forgotten, unless it is to
    /// be sent again.
    async fn settle(
        &mut self,
        one: Waiting,
        answer: Result<Receipt, SendError>,
    ) -> anyhow::Result<Option<Round>> {
        let key = one.key;
        let confirmed = match answer {
            Ok(Receipt::Stored) => {
                self.told.push(Event::Delivered { key });
                Confirmed::Receipt
            }
            Ok(Receipt::NeedFull) => {
                if let What::Report { plugin, .. } = one.what {
                    self.need_full.send(plugin).await?;
                }
                Confirmed::NeedFull
            }
            Err(SendError::Retry { after, reason }) => {
                return Ok(Some(Round::Retry { after, reason }));
            }
            Err(error) => {
                let reason = error.to_string();
                self.told.push(Event::Dropped {
                    key,
                    what: one.what.to_string(),
                    bytes: 0,
                    reason: reason.clone(),
                });
                Confirmed::Refused { reason }
            }
        };
        self.settled.push(Settled {
            ticket: one.ticket,
            confirmed,
        });
        Ok(None)
    }

    /// Forgets what was settled, and tells of it: whoever hears of it finds it among what was
    /// sent.
    async fn forget(&mut self) -> anyhow::Result<()> {
        let (told, settled) = (
            std::mem::take(&mut self.told),
            std::mem::take(&mut self.settled),
        );
        if !settled.is_empty() {
            let now = self.host.clock.now();
            self.host.standing.succeeded(self.lane.plural(), now);
            let outbox = self.host.store.outbox();
            outbox.settle(settled, KeepSent::DEFAULT, now).await?;
        }
        if !told.is_empty() {
            self.host.tell_all(&told).await;
        }
        Ok(())
    }
}
