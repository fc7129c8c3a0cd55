//! Events: the last ones of the device, for whoever looks into the store afterwards, and
//! those that wait for the console's receipt.
//!
//! An event that is to be sent is kept in the same commit as the record of it, leaves in
//! order, and is deleted on the receipt alone. A batch, once begun, is the same in every
//! attempt, so that its receiver keeps it once however often it arrives.

use bailiwick_core::chain::{Head, Proof, Room};
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::{
    Store, StoreError, device,
    event_chain::{self, Chain},
    keys::{number_of, numbered},
    tables::{self, EVENTS, EVENTS_OUT, Failure, NUMBERS, failure, set_number},
};

/// What is kept: older events make room where there are more of them and they are longer.
pub(super) const ROOM: Room = Room {
    entries: 1_000,
    bytes: 2 * 1024 * 1024,
    longest: LONGEST_EVENT as u64,
};
/// Events that wait to be sent; older ones make room and are counted.
pub(super) const WAITING_EVENTS: u64 = 2_000;
/// Longest event in bytes. A longer one is refused, so that the record stays below 12 MB: at
/// most 4 MB of what happened, and 8 MB of what waits.
pub const LONGEST_EVENT: usize = 4_096;
/// Most events of one batch.
const BATCH: usize = 200;
/// Last number of the batch that is being sent, and 1: 0 is none.
const BATCH_END: &str = "events-batch-end";
const LOST: &str = "events-lost";
/// Bytes of all events that are kept.
const BYTES: &str = "events-bytes";
/// Last number of the log that the console knows, and 1: 0 is none.
const TOLD: &str = "events-told";

/// An event to be kept.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The event, encoded.
    pub line: Vec<u8>,
    /// Where it goes.
    pub audience: Audience,
}

/// Who an event is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Whoever looks at the device.
    Device,
    /// The console too.
    Console,
}

/// Events to be sent together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventBatch {
    /// Number of the first one.
    pub first: u64,
    /// Number of the last one.
    pub last: u64,
    /// Each as it was kept, in order.
    pub lines: Vec<Vec<u8>>,
    /// Events that made room before they could be sent, since the last receipt.
    pub lost: u64,
    /// That the log goes on from what the console knows of it, up to the last of these
    /// events or as far as one proof reaches.
    pub proof: Proof,
}

impl Store {
    /// Keeps events, in order, in one commit. Those longer than [`LONGEST_EVENT`] are left
    /// out; the answer says how many.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: none was kept.
    pub async fn record_events(&self, events: Vec<NewEvent>) -> Result<usize, StoreError> {
        self.run("keep events", move |database| {
            tables::write(database, |transaction| record(transaction, &events))
        })
        .await
    }

    /// As [`Self::record_events`], and keeps `value` under `name` in the same commit: what
    /// the agent knows and what it told of it never differ, wherever it is stopped.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: neither was kept.
    pub async fn record_events_and_value(
        &self,
        events: Vec<NewEvent>,
        name: &'static str,
        value: Vec<u8>,
    ) -> Result<usize, StoreError> {
        self.run("keep events and what they tell of", move |database| {
            tables::write(database, |transaction| {
                device::put(transaction, name, Some(&value))?;
                record(transaction, &events)
            })
        })
        .await
    }

    /// The oldest events that wait for a receipt: the same ones until
    /// [`Self::events_sent`], unless some of them had to make room.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn next_events(&self) -> Result<Option<EventBatch>, StoreError> {
        self.run("read the events that wait", |database| {
            let (batch, begun) = read_batch(database)?;
            if let Some(batch) = &batch
                && !begun
            {
                tables::write(database, |transaction| {
                    let mut numbers = transaction.open_table(NUMBERS).map_err(failure)?;
                    set_number(&mut numbers, BATCH_END, batch.last + 1)
                })?;
            }
            Ok(batch)
        })
        .await
    }

    /// Forgets the events up to number `last`, whose receipt arrived, and how many were
    /// lost, which was told. Of the log the console knows `told` now; none where it was not
    /// told.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: all of them are still there.
    pub async fn events_sent(&self, last: u64, told: Option<Head>) -> Result<(), StoreError> {
        self.run("forget events that were sent", move |database| {
            tables::write(database, |transaction| {
                let mut waiting = transaction.open_table(EVENTS_OUT).map_err(failure)?;
                let last = numbered(last);
                waiting
                    .retain_in(..=last.as_slice(), |_, _| false)
                    .map_err(failure)?;
                let mut numbers = transaction.open_table(NUMBERS).map_err(failure)?;
                set_number(&mut numbers, BATCH_END, 0)?;
                set_number(&mut numbers, LOST, 0)?;
                if let Some(told) = told {
                    let told = told.number.saturating_add(1);
                    set_number(&mut numbers, TOLD, told)?;
                }
                Ok(())
            })
        })
        .await
    }
}

