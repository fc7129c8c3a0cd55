//! Reports that wait for the console's receipt.
//!
//! A report is durable before anything counts it as made, leaves in order of age, and is
//! deleted on the receipt alone. It can be sent twice (the receipt may be lost), never
//! lost without being counted.

use std::time::Duration;

use bailiwick_core::{bytes::ByteCount, ids::PluginName, time::Timestamp};
use redb::{Database, ReadableDatabase, ReadableTable, Table, WriteTransaction};

use super::{
    OutboxFigures, Store, StoreError,
    record::{self, Head},
    tables::{self, Failure, NUMBERS, OUTBOX, OUTBOX_KEYS, QUARANTINE, SENDERS, failure},
};

/// Number of the next report. It only rises: a number is never used twice.
const NEXT: &str = "outbox-next";
const REPORTS: &str = "outbox-reports";
const BYTES: &str = "outbox-bytes";
const QUARANTINED: &str = "outbox-quarantined";
const DROPPED: &str = "outbox-dropped";
/// Damaged records that are kept for whoever looks into the damage.
const KEPT_IN_QUARANTINE: u64 = 16;

/// A report to be kept.
#[derive(Clone, Debug)]
pub(crate) struct NewReport {
    /// Whose.
    pub(crate) plugin: PluginName,
    /// What it is, in the sender's words: `full`, `diff`.
    pub(crate) kind: String,
    /// The same in every attempt to send it. Appending it again changes nothing.
    pub(crate) idempotency_key: String,
    /// When it was made.
    pub(crate) at: Timestamp,
    /// The encoded report.
    pub(crate) body: Vec<u8>,
    /// What the plugin's report sender remembers once this report exists, or `None` to
    /// leave it. Kept in the same commit, so that a base is never ahead of its report.
    pub(crate) sender: Option<Vec<u8>>,
}

/// A report in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredReport {
    /// Its number in the outbox.
    pub(crate) sequence: u64,
    /// Whose.
    pub(crate) plugin: PluginName,
    /// As in [`NewReport`].
    pub(crate) kind: String,
    /// As in [`NewReport`].
    pub(crate) idempotency_key: String,
    /// When it was made.
    pub(crate) at: Timestamp,
    /// The encoded report.
    pub(crate) body: Vec<u8>,
}

/// How much may wait. When there is no room, the oldest go until the new one fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caps {
    /// All reports together, what is kept beside them included.
    pub(crate) bytes: ByteCount,
    /// How long one may wait. By the device's clock: if that was set back, reports seem
    /// young and stay.
    pub(crate) age: Duration,
}

/// Why a report was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DropReason {
    /// It waited longer than [`Caps::age`].
    Age,
    /// It had to go so that [`Caps::bytes`] holds.
    Bytes,
}

/// A report that will never be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// Whose.
    pub(crate) plugin: PluginName,
    /// As in [`NewReport`].
    pub(crate) kind: String,
    /// As in [`NewReport`].
    pub(crate) idempotency_key: String,
    /// When it was made.
    pub(crate) at: Timestamp,
    /// Its size on disk.
    pub(crate) bytes: u64,
    /// Why it went.
    pub(crate) reason: DropReason,
}

/// What [`Store::append`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Its number in the outbox, or `None` if it is itself among `dropped`.
    pub(crate) sequence: Option<u64>,
    /// What went, oldest first.
    pub(crate) dropped: Vec<Dropped>,
}

impl Store {
    /// Keeps a report. It is on disk when this returns, together with
    /// [`NewReport::sender`]. If the report does not fit, neither is kept.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if the database failed: nothing was kept or dropped.
    pub(crate) async fn append(
        &self,
        report: NewReport,
        caps: Caps,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        self.run("keep a report", move |database| {
            tables::write(database, |transaction| {
                Outbox::open(transaction)?.append(transaction, &report, caps, now)
            })
        })
        .await
    }

    /// Drops what has waited longer than `caps.age`, and the oldest while `caps.bytes` is
    /// passed (the cap may have been lowered).
    ///
    /// # Errors
    /// [`StoreError::Failed`]: nothing was dropped.
    pub(crate) async fn trim(
        &self,
        caps: Caps,
        now: Timestamp,
    ) -> Result<Vec<Dropped>, StoreError> {
        self.run("drop old reports", move |database| {
            // Nothing to drop is the rule, and a commit costs the disk a write.
            if !needs_trim(database, caps, now)? {
                return Ok(Vec::new());
            }
            tables::write(database, |transaction| {
                let mut outbox = Outbox::open(transaction)?;
                let mut dropped = outbox.drop_aged(caps, now)?;
                dropped.extend(outbox.drop_to(caps.bytes.get())?);
                Ok(dropped)
            })
        })
        .await
    }

