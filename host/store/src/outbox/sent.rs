//! What was sent lately, kept so that the device's owner can look at it.

use std::time::Duration;

use bailiwick_core::{bytes::ByteCount, time::Timestamp};
use redb::{ReadableDatabase, ReadableTable as _, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        keys::{number_of, numbered},
        record::{self, SentHead, WaitingHead},
        tables::{self, Failure, NUMBERS, SENT, Tree, failure, set_number},
    },
    Ticket, What, given_up,
    writing::{Writing, length},
};

/// Sizes of what is in the table, and the number of the next.
const BYTES: &str = "sent-bytes";
const NEXT: &str = "sent-next";

/// How something was settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Confirmed {
    /// The console said that it is committed.
    Receipt,
    /// The console has it and wants a full report instead.
    NeedFull,
    /// The console will never take it.
    Refused {
        /// Why.
        reason: String,
    },
    /// The console failed at it while it took everything else: it is kept, and not tried
    /// any more.
    GivenUp {
        /// How it failed last.
        reason: String,
    },
}

/// Something that need not be sent any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Which.
    pub ticket: Ticket,
    /// How.
    pub confirmed: Confirmed,
}

/// How much of what was sent stays to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepSent {
    /// All together, what is kept beside the bytes included. 0 keeps nothing.
    pub bytes: ByteCount,
    /// For how long, by the device's clock.
    pub age: Duration,
}

impl KeepSent {
    /// 4 MiB of the last day.
    pub const DEFAULT: Self = Self {
        bytes: ByteCount::mib(4),
        age: Duration::from_secs(86_400),
    };
}

/// Something that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What it was.
    pub what: What,
    /// Its idempotency key.
    pub key: String,
    /// When it was made.
    pub at: Timestamp,
    /// When that was settled.
    pub sent: Timestamp,
    /// How.
    pub confirmed: Confirmed,
    /// The bytes that the console got.
    pub body: Vec<u8>,
}

/// See [`super::Outbox::settle`].
pub(super) fn settle(
    transaction: &WriteTransaction,
    settled: Vec<Settled>,
    keep: KeepSent,
    now: Timestamp,
) -> Result<(), Failure> {
    let mut writing = Writing::open(transaction)?;
    let mut records = Vec::with_capacity(settled.len());
    for Settled { ticket, confirmed } in settled {
        let Some(record) = writing.take(ticket)? else {
            continue;
        };
        let is_given_up = matches!(confirmed, Confirmed::GivenUp { .. });
        if keep.bytes.get() == 0 && !is_given_up {
            continue;
        }
        let Some((waited, body)) = record::decode::<WaitingHead>(&record) else {
            continue;
        };
        let head = SentHead {
            waited,
            sent: now,
            confirmed,
        };
        let mut record = Vec::new();
        record::encode(&mut record, &head, body);
        if is_given_up {
            writing.count_given_up();
            given_up::keep(transaction, ticket, &record)?;
        } else {
            records.push(record);
        }
    }
    writing.close()?;
    History::open(transaction)?.add(&records, keep, now)
}

/// The table in one writing transaction.
struct History<'txn> {
    numbers: Tree<'txn>,
    sent: Tree<'txn>,
    bytes: u64,
}

impl<'txn> History<'txn> {
    fn open(transaction: &'txn WriteTransaction) -> Result<Self, Failure> {
        let numbers = transaction.open_table(NUMBERS).map_err(failure)?;
        let bytes = tables::number(&numbers, BYTES)?;
        Ok(Self {
            sent: transaction.open_table(SENT).map_err(failure)?,
            numbers,
            bytes,
        })
    }

    fn add(mut self, records: &[Vec<u8>], keep: KeepSent, now: Timestamp) -> Result<(), Failure> {
        // Of many that are settled together only the last may find room: the others would
        // be written to be deleted.
        let mut room = keep.bytes.get();
        let mut first = records.len();
        while let Some(left) = first
            .checked_sub(1)
            .and_then(|at| room.checked_sub(length(&records[at])))
        {
            room = left;
            first -= 1;
        }
        let new = &records[first..];
        let extra: u64 = new.iter().map(|record| length(record)).sum();
        self.make_room(keep.bytes.get().saturating_sub(extra), keep.age, now)?;
        let mut next = tables::number(&self.numbers, NEXT)?;
        for record in new {
            self.sent
                .insert(numbered(next).as_slice(), record.as_slice())
                .map_err(failure)?;
            next = next.saturating_add(1);
        }
        set_number(&mut self.numbers, NEXT, next)?;
        let bytes = self.bytes.saturating_add(extra);
        set_number(&mut self.numbers, BYTES, bytes)
    }

    /// Forgets from the oldest on what is older than `age`, or more than `bytes`.
    fn make_room(&mut self, bytes: u64, age: Duration, now: Timestamp) -> Result<(), Failure> {
        while let Some((number, size, sent)) = self.oldest()? {
            let aged = sent.is_none_or(|sent| sent.after(age) < now);
            if self.bytes <= bytes && !aged {
                return Ok(());
            }
            self.sent
                .remove(numbered(number).as_slice())
                .map_err(failure)?;
            self.bytes = self.bytes.saturating_sub(size);
        }
        self.bytes = 0;
        Ok(())
    }

    /// Number and size of the oldest, and when it was sent if it is not damaged.
    fn oldest(&self) -> Result<Option<(u64, u64, Option<Timestamp>)>, Failure> {
        let oldest = self.sent.first().map_err(failure)?;
        Ok(oldest.map(|(number, record)| {
            let record = record.value();
            let head = record::decode::<SentHead>(record);
            (
                number_of(number.value()),
                length(record),
                head.map(|(head, _)| head.sent),
            )
        }))
    }
}

/// What was sent lately, the oldest first.
pub(crate) fn list(database: &impl ReadableDatabase) -> Result<Vec<Sent>, Failure> {
    let transaction = database.begin_read().map_err(failure)?;
    let table = transaction.open_table(SENT).map_err(failure)?;
    let mut sent = Vec::new();
    for entry in table.iter().map_err(failure)? {
        let (_, record) = entry.map_err(failure)?;
        sent.extend(read(record.value()));
    }
    Ok(sent)
}

/// One record. A damaged one tells nothing, and makes room in its turn.
pub(super) fn read(record: &[u8]) -> Option<Sent> {
    let (head, body) = record::decode::<SentHead>(record)?;
    let SentHead {
        waited,
        sent,
        confirmed,
    } = head;
    Some(Sent {
        what: waited.what,
        key: waited.key,
        at: waited.at,
        sent,
        confirmed,
        body: body.to_vec(),
    })
}
