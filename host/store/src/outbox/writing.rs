//! The outbox's tables in one writing transaction.

use std::collections::BTreeMap;

use bailiwick_core::{ids::PluginName, run_time::RunTime};
use redb::{ReadableTable as _, ReadableTableMetadata as _, WriteTransaction};

use super::{
    super::{
        actions,
        keys::numbered,
        record::{self, PutHead, WaitingHead},
        tables::{Failure, OUTGOING, OUTGOING_KEYS, QUARANTINE, Tree, failure},
    },
    Beside, Caps, DropReason, Dropped, Lane, Outgoing, Ticket, What,
    added::Added,
    caps::NoRoom,
    ledger::Ledger,
    places,
};

/// Damaged records that are kept for whoever looks into the damage.
const KEPT_IN_QUARANTINE: u64 = 16;

/// Open tables. What they count is written by [`Writing::close`].
pub(crate) struct Writing<'txn> {
    transaction: &'txn WriteTransaction,
    entries: Tree<'txn>,
    before: Ledger,
    ledger: Ledger,
    /// What report senders remember, by plugin: written once, however many reports a commit
    /// has.
    senders: BTreeMap<&'txn PluginName, &'txn [u8]>,
    added: Added,
}

impl<'txn> Writing<'txn> {
    pub(crate) fn open(transaction: &'txn WriteTransaction) -> Result<Self, Failure> {
        let entries = transaction.open_table(OUTGOING).map_err(failure)?;
        let ledger = Ledger::read(&entries)?;
        Ok(Self {
            transaction,
            entries,
            before: ledger,
            ledger,
            senders: BTreeMap::new(),
            added: Added::default(),
        })
    }

    /// Writes what was added and counted, and what senders remember.
    pub(crate) fn close(mut self) -> Result<(), Failure> {
        self.added.write(&mut self.entries)?;
        for (plugin, state) in &self.senders {
            let place = places::sender(plugin);
            self.entries
                .insert(place.as_slice(), *state)
                .map_err(failure)?;
        }
        self.ledger.write(&self.before, &mut self.entries)
    }

    /// Keeps one, and says where. What had to make room, it itself perhaps, is added to
    /// `dropped`.
    pub(super) fn put(
        &mut self,
        outgoing: &Outgoing,
        (caps, now): (Caps, RunTime),
        dropped: &mut Vec<Dropped>,
    ) -> Result<Option<Ticket>, Failure> {
        let lane = outgoing.what.lane();
        let body = length(&outgoing.body);
        if body > lane.longest().get() {
            dropped.push(self.refuse(outgoing, body, DropReason::Length));
            return Ok(None);
        }
        let ticket = self.ledger.next(lane);
        if lane.is_put_again()
            && let Some(earlier) = self.claim(&outgoing.key, ticket)?
        {
            return Ok(Some(earlier));
        }
        let head = PutHead {
            what: &outgoing.what,
            key: &outgoing.key,
            at: outgoing.at,
            ran: now,
        };
        let bytes = self.added.make(&head, &outgoing.body) as u64;
        loop {
            match caps.victim(self.ledger.bytes, lane, bytes) {
                Ok(None) => break,
                Err(NoRoom) => {
                    self.forget_key(lane, &outgoing.key)?;
                    dropped.push(self.refuse(outgoing, bytes, DropReason::Bytes));
                    return Ok(None);
                }
                Ok(Some(victim)) => dropped.extend(self.drop_oldest(victim)?),
            }
        }
        self.ledger.add(ticket, bytes);
        self.added.keep(ticket);
        if self.added.is_full() {
            self.added.write(&mut self.entries)?;
        }
        Ok(Some(ticket))
    }

    fn refuse(&mut self, outgoing: &Outgoing, bytes: u64, reason: DropReason) -> Dropped {
        self.ledger.count_dropped(outgoing.what.lane());
        Dropped {
            what: outgoing.what.clone(),
            key: outgoing.key.clone(),
            bytes,
            reason,
        }
    }

    /// Writes what belongs to something that was kept.
    pub(super) fn beside(&mut self, what: &'txn What, beside: &'txn Beside) -> Result<(), Failure> {
        match (beside, what) {
            (Beside::Sender(state), What::Report { plugin, .. } | What::File { plugin, .. }) => {
                self.senders.insert(plugin, state);
                Ok(())
            }
            // An outcome belongs to no plugin's sender.
            (Beside::Sender(_), What::Outcome { .. }) => Ok(()),
            (Beside::Action(record), What::Outcome { action }) => {
                actions::end(self.transaction, action, record)
            }
            // Only an outcome belongs to an action.
            (Beside::Action(_), What::Report { .. } | What::File { .. }) => Ok(()),
        }
    }

    /// Gives `key` to `ticket`, unless an earlier one has it. Nearly always none has: so one way
    /// through the tree, not one to look and one to write.
    fn claim(&mut self, key: &str, ticket: Ticket) -> Result<Option<Ticket>, Failure> {
        let mut keys = self.keys()?;
        let earlier = keys.insert(key.as_bytes(), ticket.place().as_slice());
        let earlier = earlier.map_err(failure)?;
        let Some(earlier) = earlier.and_then(|place| Ticket::at(place.value())) else {
            return Ok(None);
        };
        keys.insert(key.as_bytes(), earlier.place().as_slice())
            .map_err(failure)?;
        Ok(Some(earlier))
    }

