//! From the first format, in which reports alone waited, and the second, in which keys of
//! reports were kept as well.

use redb::{ReadableTable as _, WriteTransaction};

use super::{
    super::{
        record::{self, FirstHead, WaitingHead},
        tables::{Failure, NUMBERS, OUTBOX, OUTBOX_KEYS, OUTGOING_KEYS, failure},
    },
    Lane, Ticket, What,
    ledger::{BYTES, ENTRIES, NEXT},
    writing::{Writing, encode},
};

/// Forgets the keys of reports.
pub(crate) fn from_second_format(transaction: &WriteTransaction) -> Result<(), Failure> {
    let mut keys = transaction.open_table(OUTGOING_KEYS).map_err(failure)?;
    let reports = Lane::Reports.places();
    keys.retain(|_, place| !reports.contains(&place))
        .map_err(failure)
}

/// Moves the reports of a database of format 1 to where they belong now. They keep their
/// order; a damaged one is quarantined.
pub(crate) fn from_first_format(transaction: &WriteTransaction) -> Result<(), Failure> {
    let mut moved = Vec::new();
    {
        let old = transaction.open_table(OUTBOX).map_err(failure)?;
        for entry in old.iter().map_err(failure)? {
            let (sequence, record) = entry.map_err(failure)?;
            moved.push((sequence.value(), record.value().to_vec()));
        }
        let mut numbers = transaction.open_table(NUMBERS).map_err(failure)?;
        let dropped = numbers.remove("outbox-dropped").map_err(failure)?;
        let dropped = dropped.map_or(0, |number| number.value());
        numbers
            .insert("outbox-reports-dropped", dropped)
            .map_err(failure)?;
        // They are counted anew below, and their numbers are given again.
        for name in ["outbox-bytes", BYTES[1], ENTRIES[1], NEXT] {
            numbers.remove(name).map_err(failure)?;
        }
    }
    transaction.delete_table(OUTBOX).map_err(failure)?;
    transaction.delete_table(OUTBOX_KEYS).map_err(failure)?;
    let mut writing = Writing::open(transaction)?;
    for (sequence, record) in moved {
        let Some((head, body)) = record::decode::<FirstHead>(&record) else {
            let ticket = Ticket {
                lane: Lane::Reports,
                sequence,
            };
            writing.keep_in_quarantine(ticket, &record)?;
            continue;
        };
        let FirstHead {
            plugin,
            kind,
            idempotency_key: key,
            at,
        } = head;
        let what = What::Report { plugin, kind };
        let ran = None;
        let head = WaitingHead { what, key, at, ran };
        writing.keep_report(&encode(&head, body)?)?;
    }
    writing.close()
}
