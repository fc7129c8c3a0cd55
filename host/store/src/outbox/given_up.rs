//! What the console failed at while it took everything else: kept so that whoever mends the
//! console finds it.

use bailiwick_core::bytes::ByteCount;
use redb::{ReadableDatabase, ReadableTable as _, WriteTransaction};

use super::{
    super::{
        keys::numbered,
        tables::{Failure, GIVEN_UP, failure},
    },
    Ticket,
    sent::{Sent, read},
    writing::length,
};

/// How much of it is kept. The oldest makes room: that it was given up was told.
const KEPT: ByteCount = ByteCount::mib(8);

/// Keeps the record of what was given up.
pub(super) fn keep(
    transaction: &WriteTransaction,
    ticket: Ticket,
    record: &[u8],
) -> Result<(), Failure> {
    let mut table = transaction.open_table(GIVEN_UP).map_err(failure)?;
    // Of all lanes: none has the number of another.
    table
        .insert(numbered(ticket.sequence).as_slice(), record)
        .map_err(failure)?;
    let mut bytes = 0_u64;
    for entry in table.iter().map_err(failure)? {
        bytes = bytes.saturating_add(length(entry.map_err(failure)?.1.value()));
    }
    while bytes > KEPT.get() {
        let Some((_, oldest)) = table.pop_first().map_err(failure)? else {
            break;
        };
        bytes = bytes.saturating_sub(length(oldest.value()));
    }
    Ok(())
}

/// The oldest first.
pub(crate) fn list(database: &impl ReadableDatabase) -> Result<Vec<Sent>, Failure> {
    let transaction = database.begin_read().map_err(failure)?;
    let table = transaction.open_table(GIVEN_UP).map_err(failure)?;
    let mut found = Vec::new();
    for entry in table.iter().map_err(failure)? {
        let (_, record) = entry.map_err(failure)?;
        found.extend(read(record.value()));
    }
    Ok(found)
}
