//! The chain through the device's record of events, see [`bailiwick_core::chain`].

use bailiwick_core::{
    chain::{self, Begins, Broken, Entry, Head, Link, MOST_PROVEN, Proof, Whole},
    digest::Sha256,
};
use redb::{ReadTransaction, ReadableDatabase, ReadableTable as _, WriteTransaction};

use super::{
    events::ROOM,
    keys::{number_of, numbered},
    look::LookError,
    tables::{EVENT_LINKS, EVENTS, Failure, ReadableTree, Tree, failure},
};

/// The links, in the transaction that keeps the events.
pub(super) struct Chain<'txn> {
    links: Tree<'txn>,
    last: Link,
}

impl<'txn> Chain<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction) -> Result<Self, Failure> {
        let links = transaction.open_table(EVENT_LINKS).map_err(failure)?;
        let last = links.last().map_err(failure)?;
        let last = last.and_then(|(_, kept)| link(kept.value()));
        Ok(Self {
            last: last.unwrap_or(Link::BEGINNING),
            links,
        })
    }

    pub(super) fn add(&mut self, number: u64, line: &[u8]) -> Result<(), Failure> {
        self.last = self.last.next(number, line);
        self.links
            .insert(numbered(number).as_slice(), self.last.as_bytes().as_slice())
            .map_err(failure)?;
        Ok(())
    }

    /// The event `number` made room: its link stays, since the next one's begins with it.
    pub(super) fn forget_before(&mut self, number: u64) -> Result<(), Failure> {
        self.links
            .retain_in(..numbered(number).as_slice(), |_, _| false)
            .map_err(failure)
    }
}

/// That the log goes on behind event `told` (the first if none was told) up to `until`, or as
/// far as one proof reaches.
pub(super) fn proof(
    transaction: &ReadTransaction,
    told: Option<u64>,
    until: u64,
) -> Result<Proof, Failure> {
    let links = transaction.open_table(EVENT_LINKS).map_err(failure)?;
    let events = transaction.open_table(EVENTS).map_err(failure)?;
    let first = events
        .first()
        .map_err(failure)?
        .map(|(at, _)| number_of(at.value()));
    // What made room untold is left out: whoever follows sees that something is missing.
    let begin = told
        .map_or(0, |told| told.saturating_add(1))
        .max(first.unwrap_or(0));
    let after = match begin.checked_sub(1) {
        Some(before) => head(&links, before)?,
        None => None,
    };
    let mut entries = Vec::new();
    if begin <= until {
        for entry in events
            .range(numbered(begin).as_slice()..=numbered(until).as_slice())
            .map_err(failure)?
            .take(MOST_PROVEN)
        {
            let (_, line) = entry.map_err(failure)?;
            entries.push(Sha256::of(line.value()));
        }
    }
    Ok(Proof { after, entries })
}

/// The head that the chain had at `number`. A link that is damaged is none.
pub(super) fn head(links: &impl ReadableTree, number: u64) -> Result<Option<Head>, Failure> {
    let kept = links.get(numbered(number).as_slice()).map_err(failure)?;
    let link = kept.and_then(|kept| link(kept.value()));
    Ok(link.map(|link| Head { number, link }))
}

fn link(kept: &[u8]) -> Option<Link> {
    Some(Link::from_bytes(kept.try_into().ok()?))
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
        let number = number_of(number.value());
        let link = head(&links, number)?.map(|head| head.link);
        kept.push((number, line.value().to_vec(), link));
    }
    let first = kept.first().map_or(0, |(number, ..)| *number);
    let begins = match first.checked_sub(1) {
        Some(before) => match head(&links, before)? {
            Some(head) => Begins::After(head),
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
    Ok(chain::verify(begins, entries, ROOM, told))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Audience, NewEvent, Store, tables};

    async fn store(events: usize) -> (tempfile::TempDir, Store) {
        store_of(events, 0).await
    }

    /// Each at least `bytes` long.
    async fn store_of(events: usize, bytes: usize) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let now = bailiwick_core::time::Timestamp::from_ms(1_795_432_800_000);
        let (store, _) = Store::open(folder.path(), now).await.unwrap();
        let event = |n: usize| NewEvent {
            line: format!("{:1$}", format!("event {n}"), bytes).into_bytes(),
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
        let (_folder, store) = store_of(2_000, 1_500).await;
        let whole = verify(&store, None).await.unwrap();
        // As many as fit, each of 1,500 bytes; and the chain begins with what made room last.
        assert_eq!(whole.entries, ROOM.bytes / 1_500);
        assert_eq!(whole.made_room, Some(1_999 - whole.entries));
        assert_eq!(whole.head.map(|head| head.number), Some(1_999));
        assert_eq!(verify(&store, whole.head).await, Ok(whole));
        // Small ones stay, however many bytes the first thousand has.
        let (_folder, store) = store_of(1_100, 40).await;
        let whole = verify(&store, None).await.unwrap();
        assert_eq!((whole.entries, whole.made_room), (1_100, None));
    }

    #[tokio::test]
    async fn what_is_sent_proves_the_log_up_to_it() {
        let (_folder, store) = store(3).await;
        let batch = store.next_events().await.unwrap().unwrap();
        let head = verify(&store, None).await.unwrap().head;
        assert_eq!(batch.proof.head().ok(), head);
        assert_eq!(batch.proof.after, None);
        store
            .events_sent(batch.last, batch.proof.head().ok())
            .await
            .unwrap();
        // The device's own come in between, and are proven with the next that is sent.
        let own = NewEvent {
            line: b"own".to_vec(),
            audience: Audience::Device,
        };
        let told = NewEvent {
            audience: Audience::Console,
            ..own.clone()
        };
        store.record_events(vec![own, told]).await.unwrap();
        let batch = store.next_events().await.unwrap().unwrap();
        assert_eq!(batch.proof.after, head);
        assert_eq!(batch.proof.entries.len(), 2);
        let head = verify(&store, None).await.unwrap().head;
        assert_eq!(batch.proof.head().ok(), head);
    }

    type Change = fn(&mut Tree<'_>);

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
                |events| {
                    drop(
                        events
                            .insert(numbered(3).as_slice(), b"event x".as_slice())
                            .unwrap(),
                    )
                },
                Broken::Changed(3),
            ),
            (
                |events| drop(events.remove(numbered(4).as_slice()).unwrap()),
                Broken::Missing {
                    expected: 4,
                    found: 5,
                },
            ),
            (
                |events| drop(events.remove(numbered(0).as_slice()).unwrap()),
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
            edit(database, |events| {
                drop(events.remove(numbered(9).as_slice()).unwrap())
            })
        };
        store.look(look).await.unwrap();
        assert_eq!(verify(&store, head).await, Err(Broken::Ends { told: 9 }));
    }
}
