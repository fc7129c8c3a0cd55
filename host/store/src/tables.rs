//! The tables, and the boxed error that closures over them return.
//!
//! Each pair of types of keys and values is another copy of redb's trees in the program, some
//! 30 KB: so there are few, and what a number or an id is written as stands beside its table.

use redb::{Database, Durability, TableDefinition, WriteTransaction};

/// Format of the database that this version writes and reads. It rises when a table's meaning
/// changes; those before this one were of versions that were never released.
pub(super) const FORMAT: u64 = 3;

/// Numbers about the database itself: `format`, and the counters of `outbox`.
pub(super) const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
/// (plugin, key) → value.
pub(super) const PLUGIN_STATE: TableDefinition<'_, (&str, &str), &[u8]> =
    TableDefinition::new("plugin-state");
/// (lane, sequence number) → record.
pub(super) const OUTGOING: TableDefinition<'_, (u8, u64), &[u8]> = TableDefinition::new("outgoing");
/// Idempotency key → place in the outbox, of outcomes and files: number of the lane, 1 byte, and
/// sequence number, 8 bytes, little-endian.
pub(super) const OUTGOING_KEYS: TableDefinition<'_, &str, &[u8]> =
    TableDefinition::new("outgoing-keys");
/// Sequence number → record of what was sent.
pub(super) const SENT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("sent");
/// Sequence number → record of what the console failed at.
pub(super) const GIVEN_UP: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("given-up");
/// Sequence number → the damaged bytes.
pub(super) const QUARANTINE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("quarantine");
/// Plugin → what its report sender remembers.
pub(super) const SENDERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("senders");
/// Plugin → its last suspension.
pub(super) const SUSPENSIONS: TableDefinition<'_, &str, &[u8]> =
    TableDefinition::new("suspensions");
/// Name → value, of the device's own small values.
pub(super) const DEVICE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("device");
/// Sequence number → event.
pub(super) const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
/// Sequence number → link of the event in the chain, 32 bytes; also of the last that made room.
pub(super) const EVENT_LINKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("event-links");
/// Sequence number → event that waits for the console's receipt.
pub(super) const EVENTS_OUT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events-out");

/// Id of an action that began, in hexadecimal digits → its record.
pub(super) const ACTIONS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("actions");

/// redb's error, boxed: it is large, and these results are mostly `Ok`.
pub(super) type Failure = Box<redb::Error>;

/// Boxes any of redb's errors.
pub(super) fn failure(error: impl Into<redb::Error>) -> Failure {
    Box::new(error.into())
}

/// Runs `work` in one transaction that is on disk when this returns. An error leaves
/// nothing behind.
pub(super) fn write<T>(
    database: &Database,
    work: impl FnOnce(&WriteTransaction) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut transaction = database.begin_write().map_err(failure)?;
    transaction
        .set_durability(Durability::Immediate)
        .map_err(failure)?;
    let answer = work(&transaction)?;
    transaction.commit().map_err(failure)?;
    Ok(answer)
}

/// Makes every table, so that readers never meet a missing one.
pub(super) fn create_all(transaction: &WriteTransaction) -> Result<(), Failure> {
    transaction.open_table(NUMBERS).map_err(failure)?;
    transaction.open_table(PLUGIN_STATE).map_err(failure)?;
    transaction.open_table(OUTGOING).map_err(failure)?;
    transaction.open_table(OUTGOING_KEYS).map_err(failure)?;
    transaction.open_table(SENT).map_err(failure)?;
    transaction.open_table(GIVEN_UP).map_err(failure)?;
    transaction.open_table(QUARANTINE).map_err(failure)?;
    transaction.open_table(SENDERS).map_err(failure)?;
    transaction.open_table(SUSPENSIONS).map_err(failure)?;
    transaction.open_table(DEVICE).map_err(failure)?;
    transaction.open_table(EVENTS).map_err(failure)?;
    transaction.open_table(EVENT_LINKS).map_err(failure)?;
    transaction.open_table(EVENTS_OUT).map_err(failure)?;
    transaction.open_table(ACTIONS).map_err(failure)?;
    Ok(())
}

/// A number of [`NUMBERS`]; 0 if it was never written.
pub(super) fn number(
    table: &impl redb::ReadableTable<&'static str, u64>,
    name: &str,
) -> Result<u64, Failure> {
    Ok(table.get(name).map_err(failure)?.map_or(0, |n| n.value()))
}
