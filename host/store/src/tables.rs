//! The tables, and the boxed error that closures over them return.
//!
//! All have bytes as keys and as values: each pair of types of the two is another copy of
//! redb's trees in the program, some 30 KB. What a key is written as stands beside its table,
//! and `keys` writes it.

use redb::{Database, Durability, TableDefinition, WriteTransaction};

/// What keys and values are to redb.
type Bytes = &'static [u8];
/// A table's name.
pub(super) type Name = TableDefinition<'static, Bytes, Bytes>;
/// A table that can be written.
pub(super) type Tree<'txn> = redb::Table<'txn, Bytes, Bytes>;
/// A table that can be read.
pub(super) trait ReadableTree: redb::ReadableTable<Bytes, Bytes> {}
impl<T: redb::ReadableTable<Bytes, Bytes>> ReadableTree for T {}

/// Format of the database that this version writes and reads. It rises when a table's meaning
/// changes; those before this one were of versions that were never released.
pub(super) const FORMAT: u64 = 5;
/// Last format whose tables were of other types.
pub(super) const OTHER_TYPES: u64 = 3;

/// Numbers about the database itself, by name: 8 bytes, little-endian.
pub(super) const NUMBERS: Name = Name::new("numbers");
/// Plugin, or plugin and session; 0; key → value.
pub(super) const PLUGIN_STATE: Name = Name::new("plugin-state");
/// The outbox: see `outbox::places`.
pub(super) const OUTGOING: Name = Name::new("outgoing");
/// Idempotency key → place in the outbox, of outcomes and files: see `outbox::places`.
pub(super) const OUTGOING_KEYS: Name = Name::new("outgoing-keys");
/// Sequence number → record of what was sent.
pub(super) const SENT: Name = Name::new("sent");
/// Sequence number → record of what the console failed at.
pub(super) const GIVEN_UP: Name = Name::new("given-up");
/// Sequence number → the damaged bytes.
pub(super) const QUARANTINE: Name = Name::new("quarantine");
/// Plugin → its last suspension.
pub(super) const SUSPENSIONS: Name = Name::new("suspensions");
/// Name → value, of the device's own small values.
pub(super) const DEVICE: Name = Name::new("device");
/// Sequence number → event.
pub(super) const EVENTS: Name = Name::new("events");
/// Sequence number → link of the event in the chain, 32 bytes; also of the last that made room.
pub(super) const EVENT_LINKS: Name = Name::new("event-links");
/// Sequence number → event that waits for the console's receipt.
pub(super) const EVENTS_OUT: Name = Name::new("events-out");

/// Id of an action that began, in hexadecimal digits → its record.
pub(super) const ACTIONS: Name = Name::new("actions");

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
    transaction.open_table(SUSPENSIONS).map_err(failure)?;
    transaction.open_table(DEVICE).map_err(failure)?;
    transaction.open_table(EVENTS).map_err(failure)?;
    transaction.open_table(EVENT_LINKS).map_err(failure)?;
    transaction.open_table(EVENTS_OUT).map_err(failure)?;
    transaction.open_table(ACTIONS).map_err(failure)?;
    Ok(())
}

/// A number of [`NUMBERS`]; 0 if it was never written.
pub(super) fn number(table: &impl ReadableTree, name: &str) -> Result<u64, Failure> {
    let kept = table.get(name.as_bytes()).map_err(failure)?;
    let kept = kept.and_then(|kept| kept.value().try_into().ok());
    Ok(kept.map_or(0, u64::from_le_bytes))
}

/// Writes a number of [`NUMBERS`].
pub(super) fn set_number(table: &mut Tree<'_>, name: &str, number: u64) -> Result<(), Failure> {
    table
        .insert(name.as_bytes(), number.to_le_bytes().as_slice())
        .map_err(failure)?;
    Ok(())
}
