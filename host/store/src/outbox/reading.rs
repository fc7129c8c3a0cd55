//! Reading the outbox, which holds nobody up.

use std::time::Duration;

use bailiwick_core::run_time::RunTime;
use redb::ReadableDatabase;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        record::{self, WaitingHead},
        tables::{Failure, OUTGOING, failure},
    },
    Caps, Lane, Ticket, Waiting,
    ledger::Ledger,
    places,
    writing::length,
};

/// Of the agent's time, so much may be lost where nothing else is written: a commit costs
/// the disk a write.
const UNKEPT: Duration = Duration::from_secs(60 * 60);

/// Figures for `bailiwick status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OutboxFigures {
    /// Outcomes of actions.
    pub outcomes: LaneFigures,
    /// Reports.
    pub reports: LaneFigures,
    /// Session files.
    pub files: LaneFigures,
    /// Damaged entries that were taken out of the way, since the database was made.
    pub quarantined: u64,
    /// What the console failed at while it took everything else, since the database was
    /// made.
    #[serde(default)]
    pub given_up: u64,
}

/// Figures of one lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LaneFigures {
    /// How many wait for a receipt.
    pub waiting: u64,
    /// Their size in bytes, as counted against the caps.
    pub bytes: u64,
    /// How many were dropped since the database was made.
    pub dropped: u64,
}

/// What [`batch`] read.
pub(crate) struct Batch {
    pub(crate) waiting: Vec<Waiting>,
    /// Damaged records before its end.
    pub(super) damaged: Vec<Ticket>,
}

/// See [`super::Outbox::next`]. What is not `wanted` by its key is passed over.
pub(crate) fn batch(
    database: &impl ReadableDatabase,
    lane: Lane,
    after: Option<Ticket>,
    at_most: usize,
    bytes: u64,
    wanted: impl Fn(&str) -> bool,
) -> Result<Batch, Failure> {
    let transaction = database.begin_read().map_err(failure)?;
    let entries = transaction.open_table(OUTGOING).map_err(failure)?;
    let first = after.map_or(0, |after| after.sequence.saturating_add(1));
    let places = lane.places_from(first);
    let (mut waiting, mut damaged, mut size) = (Vec::new(), Vec::new(), 0_u64);
    for entry in entries.range(places::range(&places)).map_err(failure)? {
        let (place, record) = entry.map_err(failure)?;
        let Some(ticket) = Ticket::at(place.value()) else {
            continue;
        };
        let Some((head, body)) = record::decode::<WaitingHead>(record.value()) else {
            damaged.push(ticket);
            continue;
        };
        if !wanted(&head.key) {
            continue;
        }
        size = size.saturating_add(length(body));
        if waiting.len() >= at_most || (size > bytes && !waiting.is_empty()) {
            break;
        }
        waiting.push(Waiting {
            ticket,
            what: head.what,
            key: head.key,
            at: head.at,
            body: body.to_vec(),
        });
    }
    Ok(Batch { waiting, damaged })
}

/// Whether a cap is passed, the oldest record of a lane is damaged and in the way, or the
/// count of the agent's time has to be kept.
pub(super) fn needs_trim(
    database: &impl ReadableDatabase,
    caps: Caps,
    now: RunTime,
) -> Result<bool, Failure> {
    let transaction = database.begin_read().map_err(failure)?;
    let entries = transaction.open_table(OUTGOING).map_err(failure)?;
    let ledger = Ledger::read(&entries)?;
    let held = ledger.bytes;
    if now.since(ledger.ran) >= UNKEPT {
        return Ok(true);
    }
    for lane in Lane::ALL {
        if caps.victim(held, lane, 0) != Ok(None) {
            return Ok(true);
        }
        let places = lane.places_from(0);
        let mut range = entries.range(places::range(&places)).map_err(failure)?;
        let Some(oldest) = range.next() else {
            continue;
        };
        let (_, record) = oldest.map_err(failure)?;
        let in_the_way = record::decode::<WaitingHead>(record.value())
            .is_none_or(|(head, _)| caps.is_aged(lane, head.ran, now));
        if in_the_way {
            return Ok(true);
        }
    }
    Ok(false)
}

/// See [`super::Outbox::figures`].
pub(crate) fn figures(database: &impl ReadableDatabase) -> Result<OutboxFigures, Failure> {
    let ledger = ledger(database)?;
    let of = |lane: Lane| LaneFigures {
        waiting: ledger.entries[lane.index()],
        bytes: ledger.bytes[lane.index()],
        dropped: ledger.dropped[lane.index()],
    };
    Ok(OutboxFigures {
        outcomes: of(Lane::Outcomes),
        reports: of(Lane::Reports),
        files: of(Lane::Files),
        quarantined: ledger.quarantined,
        given_up: ledger.given_up,
    })
}

/// See [`super::Outbox::ran`].
pub(super) fn ran(database: &impl ReadableDatabase) -> Result<RunTime, Failure> {
    Ok(ledger(database)?.ran)
}

/// See [`super::Outbox::next_number`].
pub(super) fn next_number(database: &impl ReadableDatabase) -> Result<u64, Failure> {
    Ok(ledger(database)?.next)
}

fn ledger(database: &impl ReadableDatabase) -> Result<Ledger, Failure> {
    let transaction = database.begin_read().map_err(failure)?;
    Ledger::read(&transaction.open_table(OUTGOING).map_err(failure)?)
}
