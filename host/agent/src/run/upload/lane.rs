//! One lane: what waits longest goes first, many at a time where the way allows it, and is
//! forgotten on its receipt.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bailiwick_core::{
    bytes::ByteCount,
    ids::PluginName,
    sending::{Blame, Patience, Suspects, Then},
};
use bailiwick_store::{Caps, Confirmed, KeepSent, Lane, Settled, Ticket, Waiting, What};
use bailiwick_transport::{Receipt, SendError};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use super::{
    Destinations, Pace, Pause, Round, destination,
    full::FullReports,
    road::{Answer, Road},
    turn::Turns,
};
use crate::{events::Event, run::host::Host};

/// What is read of the outbox at once.
const BATCH: usize = 128;
const BATCH_BYTES: ByteCount = ByteCount::mib(2);
/// Bodies that are under way at once, in bytes; below that one more is begun, however long.
const UNDER_WAY: usize = 2 * 1024 * 1024;
/// Receipts that come within this time of each other are noted in one commit. What is sent
/// again because of an end before that is kept once.
const GATHERING: Duration = Duration::from_millis(50);
/// Receipts that make a commit begin at once.
const GATHERED: usize = 128;
/// Most receipts that wait while a commit is under way: then nothing is sent until it ended.
const WAITING: usize = 4 * GATHERED;

/// Sends what `lane` has, for ever.
pub(super) async fn run(
    host: &Arc<Host>,
    (lane, patience): (Lane, Patience),
    mut destinations: Destinations,
    turns: &Turns,
    need_full: mpsc::Sender<PluginName>,
) -> anyhow::Result<()> {
    let mut pace = Pace::new(lane.plural());
    let mut suspects = Suspects::new(patience);
    let mut noting = None;
    let mut full = FullReports::new(need_full);
    loop {
        let to = destination(&mut destinations).await?;
        host.pause.while_paused().await;
        turns.wait(lane).await;
        let road = Road::of(lane, to, host.files.borrow().clone());
        // What is noted now must not be read as if it waited.
        noted(&mut noting).await?;
        let mut convoy = Convoy::new((host, lane, turns), &mut full, &mut noting, &mut suspects);
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
                something_to_send(host, lane, &suspects).await;
            }
            Round::Sent => pace.succeeded(host),
            Round::Retry { pause, reason } => {
                turns.release(lane);
                pace.wait(host, &mut destinations, pause, reason).await?;
            }
        }
    }
}

/// Waits until something new is there, or something that was passed over is to be tried.
async fn something_to_send(host: &Host, lane: Lane, suspects: &Suspects<Ticket>) {
    let new = host.uploads[lane.index()].notified();
    match suspects.next_at() {
        None => new.await,
        Some(at) => {
            let pause = at.since(host.clock.monotonic());
            // An end of the pause and something new mean the same: look.
            let _ = timeout(pause, new).await;
        }
    }
}

/// What is under way at once.
struct Convoy<'a> {
    host: &'a Arc<Host>,
    lane: Lane,
    turns: &'a Turns,
    full: &'a mut FullReports,
    /// Read, and not begun to be sent.
    read: VecDeque<Waiting>,
    under_way: VecDeque<UnderWay>,
    /// Of their bodies.
    bytes: usize,
    /// The last that was read.
    last: Option<Ticket>,
    told: Vec<Event>,
    settled: Vec<Settled>,
    noting: &'a mut Noting,
    /// What fails again and again.
    suspects: &'a mut Suspects<Ticket>,
    /// Something was tried ahead of its turn, and got through.
    begins_again: bool,
}

/// Something on its way.
struct UnderWay {
    one: Waiting,
    /// Of its body, which is gone.
    bytes: usize,
    answer: Answer,
}

/// Something that was not sent.
struct Failed {
    ticket: Ticket,
    key: String,
    what: What,
    blame: Blame,
}

/// What an answer means for the round.
enum Step {
    /// One more is done with.
    Settled,
    /// It waits, and what is behind it is sent.
    PassedOver,
    /// The next one is tried; if there is none, the round ends so.
    TriesNext(Round),
    /// The round ends.
    Ends(Round),
}

/// A commit of receipts, while the next things are sent.
type Noting = Option<JoinHandle<anyhow::Result<()>>>;

/// Waits for that commit.
async fn noted(noting: &mut Noting) -> anyhow::Result<()> {
    let Some(commit) = noting else {
        return Ok(());
    };
    let result = commit.await;
    *noting = None;
    result?
}

impl<'a> Convoy<'a> {
    fn new(
        (host, lane, turns): (&'a Arc<Host>, Lane, &'a Turns),
        full: &'a mut FullReports,
        noting: &'a mut Noting,
        suspects: &'a mut Suspects<Ticket>,
    ) -> Self {
        Self {
            host,
            lane,
            turns,
            full,
            read: VecDeque::new(),
            under_way: VecDeque::new(),
            bytes: 0,
            last: suspects.behind(),
            told: Vec::new(),
            settled: Vec::new(),
            noting,
            suspects,
            begins_again: false,
        }
    }