    /// The oldest reports, at most `at_most` of them and `bytes` in all, but always one if
    /// there is one. A damaged one is moved out of the way and counted.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub(crate) async fn next_batch(
        &self,
        at_most: usize,
        bytes: ByteCount,
    ) -> Result<Vec<StoredReport>, StoreError> {
        self.run("read the outbox", move |database| {
            let (batch, damaged) = read_batch(database, at_most, bytes.get())?;
            if !damaged.is_empty() {
                tables::write(database, |transaction| {
                    let mut outbox = Outbox::open(transaction)?;
                    damaged.iter().try_for_each(|at| outbox.quarantine(*at))
                })?;
            }
            Ok(batch)
        })
        .await
    }

    /// Forgets reports whose receipts arrived. Unknown numbers are passed over.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: all of them are still there.
    pub(crate) async fn acknowledge(&self, sequences: Vec<u64>) -> Result<(), StoreError> {
        self.run("forget acknowledged reports", move |database| {
            tables::write(database, |transaction| {
                let mut outbox = Outbox::open(transaction)?;
                for sequence in sequences {
                    outbox.take(sequence)?;
                }
                Ok(())
            })
        })
        .await
    }

    /// How much waits.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub(crate) async fn outbox_figures(&self) -> Result<OutboxFigures, StoreError> {
        self.run("count the outbox", |database| {
            let transaction = database.begin_read().map_err(failure)?;
            let numbers = transaction.open_table(NUMBERS).map_err(failure)?;
            Ok(OutboxFigures {
                reports: tables::number(&numbers, REPORTS)?,
                bytes: tables::number(&numbers, BYTES)?,
                quarantined: tables::number(&numbers, QUARANTINED)?,
                dropped: tables::number(&numbers, DROPPED)?,
            })
        })
        .await
    }
}

/// Whether a cap is passed, or the oldest record is damaged and in the way.
fn needs_trim(database: &Database, caps: Caps, now: Timestamp) -> Result<bool, Failure> {
    let transaction = database.begin_read().map_err(failure)?;
    let numbers = transaction.open_table(NUMBERS).map_err(failure)?;
    if tables::number(&numbers, BYTES)? > caps.bytes.get() {
        return Ok(true);
    }
    let records = transaction.open_table(OUTBOX).map_err(failure)?;
    let oldest = records.first().map_err(failure)?;
    Ok(oldest.is_some_and(|(_, record)| {
        record::decode(record.value()).is_none_or(|(head, _)| head.at.after(caps.age) < now)
    }))
}

/// Reads in order of age; gives the batch and the numbers of damaged records before its end.
fn read_batch(
    database: &Database,
    at_most: usize,
    bytes: u64,
) -> Result<(Vec<StoredReport>, Vec<u64>), Failure> {
    let transaction = database.begin_read().map_err(failure)?;
    let outbox = transaction.open_table(OUTBOX).map_err(failure)?;
    let (mut batch, mut damaged, mut size) = (Vec::new(), Vec::new(), 0_u64);
    for entry in outbox.iter().map_err(failure)? {
        let (sequence, record) = entry.map_err(failure)?;
        let Some((head, body)) = record::decode(record.value()) else {
            damaged.push(sequence.value());
            continue;
        };
        size = size.saturating_add(length(body));
        if batch.len() >= at_most || (size > bytes && !batch.is_empty()) {
            break;
        }
        batch.push(StoredReport {
            sequence: sequence.value(),
            plugin: head.plugin,
            kind: head.kind,
            idempotency_key: head.idempotency_key,
            at: head.at,
            body: body.to_vec(),
        });
    }
    Ok((batch, damaged))
}

/// The outbox's tables in one writing transaction.
struct Outbox<'txn> {
    records: Table<'txn, u64, &'static [u8]>,
    keys: Table<'txn, &'static str, u64>,
    numbers: Table<'txn, &'static str, u64>,
    quarantine: Table<'txn, u64, &'static [u8]>,
}

impl<'txn> Outbox<'txn> {
    fn open(transaction: &'txn WriteTransaction) -> Result<Self, Failure> {
        Ok(Self {
            records: transaction.open_table(OUTBOX).map_err(failure)?,
            keys: transaction.open_table(OUTBOX_KEYS).map_err(failure)?,
            numbers: transaction.open_table(NUMBERS).map_err(failure)?,
            quarantine: transaction.open_table(QUARANTINE).map_err(failure)?,
        })
    }

    fn append(
        &mut self,
        transaction: &WriteTransaction,
        report: &NewReport,
        caps: Caps,
        now: Timestamp,
    ) -> Result<Appended, Failure> {
        let mut dropped = self.drop_aged(caps, now)?;
        if let Some(sequence) = self.find(&report.idempotency_key)? {
            return Ok(Appended {
                sequence: Some(sequence),
                dropped,
            });
        }
        let head = Head {
            plugin: report.plugin.clone(),
            kind: report.kind.clone(),
            idempotency_key: report.idempotency_key.clone(),
            at: report.at,
        };
        let record = record::encode(&head, &report.body)
            .map_err(|error| failure(redb::StorageError::Io(error.into())))?;
        let Some(room) = caps.bytes.get().checked_sub(length(&record)) else {
            self.count(DROPPED, 1)?;
            dropped.push(dropped_report(head, length(&record), DropReason::Bytes));
            return Ok(Appended {
                sequence: None,
                dropped,
            });
        };
        dropped.extend(self.drop_to(room)?);
        let sequence = self.keep(&report.idempotency_key, &record)?;
        if let Some(sender) = &report.sender {
            transaction
                .open_table(SENDERS)
                .map_err(failure)?
                .insert(report.plugin.as_str(), sender.as_slice())
                .map_err(failure)?;
        }
        Ok(Appended {
            sequence: Some(sequence),
            dropped,
        })
    }