    /// Opened where one is needed: reports, most of what is kept, have none.
    fn keys(&self) -> Result<Tree<'txn>, Failure> {
        self.transaction.open_table(OUTGOING_KEYS).map_err(failure)
    }

    /// Trims, if that was not done for a minute: to look for what is too old reads the oldest
    /// of each lane, and checks it.
    pub(super) fn trim_in_time(
        &mut self,
        caps: Caps,
        now: RunTime,
    ) -> Result<Vec<Dropped>, Failure> {
        if self.ledger.is_behind(now) {
            return self.trim(caps, now);
        }
        Ok(Vec::new())
    }

    /// Drops what is too old, from the oldest of each lane on, and then what there is no
    /// room for. Damaged ones on the way are quarantined.
    pub(super) fn trim(&mut self, caps: Caps, now: RunTime) -> Result<Vec<Dropped>, Failure> {
        self.ledger.has_run(now);
        let mut dropped = Vec::new();
        for lane in Lane::ALL {
            while let Some((ticket, head)) = self.oldest(lane)? {
                match head {
                    Some(head) if !caps.is_aged(lane, head.ran, now) => break,
                    Some(_) => dropped.extend(self.drop(ticket, DropReason::Age)?),
                    None => self.quarantine(ticket)?,
                }
            }
        }
        // Room for nothing more: only what is held counts.
        for lane in Lane::ALL {
            while let Ok(Some(victim)) = caps.victim(self.ledger.bytes, lane, 0) {
                dropped.extend(self.drop_oldest(victim)?);
            }
        }
        Ok(dropped)
    }

    fn oldest(&self, lane: Lane) -> Result<Option<(Ticket, Option<WaitingHead>)>, Failure> {
        let mut range = self
            .entries
            .range(places::range(&lane.places_from(0)))
            .map_err(failure)?;
        let Some(entry) = range.next() else {
            return Ok(None);
        };
        let (place, record) = entry.map_err(failure)?;
        let head = record::decode(record.value()).map(|(head, _)| head);
        Ok(Ticket::at(place.value()).map(|ticket| (ticket, head)))
    }

    /// Makes room.
    fn drop_oldest(&mut self, lane: Lane) -> Result<Option<Dropped>, Failure> {
        // It may be one that this commit added.
        self.added.write(&mut self.entries)?;
        match self.oldest(lane)? {
            Some((ticket, _)) => self.drop(ticket, DropReason::Bytes),
            None => {
                // The count is wrong: it must not make an endless loop.
                self.ledger.bytes[lane.index()] = 0;
                self.ledger.entries[lane.index()] = 0;
                Ok(None)
            }
        }
    }

    fn drop(&mut self, ticket: Ticket, reason: DropReason) -> Result<Option<Dropped>, Failure> {
        let Some(record) = self.take(ticket)? else {
            return Ok(None);
        };
        let Some((head, _)) = record::decode::<WaitingHead>(&record) else {
            self.keep_in_quarantine(ticket, &record)?;
            return Ok(None);
        };
        self.ledger.count_dropped(ticket.lane);
        Ok(Some(Dropped {
            what: head.what,
            key: head.key,
            bytes: length(&record),
            reason,
        }))
    }

    /// Moves a damaged record out of the way.
    pub(super) fn quarantine(&mut self, ticket: Ticket) -> Result<(), Failure> {
        match self.take(ticket)? {
            Some(record) => self.keep_in_quarantine(ticket, &record),
            None => Ok(()),
        }
    }

    /// Counts a damaged record and keeps the newest of them.
    pub(super) fn keep_in_quarantine(
        &mut self,
        ticket: Ticket,
        record: &[u8],
    ) -> Result<(), Failure> {
        self.ledger.quarantined = self.ledger.quarantined.saturating_add(1);
        let mut quarantine = self.transaction.open_table(QUARANTINE).map_err(failure)?;
        quarantine
            .insert(numbered(ticket.sequence).as_slice(), record)
            .map_err(failure)?;
        while quarantine.len().map_err(failure)? > KEPT_IN_QUARANTINE {
            quarantine.pop_first().map_err(failure)?;
        }
        Ok(())
    }

    fn forget_key(&mut self, lane: Lane, key: &str) -> Result<(), Failure> {
        if lane.is_put_again() {
            self.keys()?.remove(key.as_bytes()).map_err(failure)?;
        }
        Ok(())
    }

    /// Counts something that the console failed at, and that is kept elsewhere.
    pub(super) fn count_given_up(&mut self) {
        self.ledger.given_up = self.ledger.given_up.saturating_add(1);
    }

    /// Removes a record and all that refers to it.
    pub(super) fn take(&mut self, ticket: Ticket) -> Result<Option<Vec<u8>>, Failure> {
        let place = ticket.place();
        let removed = self.entries.remove(place.as_slice()).map_err(failure)?;
        let Some(record) = removed.map(|record| record.value().to_vec()) else {
            return Ok(None);
        };
        match record::decode::<WaitingHead>(&record) {
            Some((head, _)) => self.forget_key(ticket.lane, &head.key)?,
            // The key can't be read from a damaged record.
            None => {
                self.keys()?
                    .retain(|_, at| at != place.as_slice())
                    .map_err(failure)?;
            }
        }
        self.ledger.remove(ticket.lane, length(&record));
        Ok(Some(record))
    }
}

impl Lane {
    /// Whether one may be put that is there already, after an error that came once it was. Not
    /// reports: what their sender remembers is kept with each, and who puts one again means
    /// another. So no key of theirs is kept, which would be half of what it costs to keep them.
    const fn is_put_again(self) -> bool {
        match self {
            Self::Outcomes | Self::Files => true,
            Self::Reports => false,
        }
    }
}

pub(super) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