    /// Sends all that waits, or until something goes wrong or is more urgent.
    async fn run(&mut self, road: &Road) -> anyhow::Result<Round> {
        // Something can grow too old here, with nothing new that would make room for itself.
        let outbox = self.host.store.outbox();
        let dropped = outbox.trim(Caps::DEFAULT, self.host.has_run()).await?;
        self.host.tell_dropped(dropped).await;
        let mut end = Round::Empty;
        loop {
            self.fill(road).await?;
            let Some(UnderWay { one, bytes, answer }) = self.under_way.pop_front() else {
                // Nothing is behind what failed before: it is the turn of the oldest again.
                if matches!(end, Round::Empty) && self.suspects.begin_again() {
                    self.last = None;
                    continue;
                }
                break;
            };
            let answer = self.answer(answer).await?;
            self.bytes -= bytes;
            match self.settle(one, answer).await? {
                Step::Settled => end = Round::Sent,
                Step::PassedOver => {}
                Step::TriesNext(retry) => end = retry,
                Step::Ends(retry) => {
                    end = retry;
                    break;
                }
            }
            if self.begins_again {
                break;
            }
            self.turns.claim(self.lane);
            let is_noting = self
                .noting
                .as_ref()
                .is_some_and(|noting| !noting.is_finished());
            if self.settled.len() >= if is_noting { WAITING } else { GATHERED } {
                self.forget().await?;
            }
        }
        self.forget().await?;
        noted(self.noting).await?;
        Ok(end)
    }

    /// Begins to send as many as may be under way.
    async fn fill(&mut self, road: &Road) -> anyhow::Result<()> {
        while self.under_way.len() < road.window()
            && self.bytes < UNDER_WAY
            && self.turns.is_free(self.lane)
        {
            if self.read.is_empty() {
                let outbox = self.host.store.outbox();
                let batch = outbox.next(self.lane, self.last, BATCH, BATCH_BYTES);
                self.read = batch.await?.into();
            }
            let Some(mut one) = self.read.pop_front() else {
                break;
            };
            self.last = Some(one.ticket);
            let now = self.host.clock.monotonic();
            if self.suspects.passes_over(one.ticket, now) {
                continue;
            }
            self.turns.claim(self.lane);
            let bytes = one.body.len();
            self.bytes += bytes;
            let answer = road.send(self.host.device, &mut one);
            self.under_way.push_back(UnderWay { one, bytes, answer });
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

    /// Does what an answer asks for. What is settled is to be forgotten.
    async fn settle(
        &mut self,
        one: Waiting,
        answer: Result<Receipt, SendError>,
    ) -> anyhow::Result<Step> {
        let key = one.key;
        let confirmed = match answer {
            Ok(Receipt::Stored) => {
                self.told.push(Event::Delivered { key });
                Confirmed::Receipt
            }
            Ok(Receipt::NeedFull) => {
                if let What::Report { plugin, .. } = one.what {
                    self.full.ask(self.host, plugin, one.ticket).await?;
                }
                Confirmed::NeedFull
            }
            Err(SendError::Retry {
                after,
                blame,
                reason,
            }) => {
                let failed = Failed {
                    ticket: one.ticket,
                    key,
                    what: one.what,
                    blame,
                };
                return Ok(self.failed(failed, after, reason).await);
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
        let now = self.host.clock.monotonic();
        self.begins_again |= self.suspects.got_through(one.ticket, now);
        self.is_settled(one.ticket, confirmed);
        Ok(Step::Settled)
    }

    /// Decides what becomes of something that was not sent.
    async fn failed(&mut self, one: Failed, after: Option<Duration>, reason: String) -> Step {
        let now = self.host.clock.monotonic();
        let then = self.suspects.failed(one.ticket, one.blame, now);
        let pause = Pause {
            at_least: after,
            at_most: match then {
                Then::Wait { at_most } => at_most,
                _ => None,
            },
        };
        let retry = |reason| Round::Retry { pause, reason };
        match then {
            Then::Wait { .. } => Step::Ends(retry(reason)),
            Then::TryNext if after.is_some() => Step::Ends(retry(reason)),
            Then::TryNext => Step::TriesNext(retry(reason)),
            Then::GoOn => {
                let reason = format!(
                    "{} {} is passed over, for others get through: {reason}",
                    one.what, one.key
                );
                let now = self.host.clock.now();
                if self.host.standing.failed(self.lane.some(), &reason, now) {
                    let reason = reason.clone();
                    self.host.tell(Event::NotDelivered { reason }).await;
                }
                // Whoever asks for a pause gets it.
                match after {
                    Some(_) => Step::Ends(retry(reason)),
                    None => Step::PassedOver,
                }
            }
            Then::Quarantine => {
                self.told.push(Event::Dropped {
                    reason: format!(
                        "given up, for others got through all the while; it is kept here \
                         (`bailiwick outbox show --key {}`): {reason}",
                        one.key
                    ),
                    key: one.key,
                    what: one.what.to_string(),
                    bytes: 0,
                });
                self.is_settled(one.ticket, Confirmed::GivenUp { reason });
                Step::Settled
            }
        }
    }

    fn is_settled(&mut self, ticket: Ticket, confirmed: Confirmed) {
        if self.suspects.next_at().is_none() {
            let now = self.host.clock.now();
            self.host.standing.succeeded(self.lane.some(), now);
        }
        self.settled.push(Settled { ticket, confirmed });
    }

    /// Begins to forget what was settled, once what was settled before is forgotten.
    async fn forget(&mut self) -> anyhow::Result<()> {
        noted(self.noting).await?;
        let (told, settled) = (
            std::mem::take(&mut self.told),
            std::mem::take(&mut self.settled),
        );
        if settled.is_empty() {
            return Ok(());
        }
        let (host, lane) = (Arc::clone(self.host), self.lane);
        // It ends also where this convoy is given up.
        *self.noting = Some(tokio::spawn(async move {
            let now = host.clock.now();
            host.standing.succeeded(lane.plural(), now);
            let outbox = host.store.outbox();
            outbox.settle(settled, KeepSent::DEFAULT, now).await?;
            // Whoever hears of it finds it among what was sent.
            host.tell_all(&told).await;
            Ok(())
        }));
        Ok(())
    }
}