    fn find(&self, key: &str) -> Result<Option<u64>, Failure> {
        Ok(self.keys.get(key).map_err(failure)?.map(|n| n.value()))
    }

    fn keep(&mut self, key: &str, record: &[u8]) -> Result<u64, Failure> {
        let sequence = tables::number(&self.numbers, NEXT)?;
        self.count(NEXT, 1)?;
        self.count(REPORTS, 1)?;
        self.count(BYTES, length(record))?;
        self.records.insert(sequence, record).map_err(failure)?;
        self.keys.insert(key, sequence).map_err(failure)?;
        Ok(sequence)
    }

    /// Drops the oldest until at most `bytes` are left.
    fn drop_to(&mut self, bytes: u64) -> Result<Vec<Dropped>, Failure> {
        let mut dropped = Vec::new();
        while tables::number(&self.numbers, BYTES)? > bytes {
            let Some((sequence, _)) = self.oldest()? else {
                break;
            };
            dropped.extend(self.drop(sequence, DropReason::Bytes)?);
        }
        Ok(dropped)
    }

    /// Drops from the oldest on while they are too old. Damaged ones on the way are
    /// quarantined.
    fn drop_aged(&mut self, caps: Caps, now: Timestamp) -> Result<Vec<Dropped>, Failure> {
        let mut dropped = Vec::new();
        while let Some((sequence, head)) = self.oldest()? {
            match head {
                Some(head) if head.at.after(caps.age) >= now => break,
                Some(_) => dropped.extend(self.drop(sequence, DropReason::Age)?),
                None => self.quarantine(sequence)?,
            }
        }
        Ok(dropped)
    }

    fn oldest(&self) -> Result<Option<(u64, Option<Head>)>, Failure> {
        let Some((sequence, record)) = self.records.first().map_err(failure)? else {
            return Ok(None);
        };
        let head = record::decode(record.value()).map(|(head, _)| head);
        Ok(Some((sequence.value(), head)))
    }

    fn drop(&mut self, sequence: u64, reason: DropReason) -> Result<Option<Dropped>, Failure> {
        let Some(record) = self.take(sequence)? else {
            return Ok(None);
        };
        let Some((head, _)) = record::decode(&record) else {
            self.keep_in_quarantine(sequence, &record)?;
            return Ok(None);
        };
        self.count(DROPPED, 1)?;
        Ok(Some(dropped_report(head, length(&record), reason)))
    }

    fn quarantine(&mut self, sequence: u64) -> Result<(), Failure> {
        match self.take(sequence)? {
            Some(record) => self.keep_in_quarantine(sequence, &record),
            None => Ok(()),
        }
    }

    fn keep_in_quarantine(&mut self, sequence: u64, record: &[u8]) -> Result<(), Failure> {
        self.count(QUARANTINED, 1)?;
        self.quarantine.insert(sequence, record).map_err(failure)?;
        while redb::ReadableTableMetadata::len(&self.quarantine).map_err(failure)?
            > KEPT_IN_QUARANTINE
        {
            self.quarantine.pop_first().map_err(failure)?;
        }
        Ok(())
    }

    /// Removes a record and all that refers to it.
    fn take(&mut self, sequence: u64) -> Result<Option<Vec<u8>>, Failure> {
        let removed = self.records.remove(sequence).map_err(failure)?;
        let Some(record) = removed.map(|record| record.value().to_vec()) else {
            return Ok(None);
        };
        match record::decode(&record) {
            Some((head, _)) => {
                let key = head.idempotency_key.as_str();
                self.keys.remove(key).map_err(failure)?;
            }
            // The key can't be read from a damaged record.
            None => self.keys.retain(|_, at| at != sequence).map_err(failure)?,
        }
        self.uncount(REPORTS, 1)?;
        self.uncount(BYTES, length(&record))?;
        Ok(Some(record))
    }

    fn count(&mut self, name: &'static str, by: u64) -> Result<(), Failure> {
        let value = tables::number(&self.numbers, name)?.saturating_add(by);
        self.numbers.insert(name, value).map_err(failure)?;
        Ok(())
    }

    fn uncount(&mut self, name: &'static str, by: u64) -> Result<(), Failure> {
        let value = tables::number(&self.numbers, name)?.saturating_sub(by);
        self.numbers.insert(name, value).map_err(failure)?;
        Ok(())
    }
}

fn dropped_report(head: Head, bytes: u64, reason: DropReason) -> Dropped {
    Dropped {
        plugin: head.plugin,
        kind: head.kind,
        idempotency_key: head.idempotency_key,
        at: head.at,
        bytes,
        reason,
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
