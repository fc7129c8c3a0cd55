//! What waits for the console's receipt, and what was sent lately.
//!
//! Whoever has something to send puts it here, and is done:
//!
//! ```ignore
//! store.outbox().put(vec![Outgoing {
//!     what: What::File { plugin, session },          // or Outcome, or Report
//!     key: format!("{device}-{plugin}-{number}"),
//!     at: clock.now(),
//!     body: bytes,                                    // as the console gets them
//!     beside: None,                                   // written in the same commit
//! }], Caps::DEFAULT, run_clock.now()).await?;
//! ```
//!
//! It is on disk when that returns; the agent tells what had to make room, and rings for
//! whoever sends. A module of the store that writes a record of its own in the same commit
//! calls [`put`] within its transaction, and gives its caller the answer.
//!
//! Each [`Lane`] is a queue in order of age. What is put is deleted on its receipt alone, so
//! it can arrive twice, under the same key, and is never lost without being counted and
//! told. What is more urgent never makes room for what is less so ([`Caps::victim`]).
//! A damaged entry is moved out of the way and counted; the others go on.

mod added;
mod caps;
pub(super) mod given_up;
mod ledger;
mod outgoing;
pub(super) mod places;
pub(super) mod reading;
pub(super) mod sent;
mod writing;

use bailiwick_core::{bytes::ByteCount, run_time::RunTime, time::Timestamp};
use redb::WriteTransaction;

pub use caps::{Caps, DropReason, Dropped};
pub use outgoing::{Beside, Lane, Outgoing, Ticket, Waiting, What};
pub use reading::OutboxFigures;
pub use sent::{Confirmed, KeepSent, Sent, Settled};
pub(super) use writing::Writing;

use super::{
    Store, StoreError,
    tables::{self, Failure},
};

/// What became of what was put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Put {
    /// Which places they have, in the order in which they were put; `None` for one that is
    /// itself among `dropped`.
    pub tickets: Vec<Option<Ticket>>,
    /// What went, in the order of going.
    pub dropped: Vec<Dropped>,
}

/// The outbox of a [`Store`].
#[derive(Clone, Copy)]
pub struct Outbox<'a>(&'a Store);

impl Store {
    /// What waits to be sent.
    pub const fn outbox(&self) -> Outbox<'_> {
        Outbox(self)
    }
}

impl Outbox<'_> {
    /// Keeps all of `outgoing`, in one commit, each with what is to be written beside it.
    /// They are on disk when this returns. One that does not fit is left out, and what is
    /// beside it; the answer says so.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if the database failed: nothing was kept or dropped.
    pub async fn put(
        self,
        outgoing: Vec<Outgoing>,
        caps: Caps,
        now: RunTime,
    ) -> Result<Put, StoreError> {
        self.0
            .run("keep what is to be sent", move |database| {
                tables::write(database, |transaction| {
                    put(transaction, &outgoing, caps, now)
                })
            })
            .await
    }

    /// Drops what has waited too long, and what `caps` has no room for (they may have been
    /// lowered).
    ///
    /// # Errors
    /// [`StoreError::Failed`]: nothing was dropped.
    pub async fn trim(self, caps: Caps, now: RunTime) -> Result<Vec<Dropped>, StoreError> {
        self.0
            .run("drop what has waited too long", move |database| {
                // Nothing to drop is the rule, and a commit costs the disk a write.
                if !reading::needs_trim(database, caps, now)? {
                    return Ok(Vec::new());
                }
                tables::write(database, |transaction| {
                    let mut writing = Writing::open(transaction)?;
                    let dropped = writing.trim(caps, now)?;
                    writing.close()?;
                    Ok(dropped)
                })
            })
            .await
    }

    /// The oldest of `lane`, behind `after` if there is one: at most `at_most` of them and
    /// `bytes` in all, but always one if there is one. A damaged one is moved out of the way
    /// and counted.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn next(
        self,
        lane: Lane,
        after: Option<Ticket>,
        at_most: usize,
        bytes: ByteCount,
    ) -> Result<Vec<Waiting>, StoreError> {
        self.0
            .run("read the outbox", move |database| {
                let batch = reading::batch(database, lane, after, at_most, bytes.get(), |_| true)?;
                if !batch.damaged.is_empty() {
                    tables::write(database, |transaction| {
                        let mut writing = Writing::open(transaction)?;
                        for ticket in &batch.damaged {
                            writing.quarantine(*ticket)?;
                        }
                        writing.close()
                    })?;
                }
                Ok(batch.waiting)
            })
            .await
    }

    /// Forgets what is settled, in one commit, and notes it among what was sent. Unknown
    /// tickets are passed over.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: all of it still waits.
    pub async fn settle(
        self,
        settled: Vec<Settled>,
        keep: KeepSent,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.0
            .run("forget what was sent", move |database| {
                tables::write(database, |transaction| {
                    sent::settle(transaction, settled, keep, now)
                })
            })
            .await
    }

    /// The number of the next entry: all that wait now have lower ones.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn next_number(self) -> Result<u64, StoreError> {
        self.0
            .run("read the number of the next entry", reading::next_number)
            .await
    }

    /// How long the agent has run, as far as that was kept.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn ran(self) -> Result<RunTime, StoreError> {
        self.0
            .run("read how long the agent has run", reading::ran)
            .await
    }

    /// How much waits.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn figures(self) -> Result<OutboxFigures, StoreError> {
        self.0.run("count the outbox", reading::figures).await
    }
}

/// See [`Outbox::put`]: the same within a transaction of the store.
pub(super) fn put<'a>(
    transaction: &'a WriteTransaction,
    outgoing: &'a [Outgoing],
    caps: Caps,
    now: RunTime,
) -> Result<Put, Failure> {
    let mut writing = Writing::open(transaction)?;
    let mut answer = Put {
        tickets: Vec::with_capacity(outgoing.len()),
        dropped: writing.trim_in_time(caps, now)?,
    };
    for one in outgoing {
        let ticket = writing.put(one, (caps, now), &mut answer.dropped)?;
        if let (Some(_), Some(beside)) = (ticket, &one.beside) {
            writing.beside(&one.what, beside)?;
        }
        answer.tickets.push(ticket);
    }
    writing.close()?;
    Ok(answer)
}

#[cfg(test)]
pub(super) mod tests;