pub(super) fn record(
    transaction: &WriteTransaction,
    events: &[NewEvent],
) -> Result<usize, Failure> {
    let mut ring = transaction.open_table(EVENTS).map_err(failure)?;
    let mut waiting = transaction.open_table(EVENTS_OUT).map_err(failure)?;
    let mut chain = Chain::open(transaction)?;
    // The ring is never empty once it had an event, so no number is used twice.
    let last = ring
        .last()
        .map_err(failure)?
        .map(|(at, _)| number_of(at.value()));
    let mut next = last.map_or(0, |last| last.saturating_add(1));
    let mut numbers = transaction.open_table(NUMBERS).map_err(failure)?;
    let mut bytes = tables::number(&numbers, BYTES)?;
    let (mut left_out, mut lost) = (0, 0);
    for event in events {
        if event.line.len() > LONGEST_EVENT {
            left_out += 1;
            continue;
        }
        let number = numbered(next);
        ring.insert(number.as_slice(), event.line.as_slice())
            .map_err(failure)?;
        chain.add(next, &event.line)?;
        bytes = bytes.saturating_add(event.line.len() as u64);
        if event.audience == Audience::Console {
            waiting
                .insert(number.as_slice(), event.line.as_slice())
                .map_err(failure)?;
        }
        next = next.saturating_add(1);
    }
    while ROOM.is_short(ring.len().map_err(failure)?, bytes) {
        let gone = ring.pop_first().map_err(failure)?;
        let gone =
            gone.map(|(number, line)| (number_of(number.value()), line.value().len() as u64));
        let Some((number, length)) = gone else { break };
        bytes = bytes.saturating_sub(length);
        chain.forget_before(number)?;
    }
    set_number(&mut numbers, BYTES, bytes)?;
    while waiting.len().map_err(failure)? > WAITING_EVENTS {
        waiting.pop_first().map_err(failure)?;
        lost += 1;
    }
    if lost > 0 {
        let lost = tables::number(&numbers, LOST)?.saturating_add(lost);
        set_number(&mut numbers, LOST, lost)?;
    }
    Ok(left_out)
}

/// The batch that was begun and whether there was one, or the next.
fn read_batch(database: &Database) -> Result<(Option<EventBatch>, bool), Failure> {
    let transaction = database.begin_read().map_err(failure)?;
    let waiting = transaction.open_table(EVENTS_OUT).map_err(failure)?;
    let numbers = transaction.open_table(NUMBERS).map_err(failure)?;
    let end = tables::number(&numbers, BATCH_END)?;
    let mut entries = Vec::new();
    for entry in waiting.iter().map_err(failure)?.take(BATCH) {
        let (at, line) = entry.map_err(failure)?;
        entries.push((number_of(at.value()), line.value().to_vec()));
    }
    let begun = entries.first().is_some_and(|(first, _)| *first < end);
    if begun {
        entries.retain(|(at, _)| *at < end);
    }
    let (Some((first, _)), Some((last, _))) = (entries.first(), entries.last()) else {
        return Ok((None, false));
    };
    let batch = EventBatch {
        first: *first,
        last: *last,
        lost: tables::number(&numbers, LOST)?,
        proof: event_chain::proof(
            &transaction,
            tables::number(&numbers, TOLD)?.checked_sub(1),
            *last,
        )?,
        lines: entries.into_iter().map(|(_, line)| line).collect(),
    };
    Ok((Some(batch), begun))
}
