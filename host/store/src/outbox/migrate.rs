//! From the first format, in which reports alone waited, and the second, in which keys of
//! reports were kept as well, and what the outbox counts stood among other numbers.

use bailiwick_core::run_time::RunTime;
use redb::{ReadableTable as _, Table, WriteTransaction};

use super::{
    super::{
        record::{self, FirstHead, WaitingHead},
        tables::{Failure, NUMBERS, OUTBOX, OUTBOX_KEYS, OUTGOING, OUTGOING_KEYS, failure},
    },
    Lane, Ticket, What,
    ledger::Ledger,
    writing::{Writing, encode},
};

/// Forgets the keys of reports, and moves what is counted to the entries.
pub(crate) fn from_second_format(transaction: &WriteTransaction) -> Result<(), Failure> {
    let mut keys = transaction.open_table(OUTGOING_KEYS).map_err(failure)?;
    let reports = Lane::Reports.places();
    keys.retain(|_, place| !reports.contains(&place))
        .map_err(failure)?;
    let mut numbers = transaction.open_table(NUMBERS).map_err(failure)?;
    let mut take = |name| take(&mut numbers, name);
    let ledger = Ledger {
        next: take("outbox-next")?,
        entries: [
            take("outbox-outcomes")?,
            take("outbox-reports")?,
            take("outbox-files")?,
        ],
        bytes: [
            take("outbox-outcomes-bytes")?,
            take("outbox-reports-bytes")?,
            take("outbox-files-bytes")?,
        ],
        dropped: [
            take("outbox-outcomes-dropped")?,
            take("outbox-reports-dropped")?,
            take("outbox-files-dropped")?,
        ],
        quarantined: take("outbox-quarantined")?,
        given_up: take("outbox-given-up")?,
        ran: RunTime::from_ms(take("ran-ms")?),
    };
    put(transaction, &ledger)
}

fn take(numbers: &mut Table<'_, &'static str, u64>, name: &str) -> Result<u64, Failure> {
    let number = numbers.remove(name).map_err(failure)?;
    Ok(number.map_or(0, |number| number.value()))
}

fn put(transaction: &WriteTransaction, ledger: &Ledger) -> Result<(), Failure> {
    let mut entries = transaction.open_table(OUTGOING).map_err(failure)?;
    ledger.write(&Ledger::default(), &mut entries)
}

/// Moves the reports of a database of format 1 to where they belong now. They keep their
/// order; a damaged one is quarantined. They are counted anew, and their numbers are given
/// again.
pub(crate) fn from_first_format(transaction: &WriteTransaction) -> Result<(), Failure> {
    let mut moved = Vec::new();
    let mut ledger = Ledger::default();
    {
        let old = transaction.open_table(OUTBOX).map_err(failure)?;
        for entry in old.iter().map_err(failure)? {
            let (sequence, record) = entry.map_err(failure)?;
            moved.push((sequence.value(), record.value().to_vec()));
        }
        let mut numbers = transaction.open_table(NUMBERS).map_err(failure)?;
        ledger.dropped[Lane::Reports.index()] = take(&mut numbers, "outbox-dropped")?;
        ledger.quarantined = take(&mut numbers, "outbox-quarantined")?;
        for name in ["outbox-bytes", "outbox-reports", "outbox-next"] {
            take(&mut numbers, name)?;
        }
    }
    put(transaction, &ledger)?;
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
