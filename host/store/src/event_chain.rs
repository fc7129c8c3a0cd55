//! The chain through the device's record of events, see [`bailiwick_core::chain`].

use bailiwick_core::chain::{self, Begins, Broken, Entry, Head, Link, Whole};
use redb::{ReadTransaction, ReadableDatabase, ReadableTable as _, Table, WriteTransaction};

use super::{
    events::KEPT_EVENTS,
    look::LookError,
    tables::{EVENT_LINKS, EVENTS, Failure, failure},
};

/// The links, in the transaction that keeps the events.
pub(super) struct Chain<'txn> {
    links: Table<'txn, u64, &'static [u8; 32]>,
    last: Link,
}

impl<'txn> Chain<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction) -> Result<Self, Failure> {
        let links = transaction.open_table(EVENT_LINKS).map_err(failure)?;
        let last = links.last().map_err(failure)?;
        let last = last.map(|(_, link)| Link::from_bytes(*link.value()));
        Ok(Self {
            last: last.unwrap_or(Link::BEGINNING),
            links,
        })
    }

    pub(super) fn add(&mut self, number: u64, line: &[u8]) -> Result<(), Failure> {
        self.last = self.last.next(number, line);
        self.links
            .insert(number, self.last.as_bytes())
            .map_err(failure)?;
        Ok(())
    }

    /// The event `number` made room: its link stays, since the next one's begins with it.
    pub(super) fn forget_before(&mut self, number: u64) -> Result<(), Failure> {
        self.links
            .retain_in(..number, |_, _| false)
            .map_err(failure)
    }
}

/// The log up to event `number`; none if its link is not kept.
pub(super) fn head(transaction: &ReadTransaction, number: u64) -> Result<Option<Head>, Failure> {
    let links = transaction.open_table(EVENT_LINKS).map_err(failure)?;
    let link = links.get(number).map_err(failure)?;
    Ok(link.map(|link| Head {
        number,
        link: Link::from_bytes(*link.value()),
    }))
}

/// Follows the chain through the record, and holds it against `told`, a head that was noted
/// elsewhere.
///
/// # Errors
/// The store can't be read. That the chain is broken is the answer.
pub fn verify_events(
    database: &impl ReadableDatabase,
    told: Option<&Head>,
) -> Result<Result<Whole, Broken>, LookError> {
    let transaction = database.begin_read().map_err(failure)?;
    let events = transaction.open_table(EVENTS).map_err(failure)?;
    let links = transaction.open_table(EVENT_LINKS).map_err(failure)?;
    let mut kept = Vec::new();
    for entry in events.iter().map_err(failure)? {
        let (number, line) = entry.map_err(failure)?;
        let number = number.value();
        let link = links.get(number).map_err(failure)?;
        let link = link.map(|link| Link::from_bytes(*link.value()));
        kept.push((number, line.value().to_vec(), link));
    }
    let first = kept.first().map_or(0, |(number, ..)| *number);
    let begins = match first.checked_sub(1) {
        Some(before) => match links.get(before).map_err(failure)? {
            Some(link) => Begins::After(Head {
                number: before,
                link: Link::from_bytes(*link.value()),
            }),
            // Then the first one that is there does not begin the log.
            None => Begins::AtFirst,
        },
        None => Begins::AtFirst,
    };
    let entries = kept.iter().map(|(number, bytes, link)| Entry {
        number: *number,
        bytes,
        link: *link,
    });
    Ok(chain::verify(begins, entries, KEPT_EVENTS, told))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Audience, NewEvent, Store, tables};

    async fn store(events: usize) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let now = bailiwick_core::time::Timestamp::from_ms(1_795_432_800_000);
        let (store, _) = Store::open(folder.path(), now).await.unwrap();
        let event = |n: usize| NewEvent {
            line: format!("event {n}").into_bytes(),
            audience: Audience::Console,
        };
        store
            .record_events((0..events).map(event).collect())
            .await
            .unwrap();
        (folder, store)
    }

    async fn verify(store: &Store, told: Option<Head>) -> Result<Whole, Broken> {
        let look = move |database: &redb::Database| verify_events(database, told.as_ref());
        store.look(look).await.unwrap()
    }

    #[tokio::test]
    async fn a_record_from_which_older_events_made_room_is_whole() {
        let (_folder, store) = store(1_250).await;
        let whole = verify(&store, None).await.unwrap();
        assert_eq!(whole.entries, KEPT_EVENTS);
        assert_eq!(whole.head.map(|head| head.number), Some(1_249));
        assert_eq!(verify(&store, whole.head).await, Ok(whole));
    }

    #[tokio::test]
    async fn what_is_sent_names_the_log_up_to_it() {
        let (_folder, store) = store(3).await;
        let batch = store.next_events().await.unwrap().unwrap();
        assert_eq!(batch.head, verify(&store, None).await.unwrap().head);
    }

    type Change = fn(&mut Table<'_, u64, &'static [u8]>);

    #[tokio::test]
    async fn an_event_that_was_edited_removed_or_replaced_is_found() {
        let edit = |database: &redb::Database, edit: Change| {
            tables::write(database, |transaction| {
                edit(&mut transaction.open_table(EVENTS).unwrap());
                Ok(())
            })
        };
        let cases: [(Change, Broken); 3] = [
            (
                |events| drop(events.insert(3, b"event x".as_slice()).unwrap()),
                Broken::Changed(3),
            ),
            (
                |events| drop(events.remove(4).unwrap()),
                Broken::Missing {
                    expected: 4,
                    found: 5,
                },
            ),
            (
                |events| drop(events.remove(0).unwrap()),
                Broken::Shortened {
                    until: 0,
                    entries: 9,
                },
            ),
        ];
        for (change, broken) in cases {
            let (_folder, store) = store(10).await;
            let look = move |database: &redb::Database| edit(database, change);
            store.look(look).await.unwrap();
            assert_eq!(verify(&store, None).await, Err(broken));
        }
        let (_folder, store) = store(10).await;
        let head = verify(&store, None).await.unwrap().head;
        let look = move |database: &redb::Database| {
            edit(database, |events| drop(events.remove(9).unwrap()))
        };
        store.look(look).await.unwrap();
        assert_eq!(verify(&store, head).await, Err(Broken::Ends { told: 9 }));
    }
}
